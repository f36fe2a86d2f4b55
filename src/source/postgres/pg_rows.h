// Rows of a table, as the server writes them, → the rows of a batch.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "decode/text_arena.h"
#include "murmur/record.h"
#include "murmur/status.h"
#include "source/postgres/pg_table.h"
#include "source/postgres/pg_value.h"
#include "source/table_batch.h"

namespace murmur {

// One row: the value of each column of the table; columns that were not asked for are kMissing.
struct PgValue {
  enum class Is : uint8_t { kMissing, kNull, kText, kUnchanged };
  Is is = Is::kMissing;
  std::string_view text;
};
using PgRow = std::vector<PgValue>;  // by column

// Belongs to one stream. Threads: one at a time.
class PgRows {
 public:
  // `object`, "shop.public.orders", is the rows' object. A row longer than `row_bytes_max` is a
  // dead letter, unless the projection is that of the cut method.
  static Result<PgRows> Make(std::string object, PgTable table, const Projection& projection,
                             uint64_t row_bytes_max);

  // The columns that are needed, in their order: those of fields and of the key.
  const std::vector<size_t>& needed() const noexcept { return needed_; }
  const PgTable& table() const noexcept { return table_; }
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
  Status Put(const PgRow& row);
  Status Delete(const PgRow& row);
  // The content of a row before the change that is told next. If it can't be decoded, it never
  // counted, and the row is treated as deleted.
  Status Retract(const PgRow& row);
  // All rows were removed. REQUIRES: the batch is empty, and stays so
  void Clear() { batch_.Clear(); }
  // Sets the place in the change log of the rows since the last call.
  void SetPlace(const std::string& place) { batch_.SetPlace(place); }
  void Finish();

 private:
  struct Field {
    std::optional<size_t> column;  // none: the table has no such column
    std::optional<PgFieldReader> reader;
  };

  explicit PgRows(std::string object) : batch_(std::move(object)) {}
  Status Add(const PgRow& row, RowChange change);
  Status AppendKey(const PgRow& row);
  // False: there is no content, and *dead says why.
  bool Decode(const PgRow& row, uint32_t at, DeadLetter* dead);
  bool DecodeField(size_t field, const PgRow& row, uint32_t at, DeadLetter* dead);
  void Describe(uint32_t row, DeadLetter* letter) const;

  PgTable table_;
  uint64_t row_bytes_max_ = 0;
  std::vector<Field> fields_;
  std::vector<size_t> needed_;
  std::vector<std::string> missing_;
  std::string key_, shown_;
  TableBatch batch_;
  std::unique_ptr<TextArena> arena_ = std::make_unique<TextArena>();
  std::vector<std::string_view> ids_;  // of all rows, for people; in arena_
};

}  // namespace murmur
