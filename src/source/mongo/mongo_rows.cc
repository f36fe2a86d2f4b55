#include "source/mongo/mongo_rows.h"

#include <fmt/format.h>

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
  batch_.Begin(batch);
  documents_.clear();
  decoder_.BeginBatch();
}

Status MongoRows::Put(BsonBytes document) {
  const uint32_t row = batch_.next();
  MURMUR_TRY(Add(document, RowChange::kPut));
  DeadLetter dead;
  if (Decode(document, row, &dead)) return {};
  Describe(row, &dead);
  batch_.AddDeadLetter(row, std::move(dead));
  return {};
}

Status MongoRows::Retract(BsonBytes document) {
  const uint32_t row = batch_.next();
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
  } else if (decoder_.Decode(document.data, document.size, row, batch_.columns(), dead)) {
    return true;
  }
  batch_.Refuse(row);
  return false;
}

Status MongoRows::Delete(BsonBytes document) {
  batch_.SetNull(batch_.next());
  return Add(document, RowChange::kDelete);
}

Status MongoRows::Add(BsonBytes document, RowChange change) {
  const std::string& object = batch_.object();
  bson_iter_t id;
  if (!FindId(document, &id)) return Status(Code::kDataLoss, object + ": a document without _id");
  if (Status status = AppendBsonKey(&id, batch_.key()); !status.ok()) {
    return status.Annotated(object);
  }
  documents_.push_back(document);
  batch_.Add(change, document.size);
  return {};
}

void MongoRows::Finish() {
  batch_.Finish([this](uint32_t row, DeadLetter* letter) { Describe(row, letter); });
}

std::string MongoRows::IdOf(BsonBytes document) {
  bson_iter_t id;
  return FindId(document, &id) ? BsonValueAsJson(&id) : std::string();
}

void MongoRows::Describe(uint32_t row, DeadLetter* letter) const {
  letter->id = batch_.object() + ":" + IdOf(documents_[row]);
  letter->raw = TextOf(documents_[row]).substr(0, kDeadLetterRawBytes);
}

}  // namespace murmur
