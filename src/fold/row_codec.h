// A row of a table source as the ledger keeps it: the cells that the pipeline reads, so that what
// the row contributed can be folded again and taken away. docs/state_format.md describes the bytes.
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

// (*columns)[…].cells[row] := the cells that AppendRow wrote. They view `bytes`, and decimals lie
// in `arena`. False: `bytes` is no row of so many columns.
bool ReadRow(std::string_view bytes, uint32_t row, std::vector<Column>* columns, Arena* arena);

}  // namespace murmur
