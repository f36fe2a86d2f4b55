// Dyadic: an exact binary number, integer * 2^exponent, of any size. Sums and products of doubles
// are such numbers, so they are exact here, in any order.
//
// Bytes of a number (AppendDyadic): varint n, the size in bytes; for n > 0 the signed varint
// position p and n bytes of a two's complement integer, lowest first: value = integer * 256^p. p
// lies within kDyadicPositionMax of 0; the lowest byte is not 0, unless p is at its maximum; and
// the integer has no needless sign byte. So a number has one encoding.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/decimal.h"
#include "murmur/record.h"

namespace murmur {

class Dyadic {
 public:
  Dyadic() = default;

  // += (negative ? -1 : 1) * magnitude * 2^shift
  void AddScaled(UInt128 magnitude, int64_t shift, bool negative);
  // += integer * 256^position; bytes as in the encoding.
  void AddBytes(std::string_view bytes, int64_t position);
  // += other * 2^shift
  void Add(const Dyadic& other, int64_t shift = 0);
  void Negate();
  static Dyadic Product(const Dyadic& a, const Dyadic& b);

  bool zero() const;
  bool negative() const { return !limbs_.empty() && limbs_.back() >> 63 != 0; }
  // Rounded to nearest, ties to even; infinite beyond the doubles.
  double ToDouble() const;
  // floor(value) in decimal digits.
  std::string IntegerText() const;

  size_t heap_bytes() const { return limbs_.capacity() * sizeof(uint64_t); }

 private:
  friend void AppendDyadic(const Dyadic& number, std::string* out);

  // Makes room for the bits [64 * low, 64 * high).
  void Cover(int64_t low, int64_t high);
  // Adds `limb` at index `at`, carrying upwards; `sign` (0 or ~0) extends the addend.
  void AddLimbs(const uint64_t* limbs, size_t count, int64_t low, bool negative_addend);

  std::vector<uint64_t> limbs_;  // two's complement, lowest first
  int64_t low_ = 0;              // limbs_[0] counts 2^(64 * low_)
};

inline constexpr int64_t kDyadicPositionMax = 1024;  // squares of doubles have -269 to 256

void AppendDyadic(const Dyadic& number, std::string* out);
// The same for any two's complement integer * 256^position.
void AppendScaledInteger(std::string_view bytes, int64_t position, std::string* out);
// Takes a number off the front of *in; *bytes is empty for zero.
bool ReadScaledInteger(std::string_view* in, std::string_view* bytes, int64_t* position);

}  // namespace murmur
