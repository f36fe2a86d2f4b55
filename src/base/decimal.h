// Small exact helpers for decimals, an Int128 and a scale (digits after the point), and for the
// numbers of cells.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "murmur/record.h"

namespace murmur {

__extension__ using UInt128 = unsigned __int128;

inline constexpr int kDecimalDigitsMax = 38;  // digits of a decimal, and of its fraction

namespace decimal_internal {
inline constexpr auto kPowersOfTen = [] {
  std::array<Int128, kDecimalDigitsMax + 1> powers{1};
  for (size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();
inline constexpr auto kExactDoublePowers = [] {
  std::array<double, 23> powers{1};
  for (size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();
double NearestByText(Int128 unscaled, int scale);
}  // namespace decimal_internal

// 10^exponent. REQUIRES: 0 <= exponent <= kDecimalDigitsMax
constexpr Int128 PowerOfTen(int64_t exponent) noexcept {
  return decimal_internal::kPowersOfTen[static_cast<size_t>(exponent)];
}
// Whether it has at most kDecimalDigitsMax digits.
constexpr bool FitsDecimal(Int128 v) noexcept {
  return v < PowerOfTen(kDecimalDigitsMax) && v > -PowerOfTen(kDecimalDigitsMax);
}
constexpr UInt128 Magnitude(Int128 v) noexcept {
  return v < 0 ? 0 - static_cast<UInt128>(v) : static_cast<UInt128>(v);
}

constexpr bool FitsInt64(Int128 v) noexcept { return v == static_cast<int64_t>(v); }

// 10^kExactDoublePowersMax is the largest power of ten that a double holds exactly.
inline constexpr int kExactDoublePowersMax = 22;
static_assert(decimal_internal::kExactDoublePowers.size() == kExactDoublePowersMax + 1);
// 10^exponent. REQUIRES: 0 <= exponent <= kExactDoublePowersMax
constexpr double ExactDoublePower(int64_t exponent) noexcept {
  return decimal_internal::kExactDoublePowers[static_cast<size_t>(exponent)];
}
// Whether a double surely holds it, as all smaller ones.
constexpr bool IsExactDouble(Int128 v) noexcept {
  constexpr Int128 kMost = Int128{1} << 53;
  return v <= kMost && v >= -kMost;
}

// 1250, scale 2 → 125, scale 1. Zero gets scale 0.
void StripTrailingZeros(Int128* unscaled, int* scale);
// "-12.5"; no exponent, `scale` digits after the point.
std::string FormatDecimal(Int128 unscaled, int scale);
std::string FormatInt128(Int128 v);
// Reads [-]digits[.digits][e±n] exactly. False if it is not a number, or does not fit 38 digits.
bool ParseDecimal(std::string_view text, Int128* unscaled, int* scale);
// Whether the double equals the decimal exactly. False if the comparison would need more than 128
// bits.
bool DecimalEqualsDouble(Int128 unscaled, int scale, double d);
// *out = unscaled / 10^from at scale `to`; false if digits would be lost, or it exceeds 38 digits.
bool Rescale(Int128 unscaled, int from, int to, Int128* out);

// unscaled / 10^scale. |unscaled| < 10^38, 0 <= scale <= 38.
struct Decimal {
  Int128 unscaled = 0;
  int scale = 0;
};

// Exact arithmetic. A result that needs more than kDecimalDigitsMax digits, without trailing zeros,
// does not fit: then only `nearest` is set.
struct DecimalResult {
  bool fits = true;
  Decimal value;
  double nearest = 0;  // if it does not fit: the double nearest to the exact result
};
DecimalResult AddDecimals(Decimal a, Decimal b);
DecimalResult MultiplyDecimals(Decimal a, Decimal b);
// The remainder of the truncated quotient; has the sign of `a`. REQUIRES: b is not zero
Decimal RemainderOfDecimals(Decimal a, Decimal b);
// Negative, zero or positive, as a < b, a = b or a > b.
int CompareDecimals(Decimal a, Decimal b);

enum class Rounding { kHalfAwayFromZero, kFloor, kCeiling };
// The multiple of 10^-digits that is nearest to `v`, or next below or above it; `digits` may be
// negative. False: it does not fit.
bool RoundDecimal(Decimal v, int64_t digits, Rounding rounding, Decimal* out);

// The double nearest to the decimal.
inline double NearestDouble(Int128 unscaled, int scale) {
  if (!IsExactDouble(unscaled) || scale > kExactDoublePowersMax) {
    return decimal_internal::NearestByText(unscaled, scale);
  }
  // Source: W. D. Clinger, "How to Read Floating Point Numbers Accurately": a quotient of two exact
  // doubles is correctly rounded.
  return static_cast<double>(static_cast<int64_t>(unscaled)) / ExactDoublePower(scale);
}
// The shortest decimal that reads back as `v`. False: not finite, or it does not fit.
bool ShortestDecimal(double v, Decimal* out);

// The numbers of cells. REQUIRES: cell.kind is one of kNumberKinds

// The nearest double.
inline double ToDouble(const Cell& cell) {
  if (cell.kind == Kind::kDouble) return cell.d;
  if (cell.kind == Kind::kInt) return static_cast<double>(cell.i);
  return NearestDouble(cell.decimal(), cell.scale);
}
// The decimal; for a double, the shortest. False: none fits, or the double stands for a number with
// more digits (Cell::kRounded).
inline bool ToDecimal(const Cell& cell, Decimal* out) {
  if (cell.kind == Kind::kDouble) {
    return (cell.flags & Cell::kRounded) == 0 && ShortestDecimal(cell.d, out);
  }
  *out = cell.kind == Kind::kInt ? Decimal{cell.i, 0} : Decimal{cell.decimal(), cell.scale};
  return true;
}

}  // namespace murmur
