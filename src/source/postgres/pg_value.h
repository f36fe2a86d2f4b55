// The text of PostgreSQL's values as cells. A scan and replication give the same text, since the
// server makes both by the type's output function under the settings of PgConnection.
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

// Values of one requested field: a column, or a part of one with JSON or an array. Belongs to one
// stream. Threads: one at a time.
class PgFieldReader {
 public:
  // Errors: those of MakeDecoder.
  static Result<PgFieldReader> Make(const PgType& type, const FieldRequest& request);

  void BeginBatch();
  // False: *dead says why the row is refused. *arena keeps what the cell points to.
  bool Read(std::string_view text, TextArena* arena, Cell* cell, DeadLetter* dead);

 private:
  PgFieldReader() = default;
  bool ReadJson(std::string_view json, TextArena* arena, Cell* cell, DeadLetter* dead);

  PgType type_;
  bool is_part_ = false;  // of a column
  bool as_time_ = false;
  TimeUnit unit_ = TimeUnit::kNone;
  std::unique_ptr<RecordDecoder> json_;  // of JSON and arrays
  std::vector<Column> one_;
};

// An array's text as JSON: {1,NULL,"a b"} → [1,null,"a b"]. False: it is no array's text.
bool AppendPgArrayAsJson(std::string_view text, uint32_t element, std::string* json);

}  // namespace murmur
