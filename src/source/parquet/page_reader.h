// The pages of a column chunk. Snappy's are decompressed here (snappy.h), others by Arrow.
// Internal.
#pragma once

#include <parquet/column_reader.h>

#include <memory>

#include "source/parquet/field_reader.h"

namespace murmur::parquet_source {

// A reader of the column's values. With `expose_dictionary`, if all its data pages use the
// dictionary, it exposes that. Throws std::exception.
std::shared_ptr<parquet::ColumnReader> OpenColumn(const RowGroup& group, int column,
                                                  bool expose_dictionary);

}  // namespace murmur::parquet_source
