#include "source/mariadb/maria_rows.h"

#include <fmt/format.h>

#include "monoid/hash.h"
#include "monoid/numbers.h"

namespace murmur {
namespace {

uint64_t BytesOf(const MariaRow& row) {
  uint64_t bytes = 0;
  for (const MariaValue& value : row) bytes += value.text.size();
  return bytes;
}

}  // namespace

Result<MariaRows> MariaRows::Make(std::string object, MariaTable table,
                                  const Projection& projection, uint64_t row_bytes_max) {
  MariaRows rows(std::move(object));
  rows.table_ = std::move(table);
  rows.row_bytes_max_ = projection.before ? UINT64_MAX : row_bytes_max;
  const std::vector<MariaColumn>& columns = rows.table_.columns;
  std::vector<bool> needed(columns.size(), false);
  for (const size_t column : rows.table_.key) needed[column] = true;
  for (const FieldRequest& request : projection.fields) {
    Field& field = rows.fields_.emplace_back();
    const auto* name = std::get_if<std::string>(&request.path.steps[0]);
    const MariaColumn* column = name == nullptr ? nullptr : rows.table_.Find(*name);
    if (column == nullptr) {
      if (name != nullptr) rows.missing_.push_back(*name);
      continue;
    }
    if (!column->why_not.empty()) {
      return Status(Code::kFailedPrecondition,
                    fmt::format("mariadb:{}: column '{}' {}", rows.batch_.object(), column->name,
                                column->why_not));
    }
    field.column = static_cast<size_t>(column - columns.data());
    needed[*field.column] = true;
    MURMUR_ASSIGN(field.reader, MariaFieldReader::Make(column->is, request));
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    if (needed[i]) rows.needed_.push_back(i);
  }
  return rows;
}

std::string MariaRows::shape() const {
  std::string text = table_.server;
  for (const size_t column : table_.key) text += "\n*" + table_.columns[column].name;
  for (const size_t column : needed_) {
    const MariaColumn& read = table_.columns[column];
    text += fmt::format("\n{} {} {}", read.name, read.declared, static_cast<int>(read.is));
  }
  for (const std::string& name : missing_) text += "\n-" + name;
  return fmt::format("{:016x}", HashBytes(text, kStringSeed));
}

void MariaRows::Begin(RecordBatch* batch) {
  batch_.Begin(batch);
  arena_->Reset();
  ids_.clear();
  for (Field& field : fields_) {
    if (field.reader) field.reader->BeginBatch();
  }
}

Status MariaRows::Put(const MariaRow& row) {
  const uint32_t at = batch_.next();
  MURMUR_TRY(Add(row, RowChange::kPut));
  DeadLetter dead;
  if (Decode(row, at, &dead)) return {};
  Describe(at, &dead);
  batch_.AddDeadLetter(at, std::move(dead));
  return {};
}

Status MariaRows::Retract(const MariaRow& row) {
  const uint32_t at = batch_.next();
  MURMUR_TRY(Add(row, RowChange::kRetract));
  DeadLetter dead;
  (void)Decode(row, at, &dead);
  return {};
}

Status MariaRows::Delete(const MariaRow& row) {
  batch_.SetNull(batch_.next());
  return Add(row, RowChange::kDelete);
}

bool MariaRows::Decode(const MariaRow& row, uint32_t at, DeadLetter* dead) {
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
  batch_.Refuse(at);
  return false;
}

bool MariaRows::DecodeField(size_t field, const MariaRow& row, uint32_t at, DeadLetter* dead) {
  Cell& cell = (*batch_.columns())[field].cells[at];
  cell = Cell::Null();
  if (!fields_[field].column) return true;
  const MariaValue& value = row[*fields_[field].column];
  if (value.is != MariaValue::Is::kText) return true;
  if (fields_[field].reader->Read(arena_->Store(value.text), arena_.get(), &cell, dead)) {
    return true;
  }
  dead->detail =
      fmt::format("column '{}': {}", table_.columns[*fields_[field].column].name, dead->detail);
  return false;
}

Status MariaRows::Add(const MariaRow& row, RowChange change) {
  MURMUR_TRY(AppendKey(row));
  batch_.Add(change, BytesOf(row));
  return {};
}

Status MariaRows::AppendKey(const MariaRow& row) {
  std::string_view id;
  for (const size_t column : table_.key) {
    const MariaValue& value = row[column];
    const std::string_view text = arena_->Store(value.text);
    if (value.is != MariaValue::Is::kText ||
        !AppendMariaKeyPart(table_.columns[column].is, text, arena_.get(), batch_.key())) {
      return Status(Code::kDataLoss, fmt::format("{}: a row without column '{}' of its key",
                                                 batch_.object(), table_.columns[column].name));
    }
    id = id.empty() ? text : arena_->Store(fmt::format("{},{}", id, text));
  }
  ids_.push_back(id);
  return {};
}

void MariaRows::Finish() {
  batch_.Finish([this](uint32_t row, DeadLetter* letter) { Describe(row, letter); });
}

void MariaRows::Describe(uint32_t row, DeadLetter* letter) const {
  letter->id = fmt::format("{}:{}", batch_.object(), ids_[row]);
}

}  // namespace murmur
