// What Kafka Connect's schemas and MongoDB's extended JSON say of values that JSON has no form for:
// decimals and times.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time_text.h"
#include "decode/text_arena.h"
#include "murmur/record.h"

namespace murmur {

struct ConnectType {
  enum class Form : uint8_t {
    kPlain,            // as JSON has it
    kDecimal,          // base64 of the unscaled value, and `scale`
    kVariableDecimal,  // {"scale": 2, "value": "AfQ="}
    kDays,             // since the epoch
    kMillis,
    kMicros,
    kNanos,
    kTimeText,  // as text
  };
  Form form = Form::kPlain;
  int scale = 0;
};

// Of each field of the projection below the field `after` of the message that has this schema
// ({"type": "struct", "fields": […]}); plain where the schema knows nothing of it.
std::vector<ConnectType> ConnectTypesOf(std::string_view schema, const Projection& projection);

// How the connector writes decimals (`decimal.handling.mode`), where no schema tells.
enum class DecimalMode : uint8_t { kUnknown, kPrecise, kString, kDouble };

// What text in the place of a decimal is, of a message without its schema.
enum class DecimalText : uint8_t {
  kDecimal,
  kNoDecimal,  // it is none, in no way that the mode allows
  kBytes,      // the bytes of one, whose scale is not known
  kEither,     // digits, and the bytes of another number
};
// `scale`: that of the column, where it is declared. Text with a point, a sign or another length
// than base64 has is never bytes, and as the mode `string` writes all digits of a column's scale,
// text without a point is nothing but bytes where that is not 0.
DecimalText ReadDecimalText(std::string_view text, std::optional<int> scale, DecimalMode mode,
                            Int128* unscaled, int* scale_read);

// Threads: one.
class ConnectValues {
 public:
  // `arena` keeps decimals, and outlives it.
  explicit ConnectValues(TextArena* arena) : arena_(arena) {}

  // False: a decimal that has no room, or is none. Other values that don't fit the type stay.
  bool Convert(const ConnectType& type, Cell* cell);

  // {"scale": 2, "value": "AfQ="}, whatever the schema. What is none of that stays.
  void ConvertVariableDecimal(Cell* cell);

  // {"$numberLong": "1"}, {"$date": 0} and so on → what they stand for; what is none of them stays.
  void Unwrap(Cell* cell);

 private:
  bool SetDecimal(std::string_view base64, int scale, Cell* cell);
  bool SetVariableDecimal(Cell* cell);
  Cell CellOf(const nlohmann::json& value);
  void UnwrapText(std::string_view name, const std::string& text, Cell* cell);

  TextArena* const arena_;
  TimeParser time_parser_;
};

}  // namespace murmur
