// MariaDB's values as texts and as cells. A scan and the log give the same text for the same value:
// the text that the server writes (MariaColumn::select), and of bytes, UUIDs and
// addresses, of which both have the bytes, one that is made here.
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

enum class MariaIs : uint8_t {
  kSigned,    // TINYINT to BIGINT
  kUnsigned,  // and YEAR, BIT
  kDecimal,
  kDouble,  // and FLOAT
  kDate,
  kDateTime,  // and TIMESTAMP
  kTime,      // a span
  kText,
  kLabel,   // ENUM
  kLabels,  // SET
  kJson,
  kBytes,
  kUuid,
  kInet4,
  kInet6,
};

// Whether what a column of this kind has are bytes, which AppendMariaBytes writes as text.
bool IsOfBytes(MariaIs is) noexcept;
// Appends the text of bytes: hexadecimal digits, or of a UUID or an address as the server writes
// it. False: so many bytes are none.
bool AppendMariaBytes(MariaIs is, std::string_view bytes, std::string* text);

// The cell of a value that is neither null nor JSON. *arena keeps what the cell points to besides
// `text`. False: the text is not what the type's text is.
bool ReadMariaScalar(MariaIs is, std::string_view text, TextArena* arena, Cell* cell);
// Appends the part of a row key that a value is; differs for values that the server tells apart.
// False: as ReadMariaScalar.
bool AppendMariaKeyPart(MariaIs is, std::string_view text, TextArena* arena, std::string* key);

// Reads the values of a column, or of a part of one with JSON. Errors: those of MakeDecoder.
Result<TextFieldReader> MakeMariaFieldReader(MariaIs is, const FieldRequest& request);

}  // namespace murmur
