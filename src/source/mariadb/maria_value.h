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
#include "murmur/decoder.h"
#include "murmur/record.h"
#include "murmur/status.h"

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

// One row: the value of each column of the table; columns that were not asked for are kMissing.
struct MariaValue {
  enum class Is : uint8_t { kMissing, kNull, kText };
  Is is = Is::kMissing;
  std::string_view text;
};
using MariaRow = std::vector<MariaValue>;  // by column

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

// Values of one requested field: a column, or a part of one with JSON. Belongs to one stream.
// Threads: one at a time.
class MariaFieldReader {
 public:
  // Errors: those of MakeDecoder.
  static Result<MariaFieldReader> Make(MariaIs is, const FieldRequest& request);

  void BeginBatch();
  // False: *dead says why the row is refused. `text` stays valid as long as the batch.
  bool Read(std::string_view text, TextArena* arena, Cell* cell, DeadLetter* dead);

 private:
  MariaFieldReader() = default;

  MariaIs is_ = MariaIs::kText;
  bool is_part_ = false;  // of a column
  bool as_time_ = false;
  TimeUnit unit_ = TimeUnit::kNone;
  std::unique_ptr<RecordDecoder> json_;
  std::vector<Column> one_;
};

}  // namespace murmur
