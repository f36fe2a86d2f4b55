// Ranges of a table's primary key that are read one by one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "murmur/source.h"
#include "source/key_ranges.h"
#include "source/mariadb/maria_connection.h"
#include "source/mariadb/maria_table.h"

namespace murmur {

// The splits of a table, of about so many rows each. Errors: those of MariaConnection::Ask.
Result<std::vector<Split>> CutMariaTable(MariaConnection& connection, const MariaTable& table,
                                         uint64_t split_rows, const std::stop_token& stop);

// A value of a key's column in a condition. A number in quotes would be compared as a double.
std::string MariaLiteralOf(const MariaColumn& column, std::string_view text);
// The text of a value that a SELECT of MariaColumn::select gave.
std::string MariaTextOf(const MariaColumn& column, std::string_view selected);

}  // namespace murmur
