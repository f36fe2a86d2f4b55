// JSON numbers → cells. Without a dot and an exponent: kInt. Otherwise the nearest double, or with
// `exact` the value as written (FieldRequest::exact_decimals).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/decimal.h"
#include "decode/json_scanner.h"
#include "decode/text_arena.h"
#include "murmur/record.h"

namespace murmur {

inline constexpr int kDoubleDigits = 15;   // any decimal with this many digits survives in a double
inline constexpr int kIntegerDigits = 18;  // any integer with this many digits fits an int64

// The general case. REQUIRES: `text` is the whole of a JSON number.
// False: an integer outside int64 that is not `exact`, or a number outside double.
bool ParseJsonNumber(std::string_view text, bool exact, TextArena* arena, Cell* cell);

// The value of the `size` <= 8 characters at `p`: `integer_digits` digits, then, if there are more,
// a point and further digits. Converts all eight bytes at once.
// Source: W. Mula's and D. Lemire's SWAR conversion of eight digits.
inline uint64_t ReadDigits8(const char* p, int integer_digits, int size) noexcept {
  uint64_t digits;
  std::memcpy(&digits, p, sizeof digits);
  digits ^= 0x3030303030303030;
  if (integer_digits < size) {  // close the gap that the point leaves
    const uint64_t integer = (uint64_t{1} << (8 * integer_digits)) - 1;
    digits = (digits & integer) | ((digits >> 8) & ~integer);
    --size;
  }
  digits <<= 64 - 8 * size;
  digits = digits * 10 + (digits >> 8);
  return (((digits & 0x000000FF000000FF) * 0x000F424000000064) +
          (((digits >> 16) & 0x000000FF000000FF) * 0x0000271000000001)) >>
         32;
}

// The value of the `size` digits at `p`, at most 18.
inline uint64_t ReadDigits18(const char* p, int size) noexcept {
  constexpr uint64_t kPower8 = 100'000'000;
  if (size <= 8) return size == 0 ? 0 : ReadDigits8(p, size, size);
  const uint64_t low = ReadDigits8(p + size - 8, 8, 8);
  if (size <= 16) return ReadDigits8(p, size - 8, size - 8) * kPower8 + low;
  const uint64_t middle = ReadDigits8(p + size - 16, 8, 8);
  return (ReadDigits8(p, size - 16, size - 16) * kPower8 + middle) * kPower8 + low;
}

// The common case, with `p` at the number: no exponent, and few enough digits to be sure that they
// fit. Returns its end, or null for another case or no number. With `exact` a fraction is a
// decimal.
// Source: W. D. Clinger, "How to Read Floating Point Numbers Accurately": a quotient of two exact
// doubles is correctly rounded.
inline const char* ReadShortNumber(const char* p, bool exact, Cell* cell) noexcept {
  const bool negative = *p == '-';
  p += negative;
  const char* point = JsonScanner::FindNonDigit(p);
  const auto integer_digits = static_cast<int>(point - p);
  if (integer_digits == 0 || (*p == '0' && integer_digits > 1)) return nullptr;
  const char* end = *point == '.' ? JsonScanner::FindNonDigit(point + 1) : point;
  const int64_t size = end - p;
  const int64_t digits = size - (end != point);
  if ((*end | 0x20) == 'e' || end == point + 1) return nullptr;
  if (digits > (end == point ? kIntegerDigits : kDoubleDigits)) return nullptr;
  uint64_t mantissa = 0;
  if (size <= 8) [[likely]] {
    mantissa = ReadDigits8(p, integer_digits, static_cast<int>(size));
  } else if (end == point) {
    mantissa = ReadDigits18(p, integer_digits);
  } else {
    const auto fraction_digits = static_cast<int>(digits) - integer_digits;
    mantissa =
        ReadDigits18(p, integer_digits) * static_cast<uint64_t>(PowerOfTen(fraction_digits)) +
        ReadDigits18(point + 1, fraction_digits);
  }
  if (end == point) {
    const auto value = static_cast<int64_t>(mantissa);
    *cell = Cell::Int(negative ? -value : value);
  } else if (exact) {
    const auto value = static_cast<int64_t>(mantissa);
    *cell = Cell::SmallDecimal(negative ? -value : value,
                               static_cast<uint8_t>(digits - integer_digits));
  } else {
    const double value = static_cast<double>(mantissa) / ExactDoublePower(digits - integer_digits);
    *cell = Cell::Double(negative ? -value : value);
  }
  return end;
}

}  // namespace murmur
