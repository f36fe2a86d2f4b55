// JSON numbers → cells. No dot and no exponent: kInt. Otherwise the nearest double, or with `exact`
// a kDecimal where more than kDoubleDigits significant digits are written.
#pragma once

#include <cstdint>
#include <string_view>

#include "decode/json_scanner.h"
#include "decode/text_arena.h"
#include "murmur/record.h"

namespace murmur {

inline constexpr int kDoubleDigits = 15;   // any decimal of so many digits survives in a double
inline constexpr int kIntegerDigits = 18;  // any integer of so many digits fits an int64

// The general case. REQUIRES: `text` is the whole of a JSON number.
// False: an integer outside int64, or a fraction outside double.
bool ParseJsonNumber(std::string_view text, bool exact, TextArena* arena, Cell* cell);

// The common case: no exponent, no more digits than surely fit, `p` at the number. Returns its end,
// or null if it is another case, or no number. Source: W. D. Clinger, "How to Read Floating Point
// Numbers Accurately": a quotient of two exact doubles is correctly rounded.
inline const char* ReadShortNumber(const char* p, Cell* cell) noexcept {
  constexpr double kPowers[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  const bool negative = *p == '-';
  p += negative;
  const char* begin = p;
  uint64_t mantissa = 0;
  for (; IsJsonDigit(*p); ++p) mantissa = mantissa * 10 + static_cast<uint64_t>(*p - '0');
  int64_t digits = p - begin;
  if (digits == 0 || (*begin == '0' && digits > 1)) return nullptr;
  if (*p == '.') {
    const char* fraction = ++p;
    for (; IsJsonDigit(*p); ++p) mantissa = mantissa * 10 + static_cast<uint64_t>(*p - '0');
    const int64_t decimals = p - fraction;
    digits += decimals;
    if (decimals == 0 || digits > kDoubleDigits || (*p | 0x20) == 'e') return nullptr;
    const double value = static_cast<double>(mantissa) / kPowers[decimals];
    *cell = Cell::Double(negative ? -value : value);
    return p;
  }
  if (digits > kIntegerDigits || (*p | 0x20) == 'e') return nullptr;
  const auto value = static_cast<int64_t>(mantissa);
  *cell = Cell::Int(negative ? -value : value);
  return p;
}

}  // namespace murmur
