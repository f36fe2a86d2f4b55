// A row of a table source as the ledger stores it: the cells that the pipeline reads, so that the
// row's contribution can be folded again and subtracted. docs/state_format.md describes the bytes.
// Threads: all functions may be called at once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/arena.h"
#include "murmur/record.h"

namespace murmur {

void AppendRow(const RecordBatch& batch, uint32_t row, std::string* out);

// Sets (*columns)[…].cells[row] to the cells that AppendRow wrote. They are views of `bytes`, and
// decimals lie in `arena`. False: `bytes` is not a row with this number of columns.
bool ReadRow(std::string_view bytes, uint32_t row, std::vector<Column>* columns, Arena* arena);

// A batch of rows that AppendRow wrote, to be folded as rows of a table. Threads: one at a time.
class StoredRows {
 public:
  explicit StoredRows(const Projection& projection) : batch_(projection) { Clear(); }

  void Clear(std::string_view object = {});
  uint32_t size() const noexcept { return batch_.rows; }
  bool is_full() const noexcept { return batch_.rows == kBatchRows; }
  // `bytes` outlives the batch; `id` becomes the row's offset. False: it is not such a row; then
  // the batch is of no use. REQUIRES: !is_full()
  bool Add(std::string_view bytes, uint64_t id, uint32_t number);
  // Memory that lives until Clear.
  Arena* arena() noexcept { return &arena_; }
  // Once all rows are added. The fold may change it; Clear before it is filled again.
  RecordBatch* Batch();

 private:
  RecordBatch batch_;
  Arena arena_;
};

}  // namespace murmur
