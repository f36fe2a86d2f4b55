// Rows as a Parquet file: key parts and window as text and timestamp, integers as decimal-free
// 64-bit columns where they fit, everything structured as JSON text.
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
