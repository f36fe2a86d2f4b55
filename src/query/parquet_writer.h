// Rows as a Parquet file: key parts and window as text, numbers as int64 or double columns (an
// integer beyond 64 bits is null there), everything structured as JSON text.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "query/row.h"

namespace murmur {

// The key columns of the flat formats: the parts of all rollups, each name once.
std::vector<std::string> KeyNames(const Pipeline& pipeline);

std::unique_ptr<RowWriter> MakeParquetWriter(const Pipeline& pipeline, WriteText write);

}  // namespace murmur
