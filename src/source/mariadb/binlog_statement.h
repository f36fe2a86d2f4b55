// What a statement in MariaDB's binary log does to a table: most changes are there as rows, but
// what changes a table as a whole is there as it was written.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace murmur {

// What of the table a statement must not touch.
struct WatchedTable {
  std::string database;
  std::string table;
  std::vector<std::string> columns;  // that the definition names
};

enum class StatementDoes : uint8_t {
  kNothing,   // to this table's rows and columns
  kTruncate,  // removes all rows
  kDrop,      // the table is gone, or is another
  kRename,    // likewise
  kAlter,     // columns that are read, or rows, without telling which
  kWrite,     // changes rows, and does not tell which
};
// `database`: where the statement was run. Where it is not sure, it is taken to be harmful.
StatementDoes WhatStatementDoes(std::string_view statement, std::string_view database,
                                const WatchedTable& table);

}  // namespace murmur
