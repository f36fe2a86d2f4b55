#include "base/decimal.h"

#include <algorithm>
#include <cmath>

namespace murmur {
namespace {

constexpr int kDigitsMax = 38;
constexpr int kExponentMax = 100000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

void StripTrailingZeros(Int128* unscaled, int* scale) {
  if (*unscaled == 0) *scale = 0;
  while (*scale > 0 && *unscaled % 10 == 0) {
    *unscaled /= 10;
    --*scale;
  }
}

std::string FormatInt128(Int128 v) { return FormatDecimal(v, 0); }

std::string FormatDecimal(Int128 unscaled, int scale) {
  const bool negative = unscaled < 0;
  auto rest = static_cast<unsigned __int128>(unscaled);
  if (negative) rest = -rest;
  std::string digits;
  for (int written = 0; rest != 0 || written <= scale; ++written) {
    if (scale > 0 && written == scale) digits += '.';
    digits += static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
  }
  if (negative) digits += '-';
  std::reverse(digits.begin(), digits.end());
  return digits;
}

bool ParseDecimal(std::string_view text, Int128* unscaled, int* scale) {
  size_t i = 0;
  const bool negative = i < text.size() && text[i] == '-';
  if (negative) ++i;
  Int128 value = 0;
  int digits = 0;    // significant ones
  int decimals = 0;  // behind the point, those in `value`
  int zeros = 0;     // trailing zeros not yet in `value`
  bool any = false;
  bool point = false;
  for (; i < text.size() && (IsDigit(text[i]) || (text[i] == '.' && !point)); ++i) {
    if (text[i] == '.') {
      if (!any) return false;
      point = true;
      continue;
    }
    any = true;
    if (point) ++decimals;
    if (text[i] == '0') {
      ++zeros;
      continue;
    }
    digits = value == 0 ? 1 : digits + zeros + 1;
    if (digits > kDigitsMax) return false;
    if (value != 0) {
      for (; zeros > 0; --zeros) value *= 10;
    }
    zeros = 0;
    value = value * 10 + (text[i] - '0');
  }
  if (!any || (point && text[i - 1] == '.')) return false;
  int exponent = 0;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    const bool minus = i < text.size() && text[i] == '-';
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
    if (i == text.size()) return false;
    for (; i < text.size() && IsDigit(text[i]); ++i) {
      exponent = std::min(kExponentMax, exponent * 10 + (text[i] - '0'));
    }
    if (minus) exponent = -exponent;
  }
  if (i != text.size()) return false;
  if (value == 0) {
    *unscaled = 0;
    *scale = 0;
    return true;
  }
  // value * 10^(zeros - decimals + exponent)
  int power = zeros - decimals + exponent;
  for (; power > 0; --power) {
    if (++digits > kDigitsMax) return false;
    value *= 10;
  }
  if (-power > kDigitsMax) return false;
  *unscaled = negative ? -value : value;
  *scale = -power;
  return true;
}

bool DecimalEqualsDouble(Int128 unscaled, int scale, double d) {
  if (!std::isfinite(d)) return false;
  // d * 10^scale == unscaled, in integers: d = m * 2^e.
  int e = 0;
  auto m = static_cast<Int128>(std::ldexp(std::frexp(d, &e), 53));
  e -= 53;
  for (; m != 0 && (m & 1) == 0; ++e) m >>= 1;
  for (int i = 0; i < scale; ++i) {
    if (__builtin_mul_overflow(m, Int128{10}, &m)) return false;
  }
  for (; e < 0 && (m & 1) == 0; ++e) m >>= 1;
  if (e < 0) return m == 0 && unscaled == 0;
  for (; e > 0; --e) {
    if (__builtin_mul_overflow(m, Int128{2}, &m)) return false;
  }
  return m == unscaled;
}

bool Rescale(Int128 unscaled, int from, int to, Int128* out) {
  for (; from > to; --from) {
    if (unscaled % 10 != 0) return false;
    unscaled /= 10;
  }
  for (; from < to; ++from) {
    if (__builtin_mul_overflow(unscaled, Int128{10}, &unscaled)) return false;
  }
  *out = unscaled;
  return true;
}

}  // namespace murmur
