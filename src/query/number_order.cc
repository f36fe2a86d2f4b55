#include "query/number_order.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <string_view>

namespace murmur {
namespace {

// A decimal number as text, taken apart.
struct Digits {
  bool negative = false;
  std::string_view whole;     // without leading zeros
  std::string_view fraction;  // without trailing zeros
  bool zero() const noexcept { return whole.empty() && fraction.empty(); }
};

Digits TakeApart(std::string_view text) {
  Digits digits;
  digits.negative = text.starts_with('-');
  if (digits.negative) text.remove_prefix(1);
  const size_t point = std::min(text.find('.'), text.size());
  digits.whole = text.substr(0, point);
  digits.fraction = text.substr(std::min(point + 1, text.size()));
  while (digits.whole.starts_with('0')) digits.whole.remove_prefix(1);
  while (digits.fraction.ends_with('0')) digits.fraction.remove_suffix(1);
  if (digits.zero()) digits.negative = false;
  return digits;
}

std::weak_ordering CompareTexts(std::string_view a_text, std::string_view b_text) {
  const Digits a = TakeApart(a_text);
  const Digits b = TakeApart(b_text);
  if (a.negative != b.negative) {
    return a.negative ? std::weak_ordering::less : std::weak_ordering::greater;
  }
  std::weak_ordering order = a.whole.size() <=> b.whole.size();
  if (order == 0) order = a.whole <=> b.whole;
  if (order == 0) order = a.fraction <=> b.fraction;
  return a.negative ? 0 <=> order : order;
}

bool IsDouble(const Value& value) { return value.kind == ValueKind::kDouble; }

double DoubleOf(const Value& value) {
  if (IsDouble(value)) return value.d;
  if (value.kind == ValueKind::kInteger) return static_cast<double>(value.i);
  return std::strtod(value.text.c_str(), nullptr);
}

std::string TextOf(const Value& value) {
  return value.kind == ValueKind::kInteger ? std::to_string(value.i) : value.text;
}

}  // namespace

bool IsNumber(const Value& value) noexcept {
  switch (value.kind) {
    case ValueKind::kInteger:
    case ValueKind::kWideInteger:
    case ValueKind::kDecimal:
    case ValueKind::kDouble: return true;
    default: return false;
  }
}

std::weak_ordering CompareNumbers(const Value& a, const Value& b) {
  if (IsDouble(a) || IsDouble(b)) {
    const double x = DoubleOf(a);
    const double y = DoubleOf(b);
    if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) <=> !std::isnan(y);
    return x < y ? std::weak_ordering::less
                 : (x > y ? std::weak_ordering::greater : std::weak_ordering::equivalent);
  }
  if (a.kind == ValueKind::kInteger && b.kind == ValueKind::kInteger) return a.i <=> b.i;
  return CompareTexts(TextOf(a), TextOf(b));
}

}  // namespace murmur
