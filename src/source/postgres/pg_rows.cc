#include "source/postgres/pg_rows.h"

#include <fmt/format.h>

#include <algorithm>

#include "monoid/hash.h"
#include "monoid/numbers.h"
#include "murmur/key.h"

namespace murmur {
namespace {

uint64_t BytesOf(const PgRow& row) {
  uint64_t bytes = 0;
  for (const PgValue& value : row) bytes += value.text.size();
  return bytes;
}

}  // namespace

Result<PgRows> PgRows::Make(std::string object, PgTable table, const Projection& projection,
                            uint64_t row_bytes_max) {
  PgRows rows;
  rows.object_ = std::move(object);
  rows.table_ = std::move(table);
  rows.row_bytes_max_ = projection.before ? UINT64_MAX : row_bytes_max;
  const std::vector<PgColumn>& columns = rows.table_.columns;
  std::vector<bool> needed(columns.size(), false);
  for (const size_t column : rows.table_.key) needed[column] = true;
  for (const FieldRequest& request : projection.fields) {
    Field& field = rows.fields_.emplace_back();
    const auto* name = std::get_if<std::string>(&request.path.steps[0]);
    const PgColumn* column = name == nullptr ? nullptr : rows.table_.Find(*name);
    if (column == nullptr) {
      if (name != nullptr) rows.missing_.push_back(*name);
      continue;
    }
    field.column = static_cast<size_t>(column - columns.data());
    needed[*field.column] = true;
    MURMUR_ASSIGN(field.reader, PgFieldReader::Make(column->type, request));
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    if (needed[i]) rows.needed_.push_back(i);
  }
  return rows;
}

std::string PgRows::shape() const {
  std::string text = fmt::format("{}/{}", table_.system, table_.oid);
  for (const size_t column : needed_) {
    const PgColumn& read = table_.columns[column];
    text += fmt::format("\n{} {} {}", read.name, read.declared_type, read.modifier);
  }
  for (const std::string& name : missing_) text += "\n-" + name;
  return fmt::format("{:016x}", HashBytes(text, kStringSeed));
}

void PgRows::Begin(RecordBatch* batch) {
  batch_ = batch;
  batch->Clear();
  batch->object = object_;
  TableRows& table = batch->AsTable();
  table.row_keys.clear();
  table.changes.clear();
  table.places.clear();
  table.read_point.clear();
  table.watermark.clear();
  batch->describe = nullptr;
  arena_->Reset();
  keys_.clear();
  key_ends_.clear();
  ids_.clear();
  for (Field& field : fields_) {
    if (field.reader) field.reader->BeginBatch();
  }
}

Status PgRows::Put(const PgRow& row) {
  const uint32_t at = batch_->rows;
  MURMUR_TRY(Add(row, RowChange::kPut));
  DeadLetter dead;
  if (Decode(row, at, &dead)) return {};
  dead.object = object_;
  dead.offset = batch_->offsets[at];
  Describe(at, &dead);
  batch_->dead_letters.push_back(std::move(dead));
  return {};
}

Status PgRows::Retract(const PgRow& row) {
  const uint32_t at = batch_->rows;
  MURMUR_TRY(Add(row, RowChange::kRetract));
  DeadLetter dead;
  (void)Decode(row, at, &dead);
  return {};
}

Status PgRows::Delete(const PgRow& row) {
  for (Column& column : batch_->columns) column.cells[batch_->rows] = Cell::Null();
  return Add(row, RowChange::kDelete);
}

bool PgRows::Decode(const PgRow& row, uint32_t at, DeadLetter* dead) {
  bool good = true;
  if (const uint64_t bytes = BytesOf(row); bytes > row_bytes_max_) {
    dead->reason = DeadReason::kTooLong;
    dead->detail = fmt::format("the row has {} bytes of what is read, more than max_record ({})",
                               bytes, row_bytes_max_);
    good = false;
  }
  for (size_t field = 0; good && field < fields_.size(); ++field) {
    good = DecodeField(field, row, at, dead);
  }
  if (good) return true;
  batch_->table->changes[at] = RowChange::kDelete;
  for (Column& column : batch_->columns) column.cells[at] = Cell::Null();
  return false;
}

bool PgRows::DecodeField(size_t field, const PgRow& row, uint32_t at, DeadLetter* dead) {
  Cell& cell = batch_->columns[field].cells[at];
  cell = Cell::Null();
  if (!fields_[field].column) return true;
  const PgValue& value = row[*fields_[field].column];
  if (value.is != PgValue::Is::kText) return true;
  if (fields_[field].reader->Read(arena_->Store(value.text), arena_.get(), &cell, dead))
    return true;
  dead->detail =
      fmt::format("column '{}': {}", table_.columns[*fields_[field].column].name, dead->detail);
  return false;
}

Status PgRows::Add(const PgRow& row, RowChange change) {
  const size_t begin = keys_.size();
  MURMUR_TRY(AppendKey(row));
  key_ends_.push_back(keys_.size());
  const uint32_t at = batch_->rows++;
  batch_->table->changes.push_back(change);
  batch_->offsets[at] = HashBytes(std::string_view(keys_).substr(begin), kStringSeed);
  batch_->raw[at] = {};
  batch_->bytes += BytesOf(row);
  return {};
}

Status PgRows::AppendKey(const PgRow& row) {
  std::string id;
  for (const size_t column : table_.key) {
    const PgValue& value = row[column];
    Cell cell;
    if (value.is == PgValue::Is::kText) {
      const PgType& type = table_.columns[column].type;
      if (!ReadPgScalar(type, arena_->Store(value.text), arena_.get(), &cell)) {
        return Status(Code::kDataLoss, object_ + ": a key that is not written as its type is");
      }
      // Values that have one cell would be one row.
      const bool is_far =
          cell.kind == Kind::kTime && IsInfiniteTime(cell.i) && !value.text.ends_with("infinity");
      if (is_far || (cell.flags & Cell::kRounded) != 0) {
        cell = Cell::String(arena_->Store(value.text));
      }
    } else if (value.is != PgValue::Is::kNull) {
      return Status(Code::kDataLoss,
                    fmt::format("{}: a change without column '{}' of its row's key", object_,
                                table_.columns[column].name));
    }
    AppendKeyPart(cell, &keys_);
    id += id.empty() ? "" : ",";
    id += value.text;
  }
  ids_.push_back(std::move(id));
  return {};
}

void PgRows::Finish() {
  for (Column& column : batch_->columns) column.SetTypeFromCells(batch_->rows);
  size_t begin = 0;
  for (const size_t end : key_ends_) {
    batch_->table->row_keys.push_back(std::string_view(keys_).substr(begin, end - begin));
    begin = end;
  }
  batch_->describe = [this](uint32_t row, DeadLetter* letter) { Describe(row, letter); };
}

void PgRows::Describe(uint32_t row, DeadLetter* letter) const {
  letter->id = object_ + ":" + ids_[row];
}

}  // namespace murmur
