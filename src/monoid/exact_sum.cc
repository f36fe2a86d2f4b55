#include "monoid/exact_sum.h"

#include "monoid/varint.h"

namespace murmur {
namespace {

struct Parts {
  uint64_t mantissa;
  int exponent;  // value = mantissa * 2^exponent
};

Parts Split(double v) {
  const auto bits = std::bit_cast<uint64_t>(v);
  const int biased = static_cast<int>(bits >> 52 & 0x7FF);
  const uint64_t fraction = bits & ((uint64_t{1} << 52) - 1);
  if (biased == 0) return {fraction, -1074};
  return {fraction | uint64_t{1} << 52, biased - 1075};
}

size_t ApartIndex(double v) { return std::isnan(v) ? 0 : v > 0 ? 1 : 2; }

// Where the window's lowest byte lies: 256^-8.
constexpr int64_t kWindowPosition = -8;

bool FitsWindow(std::string_view bytes, int64_t position) {
  return position >= kWindowPosition && position + static_cast<int64_t>(bytes.size()) <= 8;
}

Int128 WindowOf(std::string_view bytes, int64_t position) {
  UInt128 v = 0;
  if (!bytes.empty() && static_cast<signed char>(bytes.back()) < 0) v = ~v;
  for (size_t i = bytes.size(); i-- > 0;) v = v << 8 | static_cast<unsigned char>(bytes[i]);
  return static_cast<Int128>(v << (8 * (position - kWindowPosition)));
}

}  // namespace

bool ExactSum::ShortFraction(uint64_t bits, int shift, Int128* magnitude) {
  if (bits << 1 == 0) {
    *magnitude = 0;
    return true;
  }
  if (shift >= 0 || shift <= -53) return false;
  const uint64_t mantissa = (bits & kMantissaMask) | kHiddenBit;
  if (mantissa << (64 + shift) != 0) return false;  // bits below the unit
  *magnitude = static_cast<Int128>(mantissa >> -shift);
  return true;
}

ExactSum::Spill* ExactSum::NeedSpill(Arena* arena) {
  if (!spilled()) {
    auto* fresh = new Spill;
    fresh->doubles = doubles();
    arena->Charge(static_cast<ptrdiff_t>(sizeof(Spill) + 8 * sizeof(uint64_t)));
    tail_ = reinterpret_cast<uint64_t>(fresh) | kSpilled;
  }
  return spill();
}

int64_t ExactSum::doubles() const {
  return spilled() ? spill()->doubles : static_cast<int64_t>(tail_) >> 1;
}

void ExactSum::AddDoubles(int64_t count) {
  if (spilled()) {
    spill()->doubles = WrappingAdd(spill()->doubles, count);
  } else {
    tail_ += static_cast<uint64_t>(count) << 1;
  }
}

void ExactSum::SpillInteger(int64_t v, Arena* arena) {
  NeedSpill(arena)->sum.AddScaled(v < 0 ? 0 - static_cast<uint64_t>(v) : static_cast<uint64_t>(v),
                                  0, v < 0);
}

void ExactSum::AddDoubleSlow(double v, Arena* arena) {
  Int128 units;
  if (std::isfinite(v) && DoubleToUnits(v, &units) && AddUnits(units)) return AddDoubles(1);
  Spill* out = NeedSpill(arena);
  out->doubles = WrappingAdd(out->doubles, 1);
  if (!std::isfinite(v)) {
    int64_t& count = out->apart[ApartIndex(v)];
    count = WrappingAdd(count, 1);
  } else {
    const Parts parts = Split(v);
    out->sum.AddScaled(parts.mantissa, parts.exponent, v < 0);
  }
}

void ExactSum::AddScaled(UInt128 magnitude, int shift, bool negative, Arena* arena) {
  const int up = shift + kFractionBits;
  if (up >= 0 && up < 127 && magnitude >> (127 - up) == 0) {
    const auto units = static_cast<Int128>(magnitude << up);
    if (AddUnits(negative ? -units : units)) return;
  }
  NeedSpill(arena)->sum.AddScaled(magnitude, shift, negative);
}

void ExactSum::AddSquare(double v, Arena* arena) {
  if (!std::isfinite(v)) return AddDoubleSlow(v, arena);
  const Parts parts = Split(v);
  AddScaled(UInt128{parts.mantissa} * parts.mantissa, 2 * parts.exponent, false, arena);
  AddDoubles(1);
}

void ExactSum::AddSquare(int64_t v, Arena* arena) {
  const UInt128 magnitude = v < 0 ? 0 - static_cast<uint64_t>(v) : static_cast<uint64_t>(v);
  AddScaled(magnitude * magnitude, 0, false, arena);
}

void ExactSum::Add(const EncodedSum& other, Arena* arena) {
  AddDoubles(other.doubles);
  if (!other.finite()) {
    Spill* out = NeedSpill(arena);
    for (size_t i = 0; i < 3; ++i) out->apart[i] = WrappingAdd(out->apart[i], other.apart[i]);
  }
  const bool fits =
      FitsWindow(other.bytes, other.position) && AddUnits(WindowOf(other.bytes, other.position));
  if (!fits) NeedSpill(arena)->sum.AddBytes(other.bytes, other.position);
}

void ExactSum::Add(const Partial& other, Arena* arena) {
  if (!AddUnits(other.window_)) AddUnitsTo(&NeedSpill(arena)->sum, other.window_);
  AddDoubles(other.doubles_);
}

void ExactSum::AddUnitsTo(Dyadic* sum, Int128 units) {
  const UInt128 bits = static_cast<UInt128>(units);
  sum->AddScaled(units < 0 ? 0 - bits : bits, -kFractionBits, units < 0);
}

Dyadic ExactSum::Total() const {
  Dyadic total = spilled() ? spill()->sum : Dyadic();
  AddUnitsTo(&total, window());
  return total;
}

bool ExactSum::empty() const {
  if (!spilled()) return (low_ | high_ | tail_) == 0;
  return spill()->doubles == 0 && spill()->apart == std::array<int64_t, 3>{} && Total().zero();
}

void ExactSum::Encode(std::string* out) const {
  const bool apart = spilled() && spill()->apart != std::array<int64_t, 3>{};
  AppendSigned(static_cast<int64_t>(static_cast<uint64_t>(doubles()) << 1) | (apart ? 1 : 0), out);
  if (apart) {
    for (const int64_t count : spill()->apart) AppendSigned(count, out);
  }
  if (spilled()) return AppendDyadic(Total(), out);
  const std::array<uint64_t, 2> words = {low_, high_};
  AppendScaledInteger({reinterpret_cast<const char*>(words.data()), sizeof(words)}, kWindowPosition,
                      out);
}

void ExactSum::Negate(Arena* arena) {
  if (spilled()) {
    spill()->sum.Negate();
    spill()->doubles = WrappingNegate(spill()->doubles);
    for (int64_t& count : spill()->apart) count = WrappingNegate(count);
  } else {
    tail_ = 0 - tail_;
  }
  constexpr Int128 kLowest = Int128{1} << 126;
  if (window() == -kLowest - kLowest) {  // its opposite does not fit
    set_window(0);
    NeedSpill(arena)->sum.AddScaled(UInt128{1} << 127, -kFractionBits, false);
  } else {
    set_window(-window());
  }
}

void ExactSum::Destroy() {
  if (spilled()) delete spill();
  tail_ = 0;
}

bool ReadSum(std::string_view* in, EncodedSum* sum) {
  int64_t word;
  if (!ReadSigned(in, &word)) return false;
  sum->doubles = word >> 1;
  sum->apart = {};
  if ((word & 1) != 0) {
    for (int64_t& count : sum->apart) {
      if (!ReadSigned(in, &count)) return false;
    }
    if (sum->finite()) return false;
  }
  return ReadScaledInteger(in, &sum->bytes, &sum->position);
}

}  // namespace murmur
