#include "definition/column_type.h"

#include <fmt/format.h>

#include <charconv>

#include "base/decimal.h"
#include "base/time_text.h"
#include "base/trim.h"

namespace murmur {
namespace {

// The number that is the whole of `text`.
std::optional<int> ParseNumber(std::string_view text) {
  int value = 0;
  text = Trim(text);
  const auto read = std::from_chars(text.begin(), text.end(), value);
  if (read.ec != std::errc() || read.ptr != text.end() || value < 0) return std::nullopt;
  return value;
}

// "12,2", or a precision alone, whose scale is 0.
std::optional<DeclaredType> ParseDecimalType(std::string_view arguments) {
  const size_t comma = arguments.find(',');
  const auto precision = ParseNumber(arguments.substr(0, comma));
  const auto scale = comma == arguments.npos ? 0 : ParseNumber(arguments.substr(comma + 1));
  if (!precision || !scale || *precision < 1 || *precision > kDecimalDigitsMax ||
      *scale > *precision) {
    return std::nullopt;
  }
  return DeclaredType{.kind = Kind::kDecimal, .precision = *precision, .scale = *scale};
}

}  // namespace

std::optional<DeclaredType> ParseColumnType(std::string_view text) {
  text = Trim(text);
  const size_t open = text.find('(');
  const std::string_view name = Trim(text.substr(0, open));
  if (open == text.npos) {
    if (name == "time") return DeclaredType{.kind = Kind::kTime};
    return std::nullopt;
  }
  if (!text.ends_with(')')) return std::nullopt;
  const std::string_view arguments = text.substr(open + 1, text.size() - open - 2);
  if (name == "decimal" || name == "numeric") return ParseDecimalType(arguments);
  const auto unit = ParseTimeUnit(Trim(arguments));
  if (name != "time" || !unit) return std::nullopt;
  return DeclaredType{.kind = Kind::kTime, .unit = *unit};
}

std::string FormatColumnType(const DeclaredType& type) {
  if (type.kind == Kind::kDecimal) return fmt::format("decimal({},{})", type.precision, type.scale);
  if (type.unit == TimeUnit::kNone) return "time";
  return fmt::format("time({})", TimeUnitName(type.unit));
}

}  // namespace murmur
