// The output formats: sinks that write typed rows as text or bytes. Each has a file of its own.
// The output goes to `write` in pieces. What was given to `write` before an error stays written.
#pragma once

#include <memory>

#include "murmur/query.h"
#include "query/answer.h"

namespace murmur {

std::unique_ptr<RowSink> MakeFormatter(RowFormat format, WriteText write);

// One JSON object a row; `with_tag`: with the answer's exactness as "_exact".
std::unique_ptr<RowSink> MakeJsonFormatter(bool with_tag, WriteText write);
// RFC 4180, with a header.
std::unique_ptr<RowSink> MakeCsvFormatter(WriteText write);
// Columns for people.
std::unique_ptr<RowSink> MakeTableFormatter(WriteText write);
// Key parts and window as text, numbers as int64 or double columns (an integer beyond 64 bits is
// null in an int64 column), everything structured as JSON text.
std::unique_ptr<RowSink> MakeParquetFormatter(WriteText write);
// The same columns as an Arrow IPC stream.
std::unique_ptr<RowSink> MakeArrowFormatter(WriteText write);

}  // namespace murmur
