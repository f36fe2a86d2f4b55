// A table as MariaDB's catalog describes it, and what keeps it from being read exactly.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/status.h"
#include "source/mariadb/maria_charset.h"
#include "source/mariadb/maria_connection.h"
#include "source/mariadb/maria_value.h"
#include "source/text_rows.h"

namespace murmur {

struct MariaColumn {
  std::string name;
  std::string declared;  // type, collation and whether it may be null; differs if values may
  MariaIs is = MariaIs::kText;
  uint8_t log_type = 0;             // by which the log names the type
  std::vector<std::string> labels;  // of ENUM and SET, in their order
  // The encoding of its texts in the log; null: UTF-8.
  std::shared_ptr<const MariaCharset> charset = {};
  std::string select;   // what a SELECT asks for to get the text of the log's value
  std::string why_not;  // its values can't be read; empty: they can
  // Whether the server orders its values as the bytes of a row key do.
  bool is_in_byte_order = false;
};

struct MariaTable {
  // The server's number among those that replicate, of a shape that is of this server's table
  // alone; 0: of that of each that replicates it.
  uint32_t server = 0;
  std::string database;  // as the log has it
  std::string table;
  std::vector<MariaColumn> columns;
  std::vector<size_t> key;  // the columns of the primary key, in its order
  uint64_t rows = 0;        // estimates
  uint64_t bytes = 0;
  // A foreign key of this table by which the server changes rows that no log has; empty: there is
  // none.
  std::string cascade;

  const MariaColumn* Find(std::string_view name) const noexcept;
  // For TextRows. ReaderOf: kFailedPrecondition (the column's values can't be read; says why).
  Result<TextFieldReader> ReaderOf(const MariaColumn& column, const FieldRequest& request) const;
  static bool AppendKeyPart(const MariaColumn& column, std::string_view text, TextArena* arena,
                            std::string* bytes) {
    return AppendMariaKeyPart(column.is, text, arena, bytes);
  }
  std::string ShapeOf(const std::vector<size_t>& needed) const;
};
using MariaRows = TextRows<MariaTable>;

// Errors: kNotFound; kFailedPrecondition (it can't be counted exactly; says why and what to do);
// those of MariaConnection::Ask.
Result<MariaTable> ReadMariaTable(MariaConnection& connection, const std::stop_token& stop);

// The labels of "enum('a','b''c')".
std::vector<std::string> MariaLabelsOf(std::string_view declared);

}  // namespace murmur
