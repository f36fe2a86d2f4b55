// The text of PostgreSQL's values as cells. A scan and replication give the same text, since the
// server makes both by the type's output function under the settings of PgConnection.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "decode/text_arena.h"
#include "murmur/record.h"
#include "murmur/status.h"
#include "source/text_rows.h"

namespace murmur {

struct PgType {
  uint32_t oid = 0;      // of a domain, that of its base type
  uint32_t element = 0;  // of an array, the type of its elements; 0: it is none
  bool operator==(const PgType&) const = default;
};

// Whether the server's order of the type's values is the order of their row keys' bytes; of texts,
// under the collation "C".
bool IsInByteOrder(const PgType& type) noexcept;

// The cell of a value that is neither null, nor JSON, nor an array. *arena keeps what the cell
// points to besides `text`. Null: there is none; then the text is not what the type's text is.
bool ReadPgScalar(const PgType& type, std::string_view text, TextArena* arena, Cell* cell);

// Appends the part of a row key that a value is; differs for values that the server tells apart.
// False: as ReadPgScalar.
bool AppendPgKeyPart(const PgType& type, std::string_view text, TextArena* arena, std::string* key);

// Reads the values of a column, or of a part of one with JSON or an array. Errors: those of
// MakeDecoder.
Result<TextFieldReader> MakePgFieldReader(const PgType& type, const FieldRequest& request);

// An array's text as JSON: {1,NULL,"a b"} → [1,null,"a b"]. False: it is no array's text.
bool AppendPgArrayAsJson(std::string_view text, uint32_t element, std::string* json);

}  // namespace murmur
