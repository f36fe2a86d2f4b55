#include "base/decimal.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace murmur {
namespace {

constexpr int kExponentMax = 100000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// A sign and 256 bits: enough for the product of any two decimals, and for both at one scale.
class Wide {
 public:
  static Wide Product(Int128 a, Int128 b) {
    const UInt128 x = Magnitude(a);
    const UInt128 y = Magnitude(b);
    constexpr UInt128 kLow = ~uint64_t{0};
    const UInt128 low = (x & kLow) * (y & kLow);
    const UInt128 middle1 = (x >> 64) * (y & kLow);
    const UInt128 middle2 = (x & kLow) * (y >> 64);
    const UInt128 carry = (low >> 64) + (middle1 & kLow) + (middle2 & kLow);
    Wide out;
    out.low_ = (low & kLow) | (carry << 64);
    out.high_ = (x >> 64) * (y >> 64) + (middle1 >> 64) + (middle2 >> 64) + (carry >> 64);
    out.negative_ = (a < 0) != (b < 0);
    return out;
  }

  friend Wide operator+(const Wide& a, const Wide& b) {
    if (a.negative_ != b.negative_) {
      return a.CompareMagnitude(b) >= 0 ? a.Minus(b) : b.Minus(a);
    }
    Wide out = a;
    out.low_ += b.low_;
    out.high_ += b.high_ + (out.low_ < b.low_ ? 1 : 0);
    return out;
  }
  bool zero() const { return low_ == 0 && high_ == 0; }
  int Compare(const Wide& b) const {
    if (zero() && b.zero()) return 0;
    if (negative_ != b.negative_) return negative_ ? -1 : 1;
    return negative_ ? -CompareMagnitude(b) : CompareMagnitude(b);
  }

  // Divides by 10 and returns the remainder.
  int DropDigit() {
    UInt128 rest = 0;
    UInt128 quotient[2] = {};
    for (int limb = 3; limb >= 0; --limb) {
      const UInt128 word = limb >= 2 ? high_ : low_;
      rest = rest << 64 | ((word >> (64 * (limb & 1))) & ~uint64_t{0});
      quotient[limb / 2] = quotient[limb / 2] << 64 | rest / 10;
      rest %= 10;
    }
    low_ = quotient[0];
    high_ = quotient[1];
    return static_cast<int>(rest);
  }

  // *this / 10^scale as a decimal; drops trailing zeros if it is too long with them.
  DecimalResult ToDecimal(int scale) const {
    Wide rest = *this;
    for (int at = scale; at >= 0; --at) {
      if (rest.high_ == 0 && rest.low_ < static_cast<UInt128>(PowerOfTen(kDecimalDigitsMax)) &&
          at <= kDecimalDigitsMax) {
        const auto unscaled = static_cast<Int128>(rest.low_);
        return {.value = {negative_ ? -unscaled : unscaled, at}};
      }
      if (rest.DropDigit() != 0) break;
    }
    return {.fits = false, .value = {}, .nearest = ToDouble(scale)};
  }

 private:
  int CompareMagnitude(const Wide& b) const {
    if (high_ != b.high_) return high_ < b.high_ ? -1 : 1;
    return low_ == b.low_ ? 0 : low_ < b.low_ ? -1 : 1;
  }
  // REQUIRES: |*this| >= |b|
  Wide Minus(const Wide& b) const {
    Wide out = *this;
    out.low_ -= b.low_;
    out.high_ -= b.high_ + (low_ < b.low_ ? 1 : 0);
    return out;
  }
  double ToDouble(int scale) const {
    std::string text;
    for (Wide rest = *this; !rest.zero();) text += static_cast<char>('0' + rest.DropDigit());
    text += negative_ ? "-" : "";
    std::reverse(text.begin(), text.end());
    text += "e-" + std::to_string(scale);
    return std::strtod(text.c_str(), nullptr);
  }

  UInt128 low_ = 0;
  UInt128 high_ = 0;
  bool negative_ = false;
};

// Both at the larger of the two scales.
std::pair<Wide, Wide> Align(Decimal a, Decimal b) {
  const int scale = std::max(a.scale, b.scale);
  return {Wide::Product(a.unscaled, PowerOfTen(scale - a.scale)),
          Wide::Product(b.unscaled, PowerOfTen(scale - b.scale))};
}

constexpr int kPowerDigits64 = 18;  // 10^18 is the largest power of ten in an int64_t

// v * 10^digits, `digits` 0 or more; false: 128 bits can't hold it.
bool ScaleUp(Int128 v, int digits, Int128* out) {
  if (digits <= kPowerDigits64 && FitsInt64(v)) [[likely]] {
    *out = Int128{static_cast<int64_t>(v)} * static_cast<int64_t>(PowerOfTen(digits));
    return true;
  }
  return !__builtin_mul_overflow(v, PowerOfTen(digits), out);
}

// v / 10^digits; false: there is a remainder.
bool DivideExactly(Int128 v, int digits, Int128* out) {
  if (digits > kPowerDigits64 || !FitsInt64(v)) {
    *out = v / PowerOfTen(digits);
    return v % PowerOfTen(digits) == 0;
  }
  const auto narrow = static_cast<int64_t>(v);
  const auto power = static_cast<int64_t>(PowerOfTen(digits));
  *out = narrow / power;
  return narrow % power == 0;
}

// Both at the larger of the two scales, in 128 bits; false: they can't hold it.
bool AlignNarrow(Decimal* a, Decimal* b) {
  if (a->scale == b->scale) return true;
  Decimal* coarse = a->scale < b->scale ? a : b;
  const int scale = std::max(a->scale, b->scale);
  const int digits = scale - coarse->scale;
  coarse->scale = scale;
  return ScaleUp(coarse->unscaled, digits, &coarse->unscaled);
}

// Removes zeros at the end of `v`, at most `most`; returns how many.
template <class Number>
int DropZeros(Number* v, int most) {
  int dropped = 0;
  for (; dropped < most && *v % 10 == 0; ++dropped) *v /= 10;
  return dropped;
}

}  // namespace

void StripTrailingZeros(Int128* unscaled, int* scale) {
  if (*unscaled == 0) *scale = 0;
  if (!FitsInt64(*unscaled)) {
    *scale -= DropZeros(unscaled, *scale);
    return;
  }
  auto narrow = static_cast<int64_t>(*unscaled);
  *scale -= DropZeros(&narrow, *scale);
  *unscaled = narrow;
}

std::string FormatInt128(Int128 v) { return FormatDecimal(v, 0); }

std::string FormatDecimal(Int128 unscaled, int scale) {
  std::array<char, 48> text;  // 39 digits, a point, a sign
  char* const end = text.data() + text.size();
  char* begin = end;
  int written = 0;
  const auto put = [&](int digit) {
    if (scale > 0 && written == scale) *--begin = '.';
    *--begin = static_cast<char>('0' + digit);
    ++written;
  };
  UInt128 rest = Magnitude(unscaled);
  for (; rest > UINT64_MAX; rest /= 10) put(static_cast<int>(rest % 10));
  for (auto low = static_cast<uint64_t>(rest); low != 0 || written <= scale; low /= 10) {
    put(static_cast<int>(low % 10));
  }
  if (unscaled < 0) *--begin = '-';
  return std::string(begin, end);
}

bool ParseDecimal(std::string_view text, Int128* unscaled, int* scale) {
  size_t i = 0;
  const bool negative = i < text.size() && text[i] == '-';
  if (negative) ++i;
  Int128 value = 0;
  int digits = 0;    // significant ones
  int decimals = 0;  // digits after the point, of those in `value`
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
    if (digits > kDecimalDigitsMax) return false;
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
    if (++digits > kDecimalDigitsMax) return false;
    value *= 10;
  }
  if (-power > kDecimalDigitsMax) return false;
  *unscaled = negative ? -value : value;
  *scale = -power;
  return true;
}

bool DecimalEqualsDouble(Int128 unscaled, int scale, double d) {
  if (!std::isfinite(d)) return false;
  if (IsExactDouble(unscaled) && scale <= kExactDoublePowersMax) {
    // The difference, rounded once: zero only if it is.
    return std::fma(d, ExactDoublePower(scale),
                    -static_cast<double>(static_cast<int64_t>(unscaled))) == 0;
  }
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
  const int digits = std::abs(to - from);
  if (digits > kDecimalDigitsMax) {
    *out = 0;
    return unscaled == 0;
  }
  Int128 result;
  if (from < to) {
    if (!ScaleUp(unscaled, digits, &result)) return false;
  } else if (!DivideExactly(unscaled, digits, &result)) {
    return false;
  }
  *out = result;
  return FitsDecimal(result);
}

DecimalResult AddDecimals(Decimal a, Decimal b) {
  Decimal x = a;
  Decimal y = b;
  Int128 sum;
  if (AlignNarrow(&x, &y) && !__builtin_add_overflow(x.unscaled, y.unscaled, &sum) &&
      FitsDecimal(sum)) {
    return {.value = {sum, x.scale}};
  }
  const auto [wide_a, wide_b] = Align(a, b);
  return (wide_a + wide_b).ToDecimal(std::max(a.scale, b.scale));
}

DecimalResult MultiplyDecimals(Decimal a, Decimal b) {
  const int scale = a.scale + b.scale;
  Int128 product;
  if (scale <= kDecimalDigitsMax && FitsInt64(a.unscaled) && FitsInt64(b.unscaled)) [[likely]] {
    product = Int128{static_cast<int64_t>(a.unscaled)} * static_cast<int64_t>(b.unscaled);
    return {.value = {product, scale}};
  }
  if (scale <= kDecimalDigitsMax && !__builtin_mul_overflow(a.unscaled, b.unscaled, &product) &&
      FitsDecimal(product)) {
    return {.value = {product, scale}};
  }
  return Wide::Product(a.unscaled, b.unscaled).ToDecimal(scale);
}

int CompareDecimals(Decimal a, Decimal b) {
  Decimal x = a;
  Decimal y = b;
  if (AlignNarrow(&x, &y)) return (x.unscaled > y.unscaled) - (x.unscaled < y.unscaled);
  const auto [wide_a, wide_b] = Align(a, b);
  return wide_a.Compare(wide_b);
}

Decimal RemainderOfDecimals(Decimal a, Decimal b) {
  const int scale = std::max(a.scale, b.scale);
  const auto divisor = Magnitude(b.unscaled);
  const bool coarse_divisor = b.scale < scale;
  // Reduces by the divisor at the common scale, if 128 bits hold that; else |b| > |a|, and the
  // result is `a`.
  UInt128 modulus = divisor;
  for (int at = b.scale; coarse_divisor && at < scale; ++at) {
    if (__builtin_mul_overflow(modulus, UInt128{10}, &modulus)) return a;
  }
  // a * 10^k mod m, digit by digit: ten times a remainder may overflow 128 bits, so it is built by
  // additions.
  UInt128 rest = Magnitude(a.unscaled) % modulus;
  for (int at = a.scale; at < scale; ++at) {
    const UInt128 once = rest;
    for (int i = 0; i < 9; ++i)
      rest = rest >= modulus - once ? rest - (modulus - once) : rest + once;
  }
  const auto value = static_cast<Int128>(rest);
  return {a.unscaled < 0 ? -value : value, scale};
}

bool RoundDecimal(Decimal v, int64_t digits, Rounding rounding, Decimal* out) {
  *out = v;
  if (digits >= v.scale) return true;
  const int64_t dropped = v.scale - digits;
  Int128 quotient = 0;
  Int128 rest = v.unscaled;
  if (dropped <= kDecimalDigitsMax) {
    quotient = v.unscaled / PowerOfTen(dropped);
    rest = v.unscaled % PowerOfTen(dropped);
  }
  const bool negative = v.unscaled < 0;
  bool away = rest != 0 && (rounding == Rounding::kFloor ? negative : !negative);
  if (rounding == Rounding::kHalfAwayFromZero) {
    away = dropped <= kDecimalDigitsMax &&
           Magnitude(rest) * 2 >= static_cast<UInt128>(PowerOfTen(dropped));
  }
  if (away) quotient += negative ? -1 : 1;
  if (quotient == 0) {
    *out = {};
    return true;
  }
  if (digits < -kDecimalDigitsMax) return false;
  const Int128 power = digits < 0 ? PowerOfTen(-digits) : 1;
  *out = {0, digits < 0 ? 0 : static_cast<int>(digits)};
  return !__builtin_mul_overflow(quotient, power, &out->unscaled) && FitsDecimal(out->unscaled);
}

double decimal_internal::NearestByText(Int128 unscaled, int scale) {
  const std::string text = FormatDecimal(unscaled, scale);
  double v = 0;
  std::from_chars(text.data(), text.data() + text.size(), v);
  return v;
}

bool ShortestDecimal(double v, Decimal* out) {
  if (!std::isfinite(v)) return false;
  // Two decimals of at most 15 digits never share a double, so one that reads back is the shortest.
  constexpr double kUniqueMax = 1e15;
  for (const int scale : {0, 2}) {
    const double power = scale == 0 ? 1 : 100;
    const double scaled = std::nearbyint(v * power);
    if (std::fabs(scaled) < kUniqueMax && scaled / power == v) {
      *out = {static_cast<Int128>(scaled), scale};
      StripTrailingZeros(&out->unscaled, &out->scale);
      return true;
    }
  }
  char text[32];
  const char* end = std::to_chars(text, text + sizeof text, v).ptr;
  return ParseDecimal({text, static_cast<size_t>(end - text)}, &out->unscaled, &out->scale);
}

}  // namespace murmur
