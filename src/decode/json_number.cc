#include "decode/json_number.h"

#include <charconv>

namespace murmur {
namespace {

// Whether a number outside the range of double is too small rather than too large. Its scientific
// exponent decides: the place of the first nonzero digit plus the written exponent.
bool IsTiny(std::string_view text) {
  const size_t e = text.find_first_of("eE");
  const std::string_view digits = text.substr(0, e);
  const size_t first = digits.find_first_of("123456789");
  if (first == digits.npos) return true;
  const size_t point = std::min(digits.find('.'), digits.size());
  const auto place = static_cast<int64_t>(point) - static_cast<int64_t>(first);
  if (e == text.npos) return place < 0;
  std::string_view written = text.substr(e + 1);
  const bool negative = written.starts_with('-');
  if (negative || written.starts_with('+')) written.remove_prefix(1);
  int64_t exponent = 0;
  const auto parsed = std::from_chars(written.begin(), written.end(), exponent);
  if (parsed.ec != std::errc()) return negative;
  return (negative ? -exponent : exponent) < -place;  // a sum could overflow
}

bool ParseInteger(std::string_view text, Cell* cell) {
  int64_t value;
  if (std::from_chars(text.begin(), text.end(), value).ec != std::errc()) return false;
  *cell = Cell::Int(value);
  return true;
}

bool ParseDouble(std::string_view text, Cell* cell) {
  double value;
  if (std::from_chars(text.begin(), text.end(), value).ec == std::errc::result_out_of_range) {
    if (!IsTiny(text)) return false;
    value = text.starts_with('-') ? -0.0 : 0.0;
  }
  *cell = Cell::Double(value);
  return true;
}

}  // namespace

bool ParseJsonNumber(std::string_view text, bool exact, TextArena* arena, Cell* cell) {
  const bool fraction = text.find_first_of(".eE") != text.npos;
  if (!fraction && ParseInteger(text, cell)) return true;
  if (!exact) return fraction && ParseDouble(text, cell);
  Int128 unscaled;
  int scale;
  if (!ParseDecimal(text, &unscaled, &scale)) {
    if (!ParseDouble(text, cell)) return false;
    cell->flags = Cell::kRounded;
    return true;
  }
  *cell = MakeDecimalCell(unscaled, scale, arena);
  return true;
}

}  // namespace murmur
