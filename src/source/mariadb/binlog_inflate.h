// What the server compressed: parts of events, and values of COMPRESSED columns.
#pragma once

#include <string>
#include <string_view>

namespace murmur {

// Appends what was compressed. False: *out has what came of damaged bytes.
// Source: the server's log_event.cc (binlog_buf_uncompress) and field_comp.cc.
bool AppendInflated(std::string_view bytes, std::string* out);

// The same of a column's value, which may be as it was, after a byte that says so.
bool AppendUncompressedValue(std::string_view value, std::string* out);

}  // namespace murmur
