// Debezium writes a placeholder (`unavailable.value.placeholder`) for a large value that did not
// change and that the database therefore left out of its log. Each type of column has its own form:
//
// | column | the placeholder |
// | text, and others that are text in JSON | itself |
// | bytes | its bytes as base64, URL-safe base64, or hexadecimal (`binary.handling.mode`) |
// | list of texts or of bytes | a list of one such text |
// | list of integers or of dates | a list of its bytes |
// | list of UUIDs | a list of one: Java's UUID.nameUUIDFromBytes of it |
// | hstore | a map of itself to itself, or that as text |
// | a struct that holds bytes, of geometry | the bytes in it |
//
// Source: UnchangedToastedReplicationMessageColumn and PostgresValueConverter of Debezium 3.5.
#pragma once

#include <string>
#include <string_view>

#include "murmur/record.h"

namespace murmur {

inline constexpr std::string_view kDebeziumPlaceholder = "__debezium_unavailable_value";

// Threads: const methods from many at once.
class DebeziumPlaceholder {
 public:
  // `property`: the connector's setting; "hex:5f5f" gives bytes.
  explicit DebeziumPlaceholder(std::string_view property = kDebeziumPlaceholder);

  // Whether `cell` is the placeholder of its column. `cell`: the whole value of the column.
  bool StandsFor(const Cell& cell) const;

 private:
  bool IsText(std::string_view text) const;
  bool IsJson(std::string_view json) const;

  std::string text_;
  std::string base64_, url_base64_, hex_;
  std::string uuid_;
  std::string map_;  // as text
};

}  // namespace murmur
