// ExactSum: the exact sum of any numbers, in 24 bytes that are all zero for the empty sum.
//
// A 128-bit window in units of 2^-64 takes integers and most doubles. Anything else (a tiny
// fraction, a huge number, an overflow) goes to a Dyadic on the heap, made when first needed. The
// sum is the total of both, so how it is divided never shows. NaN and infinities are counted
// separately, and so are the contributions that were doubles: a sum of integers alone is an
// integer.
//
// Bytes: signed varint 2 * doubles + apart; if apart is 1, three signed varints: NaNs, infinities,
// negative infinities; then the finite sum (dyadic.h). Nothing at all for the identity.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "monoid/dyadic.h"
#include "murmur/arena.h"
#include "murmur/record.h"

namespace murmur {

// The parts of an encoded sum; `bytes` are borrowed.
struct EncodedSum {
  int64_t doubles = 0;             // contributions that were doubles
  std::array<int64_t, 3> apart{};  // NaNs, infinities, negative infinities
  std::string_view bytes;          // of the finite sum: an integer * 256^position
  int64_t position = 0;

  bool finite() const { return apart == std::array<int64_t, 3>{}; }
  Dyadic sum() const {
    Dyadic out;
    out.AddBytes(bytes, position);
    return out;
  }
};
// Takes a sum off the front of *in; false if that is not what ExactSum::Encode writes.
bool ReadSum(std::string_view* in, EncodedSum* sum);

class ExactSum {
 public:
  // Values added up in registers on their way to a sum.
  class Partial {
   public:
    // Each returns false if the value doesn't fit in here: then it is to be added to the sum.
    bool AddInt(int64_t v) { return AddUnits(Int128{v} << kFractionBits); }
    bool AddDouble(double v) {
      Int128 units;
      if (!DoubleToUnits(v, &units) || !AddUnits(units)) [[unlikely]]
        return false;
      ++doubles_;
      return true;
    }

   private:
    friend class ExactSum;
    bool AddUnits(Int128 units) {
      Int128 sum;
      if (__builtin_add_overflow(window_, units, &sum)) [[unlikely]]
        return false;
      window_ = sum;
      return true;
    }

    Int128 window_ = 0;
    int64_t doubles_ = 0;
  };

  void AddInt(int64_t v, Arena* arena) {
    const Int128 units = Int128{v} << kFractionBits;
    if (!AddUnits(units)) [[unlikely]]
      SpillInteger(v, arena);
  }
  void AddDouble(double v, Arena* arena) {
    Int128 units;
    if (!spilled() && DoubleToUnits(v, &units) && AddUnits(units)) [[likely]] {
      tail_ += kOneDouble;
    } else {
      AddDoubleSlow(v, arena);
    }
  }
  // += (negative ? -1 : 1) * magnitude * 2^shift
  void AddScaled(UInt128 magnitude, int shift, bool negative, Arena* arena);
  // += v * v; counts as a double if v is one.
  void AddSquare(double v, Arena* arena);
  void AddSquare(int64_t v, Arena* arena);

  void Add(const EncodedSum& other, Arena* arena);
  void Add(const Partial& other, Arena* arena);
  void Encode(std::string* out) const;
  void Negate(Arena* arena);
  // Frees the heap part.
  void Destroy();

  bool empty() const;  // the identity

 private:
  static constexpr int kFractionBits = 64;
  static constexpr uint64_t kOneDouble = 2;
  static constexpr uint64_t kSpilled = 1;
  struct Spill {
    Dyadic sum;
    int64_t doubles = 0;
    std::array<int64_t, 3> apart{};
  };

  // v in units of 2^-64, if it is a whole number of them and fits.
  static bool DoubleToUnits(double v, Int128* units) {
    const auto bits = std::bit_cast<uint64_t>(v);
    const int shift = static_cast<int>(bits >> 52 & 0x7FF) - 1075 + kFractionBits;
    Int128 magnitude = static_cast<Int128>((bits & kMantissaMask) | kHiddenBit);
    if (static_cast<unsigned>(shift) <= 126 - 53) [[likely]] {
      magnitude <<= shift;
    } else if (!ShortFraction(bits, shift, &magnitude)) {
      return false;
    }
    *units = static_cast<int64_t>(bits) < 0 ? -magnitude : magnitude;
    return true;
  }
  static constexpr uint64_t kHiddenBit = uint64_t{1} << 52;
  static constexpr uint64_t kMantissaMask = kHiddenBit - 1;
  static bool ShortFraction(uint64_t bits, int shift, Int128* magnitude);

  bool AddUnits(Int128 units) {
    Int128 sum;
    if (__builtin_add_overflow(window(), units, &sum)) [[unlikely]]
      return false;
    set_window(sum);
    return true;
  }
  static void AddUnitsTo(Dyadic* sum, Int128 units);
  void SpillInteger(int64_t v, Arena* arena);
  void AddDoubleSlow(double v, Arena* arena);

  Int128 window() const { return static_cast<Int128>(UInt128{high_} << 64 | low_); }
  void set_window(Int128 v) {
    low_ = static_cast<uint64_t>(v);
    high_ = static_cast<uint64_t>(static_cast<UInt128>(v) >> 64);
  }
  bool spilled() const { return (tail_ & kSpilled) != 0; }
  Spill* spill() const { return reinterpret_cast<Spill*>(tail_ & ~kSpilled); }
  Spill* NeedSpill(Arena* arena);
  int64_t doubles() const;
  void AddDoubles(int64_t count);
  Dyadic Total() const;  // of the finite contributions

  uint64_t low_;  // the window; two words, because states are aligned to 8 only
  uint64_t high_;
  uint64_t tail_;  // 2 * doubles; or, once spilled, the address of the Spill + 1
};
static_assert(sizeof(ExactSum) == 24);

}  // namespace murmur
