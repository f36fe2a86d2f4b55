// Small exact helpers for decimals: an Int128 and a scale (digits behind the point).
#pragma once

#include <string>
#include <string_view>

#include "murmur/record.h"

namespace murmur {

// 1250, scale 2 → 125, scale 1. Zero gets scale 0.
void StripTrailingZeros(Int128* unscaled, int* scale);
// "-12.5"; no exponent, as many decimals as `scale`.
std::string FormatDecimal(Int128 unscaled, int scale);
std::string FormatInt128(Int128 v);
// Reads [-]digits[.digits][e±n] exactly. False if it is no number, or does not fit 38 digits.
bool ParseDecimal(std::string_view text, Int128* unscaled, int* scale);
// Whether the double is exactly the decimal. False where the comparison would need more than 128
// bits.
bool DecimalEqualsDouble(Int128 unscaled, int scale, double d);
// *out = unscaled / 10^from at scale `to`; false if digits would be lost or it does not fit.
bool Rescale(Int128 unscaled, int from, int to, Int128* out);

}  // namespace murmur
