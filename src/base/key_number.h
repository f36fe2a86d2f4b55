// The bytes of a number in a key part and in a stored value (murmur/key.h): a tag, the nearest
// double so that memcmp orders it, and a residual.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "murmur/record.h"

namespace murmur {

inline constexpr size_t kKeyNumberBytes = 11;
inline constexpr int kResidualZero = 0x4000;

namespace key_number_internal {
inline constexpr uint64_t kSignBit = uint64_t{1} << 63;
}  // namespace key_number_internal

// Bits whose order is that of the numbers. -0.0 is 0, and NaN is one value.
inline uint64_t OrderedBits(int64_t v) noexcept {
  return static_cast<uint64_t>(v) ^ key_number_internal::kSignBit;
}
// REQUIRES: neither NaN nor -0.0
inline uint64_t OrderedBitsOfPlain(double d) noexcept {
  const auto bits = std::bit_cast<int64_t>(d);
  const auto flipped = static_cast<uint64_t>(bits >> 63) | key_number_internal::kSignBit;
  return static_cast<uint64_t>(bits) ^ flipped;
}
inline uint64_t OrderedBits(double d) noexcept {
  if (d == 0) d = 0;
  if (std::isnan(d)) d = std::numeric_limits<double>::quiet_NaN();
  return OrderedBitsOfPlain(d);
}

// Writes kKeyNumberBytes.
inline void WriteKeyNumber(double nearest, int residual, char* out) noexcept {
  const uint64_t ordered = __builtin_bswap64(OrderedBits(nearest));
  const uint16_t low = __builtin_bswap16(static_cast<uint16_t>(residual));
  *out = '\4';
  std::memcpy(out + 1, &ordered, sizeof(ordered));
  std::memcpy(out + 9, &low, sizeof(low));
}
inline void WriteKeyInt(int64_t v, char* out) noexcept {
  constexpr int64_t kExact = int64_t{1} << 53;
  const auto nearest = static_cast<double>(v);
  const auto residual =
      v <= kExact && v >= -kExact ? 0 : static_cast<int>(Int128{v} - static_cast<Int128>(nearest));
  WriteKeyNumber(nearest, kResidualZero + residual, out);
}

}  // namespace murmur
