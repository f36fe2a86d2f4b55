// Rows of a table, whose values are texts, → the rows of a batch.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "decode/text_arena.h"
#include "monoid/hash.h"
#include "monoid/numbers.h"
#include "murmur/decoder.h"
#include "murmur/key.h"
#include "murmur/record.h"
#include "murmur/status.h"
#include "source/table_batch.h"

namespace murmur {

// One row: the value of each column of the table; columns that were not asked for are kMissing.
// kUnchanged: the log of a change leaves the value out, as it did not change.
struct TextValue {
  enum class Is : uint8_t { kMissing, kNull, kText, kUnchanged };
  Is is = Is::kMissing;
  std::string_view text;
};
using TextRow = std::vector<TextValue>;  // by column

// Values of one requested field: a column, or a part of one with JSON. Belongs to one stream.
// Threads: one at a time.
class TextFieldReader {
 public:
  // The cell of a value that is not null; it may point to `text`, and *arena keeps what else it
  // points to. False: the text is not what the type's text is.
  using Scalar = std::function<bool(std::string_view text, TextArena* arena, Cell* cell)>;
  // Appends a value as JSON. False: likewise.
  using AsJson = std::function<bool(std::string_view text, std::string* json)>;

  static TextFieldReader OfScalars(const FieldRequest& request, Scalar scalar);
  // `why_not`: of a row whose value can't be read. Errors: those of MakeDecoder.
  static Result<TextFieldReader> OfJson(const FieldRequest& request, AsJson as_json,
                                        std::string why_not);

  void BeginBatch();
  // False: *dead says why the row is refused. *arena keeps what the cell points to.
  bool Read(std::string_view text, TextArena* arena, Cell* cell, DeadLetter* dead);

 private:
  TextFieldReader() = default;
  bool ReadJson(std::string_view text, TextArena* arena, Cell* cell, DeadLetter* dead);

  bool is_part_ = false;  // of a column
  bool as_time_ = false;
  TimeUnit unit_ = TimeUnit::kNone;
  Scalar scalar_;
  AsJson as_json_;
  std::string why_not_;
  std::unique_ptr<RecordDecoder> json_;
  std::vector<Column> one_;
};

// A Table has
//   columns  each with a `name`
//   key      the columns of the primary key, in its order; none: its rows have no names
//   Find     the column of a name; null: there is none
//   ReaderOf(column, request)               → Result<TextFieldReader>
//   AppendKeyPart(column, text, arena, key) false: the text is not what the type's text is
//   ShapeOf(needed)  text that differs where the table, or one of these columns, is another
// Belongs to one stream. Threads: one at a time.
template <class Table>
class TextRows {
 public:
  // `object`, "shop.public.orders", is the rows' object. A row longer than `row_bytes_max` is a
  // dead letter, unless the projection is that of the cut method. Errors: those of ReaderOf.
  static Result<TextRows> Make(std::string object, Table table, const Projection& projection,
                               uint64_t row_bytes_max);

  // The columns that are needed, in their order: those of fields and of the key.
  const std::vector<size_t>& needed() const noexcept { return needed_; }
  const Table& table() const noexcept { return table_; }
  // Columns that the definition names and the table does not have.
  const std::vector<std::string>& missing() const noexcept { return missing_; }
  // Differs where the table is another one, or a column that is read is, or was missing.
  std::string shape() const;

  // For a table without a primary key: names the rows that are told next, by bytes and for people.
  void Name(std::string key, std::string shown) {
    key_ = std::move(key);
    shown_ = std::move(shown);
  }

  // Starts a batch; views of the last one become invalid. *batch stays until Finish.
  void Begin(RecordBatch* batch);
  // The present content of a row. If it can't be decoded, it is a dead letter, and the row has no
  // content.
  // REQUIRES of all: the batch is not full. Texts are copied. Errors of all: kDataLoss (a row
  // without its key).
  Status Put(const TextRow& row);
  Status Delete(const TextRow& row);
  // The content of a row before the change that is told next. If it can't be decoded, it never
  // counted, and the row is treated as deleted.
  Status Retract(const TextRow& row);
  // All rows were removed. REQUIRES: the batch is empty, and stays so
  void Clear() { batch_.Clear(); }
  // Sets the place in the change log of the rows since the last call.
  void SetPlace(const std::string& place) { batch_.SetPlace(place); }
  void Finish();

 private:
  struct Field {
    std::optional<size_t> column;  // none: the table has no such column
    std::optional<TextFieldReader> reader;
  };

  explicit TextRows(std::string object) : batch_(std::move(object)) {}
  static uint64_t BytesOf(const TextRow& row);
  Status Add(const TextRow& row, RowChange change);
  Status AppendKey(const TextRow& row);
  // False: there is no content, and *dead says why.
  bool Decode(const TextRow& row, uint32_t at, DeadLetter* dead);
  bool DecodeField(size_t field, const TextRow& row, uint32_t at, DeadLetter* dead);
  void Describe(uint32_t row, DeadLetter* letter) const;

  Table table_;
  uint64_t row_bytes_max_ = 0;
  std::vector<Field> fields_;
  std::vector<size_t> needed_;
  std::vector<std::string> missing_;
  std::string key_, shown_;
  TableBatch batch_;
  std::unique_ptr<TextArena> arena_ = std::make_unique<TextArena>();
  std::vector<std::string_view> ids_;  // of all rows, for people; in arena_
};

template <class Table>
Result<TextRows<Table>> TextRows<Table>::Make(std::string object, Table table,
                                              const Projection& projection,
                                              uint64_t row_bytes_max) {
  TextRows rows(std::move(object));
  rows.table_ = std::move(table);
  rows.row_bytes_max_ = projection.before ? UINT64_MAX : row_bytes_max;
  const auto& columns = rows.table_.columns;
  std::vector<bool> needed(columns.size(), false);
  for (const size_t column : rows.table_.key) needed[column] = true;
  for (const FieldRequest& request : projection.fields) {
    Field& field = rows.fields_.emplace_back();
    const auto* name = std::get_if<std::string>(&request.path.steps[0]);
    const auto* column = name == nullptr ? nullptr : rows.table_.Find(*name);
    if (column == nullptr) {
      if (name != nullptr) rows.missing_.push_back(*name);
      continue;
    }
    field.column = static_cast<size_t>(column - columns.data());
    needed[*field.column] = true;
    MURMUR_ASSIGN(field.reader, rows.table_.ReaderOf(*column, request));
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    if (needed[i]) rows.needed_.push_back(i);
  }
  return rows;
}

template <class Table>
std::string TextRows<Table>::shape() const {
  std::string text = table_.ShapeOf(needed_);
  for (const std::string& name : missing_) text += "\n-" + name;
  return fmt::format("{:016x}", HashBytes(text, kStringSeed));
}

template <class Table>
void TextRows<Table>::Begin(RecordBatch* batch) {
  batch_.Begin(batch);
  arena_->Reset();
  ids_.clear();
  for (Field& field : fields_) {
    if (field.reader) field.reader->BeginBatch();
  }
}

template <class Table>
Status TextRows<Table>::Put(const TextRow& row) {
  const uint32_t at = batch_.next();
  MURMUR_TRY(Add(row, RowChange::kPut));
  DeadLetter dead;
  if (Decode(row, at, &dead)) return {};
  Describe(at, &dead);
  batch_.AddDeadLetter(at, std::move(dead));
  return {};
}

template <class Table>
Status TextRows<Table>::Retract(const TextRow& row) {
  const uint32_t at = batch_.next();
  MURMUR_TRY(Add(row, RowChange::kRetract));
  DeadLetter dead;
  (void)Decode(row, at, &dead);
  return {};
}

template <class Table>
Status TextRows<Table>::Delete(const TextRow& row) {
  batch_.SetNull(batch_.next());
  return Add(row, RowChange::kDelete);
}

template <class Table>
uint64_t TextRows<Table>::BytesOf(const TextRow& row) {
  uint64_t bytes = 0;
  for (const TextValue& value : row) bytes += value.text.size();
  return bytes;
}

template <class Table>
bool TextRows<Table>::Decode(const TextRow& row, uint32_t at, DeadLetter* dead) {
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

template <class Table>
bool TextRows<Table>::DecodeField(size_t field, const TextRow& row, uint32_t at, DeadLetter* dead) {
  Cell& cell = (*batch_.columns())[field].cells[at];
  cell = Cell::Null();
  if (!fields_[field].column) return true;
  const TextValue& value = row[*fields_[field].column];
  if (value.is != TextValue::Is::kText) return true;
  if (fields_[field].reader->Read(value.text, arena_.get(), &cell, dead)) return true;
  dead->detail =
      fmt::format("column '{}': {}", table_.columns[*fields_[field].column].name, dead->detail);
  return false;
}

template <class Table>
Status TextRows<Table>::Add(const TextRow& row, RowChange change) {
  MURMUR_TRY(AppendKey(row));
  batch_.Add(change, BytesOf(row));
  return {};
}

template <class Table>
Status TextRows<Table>::AppendKey(const TextRow& row) {
  if (table_.key.empty()) {
    batch_.key()->append(key_);
    ids_.push_back(arena_->Store(shown_));
    return {};
  }
  std::string_view id;
  for (const size_t column : table_.key) {
    const TextValue& value = row[column];
    const std::string_view text = arena_->Store(value.text);
    if (value.is == TextValue::Is::kText) {
      if (!table_.AppendKeyPart(table_.columns[column], text, arena_.get(), batch_.key())) {
        return Status(Code::kDataLoss,
                      batch_.object() + ": a key that is not written as its type is");
      }
    } else if (value.is == TextValue::Is::kNull) {
      murmur::AppendKeyPart(Cell::Null(), batch_.key());
    } else {
      return Status(Code::kDataLoss,
                    fmt::format("{}: a change without column '{}' of its row's key",
                                batch_.object(), table_.columns[column].name));
    }
    id = id.empty() ? text : arena_->Store(fmt::format("{},{}", id, text));
  }
  ids_.push_back(id);
  return {};
}

template <class Table>
void TextRows<Table>::Finish() {
  batch_.Finish([this](uint32_t row, DeadLetter* letter) { Describe(row, letter); });
}

template <class Table>
void TextRows<Table>::Describe(uint32_t row, DeadLetter* letter) const {
  letter->id = fmt::format("{}:{}", batch_.object(), ids_[row]);
}

}  // namespace murmur
