#include "murmur/record.h"

#include <atomic>

namespace murmur {

std::string_view KindName(Kind kind) noexcept {
  switch (kind) {
    case Kind::kNull: return "null";
    case Kind::kBool: return "boolean";
    case Kind::kInt: return "integer";
    case Kind::kDouble: return "float";
    case Kind::kDecimal: return "decimal";
    case Kind::kString: return "string";
    case Kind::kTime: return "timestamp";
    case Kind::kJson: return "object or list";
  }
  return "unknown";
}

std::string_view DeadReasonName(DeadReason reason) noexcept {
  switch (reason) {
    case DeadReason::kUndecodable: return "undecodable";
    case DeadReason::kMissingKey: return "missing_key";
    case DeadReason::kWrongType: return "wrong_type";
    case DeadReason::kBadTime: return "bad_time";
    case DeadReason::kFutureTime: return "future_time";
    case DeadReason::kNumberOverflow: return "number_overflow";
    case DeadReason::kInvalidUtf8: return "invalid_utf8";
    case DeadReason::kTooLong: return "too_long";
    case DeadReason::kTruncated: return "truncated";
    case DeadReason::kCorrupt: return "corrupt";
    case DeadReason::kExpression: return "expression";
    case DeadReason::kChanged: return "changed";
  }
  return "unknown";
}

uint64_t NewDictionaryId() noexcept {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

std::string FieldPath::ToString() const {
  std::string out;
  for (const Step& step : steps) {
    if (const auto* name = std::get_if<std::string>(&step)) {
      if (!out.empty()) out += '.';
      out += *name;
    } else {
      out += '[' + std::to_string(std::get<uint32_t>(step)) + ']';
    }
  }
  return out;
}

}  // namespace murmur
