#include "source/mongo/mongo_rows.h"

#include <fmt/format.h>

#include "monoid/hash.h"
#include "source/mongo/bson_key.h"

namespace murmur {
namespace {

bool FindId(BsonBytes document, bson_iter_t* id) {
  if (!bson_iter_init_from_data(id, document.data, document.size)) return false;
  return bson_iter_find(id, "_id");
}

// As JSON that people can read; if that is impossible, its bytes.
std::string TextOf(BsonBytes document) {
  bson_t view;
  if (!bson_init_static(&view, document.data, document.size)) return {};
  size_t size = 0;
  if (const BsonText text(bson_as_relaxed_extended_json(&view, &size)); text != nullptr) {
    return {text.get(), size};
  }
  const BsonDocument whole;
  BSON_APPEND_DOCUMENT(whole.get(), "document", &view);
  bson_iter_t value;
  bson_iter_init_find(&value, whole.get(), "document");
  return BsonValueAsJson(&value);
}

}  // namespace

void MongoRows::Begin(RecordBatch* batch) {
  batch_ = batch;
  batch->Clear();
  batch->object = ns_;
  TableRows& table = batch->AsTable();
  table.row_keys.clear();
  table.changes.clear();
  table.places.clear();
  table.read_point.clear();
  table.watermark.clear();
  batch->describe = nullptr;
  documents_.clear();
  keys_.clear();
  key_ends_.clear();
  decoder_.BeginBatch();
}

Status MongoRows::Put(BsonBytes document) {
  const uint32_t row = batch_->rows;
  MURMUR_TRY(Add(document, RowChange::kPut));
  DeadLetter dead;
  if (Decode(document, row, &dead)) return {};
  dead.object = ns_;
  dead.offset = batch_->offsets[row];
  Describe(row, &dead);
  batch_->dead_letters.push_back(std::move(dead));
  return {};
}

Status MongoRows::Retract(BsonBytes document) {
  const uint32_t row = batch_->rows;
  MURMUR_TRY(Add(document, RowChange::kRetract));
  DeadLetter dead;
  (void)Decode(document, row, &dead);
  return {};
}

bool MongoRows::Decode(BsonBytes document, uint32_t row, DeadLetter* dead) {
  if (document.size > row_bytes_max_) {
    dead->reason = DeadReason::kTooLong;
    dead->detail =
        fmt::format("the document has {} bytes of what is read, more than max_record ({})",
                    document.size, row_bytes_max_);
  } else if (decoder_.Decode(document.data, document.size, row, &batch_->columns, dead)) {
    return true;
  }
  batch_->table->changes[row] = RowChange::kDelete;
  for (Column& column : batch_->columns) column.cells[row] = Cell::Null();
  return false;
}

Status MongoRows::Delete(BsonBytes document) {
  for (Column& column : batch_->columns) column.cells[batch_->rows] = Cell::Null();
  return Add(document, RowChange::kDelete);
}

Status MongoRows::Add(BsonBytes document, RowChange change) {
  bson_iter_t id;
  if (!FindId(document, &id)) return Status(Code::kDataLoss, ns_ + ": a document without _id");
  const size_t begin = keys_.size();
  if (Status status = AppendBsonKey(&id, &keys_); !status.ok()) return status.Annotated(ns_);
  key_ends_.push_back(keys_.size());
  documents_.push_back(document);
  const uint32_t row = batch_->rows++;
  batch_->table->changes.push_back(change);
  batch_->offsets[row] = HashBytes(std::string_view(keys_).substr(begin), kStringSeed);
  batch_->raw[row] = {};
  batch_->bytes += document.size;
  return {};
}

void MongoRows::Finish() {
  for (Column& column : batch_->columns) column.SetTypeFromCells(batch_->rows);
  size_t begin = 0;
  for (const size_t end : key_ends_) {
    batch_->table->row_keys.push_back(std::string_view(keys_).substr(begin, end - begin));
    begin = end;
  }
  batch_->describe = [this](uint32_t row, DeadLetter* letter) { Describe(row, letter); };
}

std::string MongoRows::IdOf(BsonBytes document) {
  bson_iter_t id;
  return FindId(document, &id) ? BsonValueAsJson(&id) : std::string();
}

void MongoRows::Describe(uint32_t row, DeadLetter* letter) const {
  letter->id = ns_ + ":" + IdOf(documents_[row]);
  letter->raw = TextOf(documents_[row]).substr(0, kDeadLetterRawBytes);
}

}  // namespace murmur
