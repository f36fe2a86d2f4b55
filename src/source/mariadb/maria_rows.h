// Rows of a table, as texts, → the rows of a batch.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "decode/text_arena.h"
#include "murmur/record.h"
#include "murmur/status.h"
#include "source/mariadb/maria_table.h"
#include "source/mariadb/maria_value.h"
#include "source/table_batch.h"

namespace murmur {

// Belongs to one stream. Threads: one at a time.
class MariaRows {
 public:
  // `object`, "shop.orders", is the rows' object. A row longer than `row_bytes_max` is a dead
  // letter, unless the projection is that of the cut method. Errors: kFailedPrecondition (a column
  // that is needed can't be read; says why).
  static Result<MariaRows> Make(std::string object, MariaTable table, const Projection& projection,
                                uint64_t row_bytes_max);

  // The columns that are needed, in their order: those of fields and of the key.
  const std::vector<size_t>& needed() const noexcept { return needed_; }
  const MariaTable& table() const noexcept { return table_; }
  // Columns that the definition names and the table does not have.
  const std::vector<std::string>& missing() const noexcept { return missing_; }
  // Differs where the server or the key is another one, or a column that is read is, or was
  // missing.
  std::string shape() const;

  // Starts a batch; views of the last one become invalid. *batch stays until Finish.
  void Begin(RecordBatch* batch);
  // The present content of a row. If it can't be decoded, it is a dead letter, and the row has no
  // content.
  // REQUIRES of all: the batch is not full. Texts are copied. Errors of all: kDataLoss (a row
  // without its key).
  Status Put(const MariaRow& row);
  Status Delete(const MariaRow& row);
  // The content of a row before the change that is told next. If it can't be decoded, it never
  // counted, and the row is treated as deleted.
  Status Retract(const MariaRow& row);
  // All rows were removed. REQUIRES: the batch is empty, and stays so
  void Clear() { batch_.Clear(); }
  // Sets the place in the change log of the rows since the last call.
  void SetPlace(const std::string& place) { batch_.SetPlace(place); }
  void Finish();

 private:
  struct Field {
    std::optional<size_t> column;  // none: the table has no such column
    std::optional<MariaFieldReader> reader;
  };

  explicit MariaRows(std::string object) : batch_(std::move(object)) {}
  Status Add(const MariaRow& row, RowChange change);
  Status AppendKey(const MariaRow& row);
  // False: there is no content, and *dead says why.
  bool Decode(const MariaRow& row, uint32_t at, DeadLetter* dead);
  bool DecodeField(size_t field, const MariaRow& row, uint32_t at, DeadLetter* dead);
  void Describe(uint32_t row, DeadLetter* letter) const;

  MariaTable table_;
  uint64_t row_bytes_max_ = 0;
  std::vector<Field> fields_;
  std::vector<size_t> needed_;
  std::vector<std::string> missing_;
  TableBatch batch_;
  std::unique_ptr<TextArena> arena_ = std::make_unique<TextArena>();
  std::vector<std::string_view> ids_;  // of all rows, for people; in arena_
};

}  // namespace murmur
