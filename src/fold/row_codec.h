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

}  // namespace murmur
