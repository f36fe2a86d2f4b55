#include "monoid/hash.h"

#include <cmath>
#include <limits>

#include "base/decimal.h"
#include "monoid/numbers.h"

namespace murmur {
namespace {

using hash_internal::Class;
using hash_internal::HashInt;
using hash_internal::HashWord;

uint64_t HashDouble(double v) noexcept {
  if (v == std::trunc(v) && std::fabs(v) < 0x1p63) return HashInt(static_cast<int64_t>(v));
  if (std::isnan(v)) v = std::numeric_limits<double>::quiet_NaN();
  return HashWord(std::bit_cast<uint64_t>(v), Class::kFraction);
}

uint64_t HashDecimal(const Cell& cell) noexcept {
  Int128 unscaled = cell.decimal();
  int scale = cell.scale;
  StripTrailingZeros(&unscaled, &scale);
  if (scale == 0 && FitsInt64(unscaled)) {
    return HashInt(static_cast<int64_t>(unscaled));
  }
  const double nearest = NearestDouble(unscaled, scale);
  if (DecimalEqualsDouble(unscaled, scale, nearest)) return HashDouble(nearest);
  return HashBytes(FormatDecimal(unscaled, scale), static_cast<uint64_t>(Class::kDecimal));
}

}  // namespace

uint64_t HashCellSlow(const Cell& cell) noexcept {
  switch (cell.kind) {
    case Kind::kNull: return 0;
    case Kind::kBool: return HashWord(static_cast<uint64_t>(cell.i), Class::kBool);
    case Kind::kInt: return HashInt(cell.i);
    case Kind::kDouble: return HashDouble(cell.d);
    case Kind::kDecimal: return HashDecimal(cell);
    case Kind::kTime: return HashWord(static_cast<uint64_t>(cell.i), Class::kTime);
    case Kind::kString:
    case Kind::kJson: return HashBytes(cell.text(), kStringSeed);
  }
  return 0;
}

}  // namespace murmur
