// Types that Kafka Connect's schemas and MongoDB's extended JSON give to values that JSON has no
// form for: decimals and times.
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
    kPlain,            // as in JSON
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

// For each projected field, the type of that field below `after` in the message that has this
// schema ({"type": "struct", "fields": […]}); plain if the schema does not have it.
std::vector<ConnectType> ConnectTypesOf(std::string_view schema, const Projection& projection);

// How the connector writes decimals (`decimal.handling.mode`), if no schema says it.
enum class DecimalMode : uint8_t { kUnknown, kPrecise, kString, kDouble };

// What a text stands for where a decimal is expected, in a message without its schema.
enum class DecimalText : uint8_t {
  kDecimal,
  kNoDecimal,  // not a decimal in any way that the mode allows
  kBytes,      // the bytes of a decimal of unknown scale
  kEither,     // ambiguous: digits, or the bytes of another number
};
// `scale`: of the column, if declared. Bytes are base64, so text with a point, a sign or a length
// that base64 can't have is never bytes. The mode `string` writes all digits of a column's scale,
// so if that is not 0, text without a point can only be bytes.
DecimalText ReadDecimalText(std::string_view text, std::optional<int> scale, DecimalMode mode,
                            Int128* unscaled, int* scale_read);

// Threads: one.
class ConnectValues {
 public:
  // `arena` holds decimals, and outlives it.
  explicit ConnectValues(TextArena* arena) : arena_(arena) {}

  // False: the decimal does not fit, or is not one. Other values that don't fit the type stay.
  bool Convert(const ConnectType& type, Cell* cell);

  // Converts {"scale": 2, "value": "AfQ="}, whatever the schema. Anything else stays.
  void ConvertVariableDecimal(Cell* cell);

  // Converts {"$numberLong": "1"}, {"$date": 0} and so on to their values; anything else stays.
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
