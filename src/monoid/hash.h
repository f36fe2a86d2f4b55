// The hash of a value, the same on every machine and in every release: sketches store its bits.
// Equal values have equal hashes whatever their kind: 5, 5.0 and the decimal 5.00.
// Source: the structure of wyhash (Wang Yi, public domain): multiply 64 x 64, fold high on low.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "murmur/record.h"

namespace murmur {

static_assert(std::endian::native == std::endian::little, "hashes and formats are little-endian");

namespace hash_internal {

inline constexpr uint64_t kSecret0 = 0xa0761d6478bd642full;
inline constexpr uint64_t kSecret1 = 0xe7037ed1a0b428dbull;
inline constexpr uint64_t kSecret2 = 0x8ebc6af09c88c6e3ull;

inline uint64_t Mix(uint64_t a, uint64_t b) noexcept {
  __extension__ using Wide = unsigned __int128;
  const Wide product = Wide{a} * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}
inline uint64_t Read8(const char* p) noexcept {
  uint64_t v;
  std::memcpy(&v, p, 8);
  return v;
}
inline uint64_t Read4(const char* p) noexcept {
  uint32_t v;
  std::memcpy(&v, p, 4);
  return v;
}

enum class Class : uint64_t { kBool = 1, kInteger, kFraction, kDecimal, kTime };

inline uint64_t HashWord(uint64_t word, Class value_class) noexcept {
  return Mix(Mix(word ^ kSecret1, kSecret2 ^ static_cast<uint64_t>(value_class)) ^ kSecret1,
             kSecret2);
}
inline uint64_t HashInt(int64_t v) noexcept {
  return HashWord(static_cast<uint64_t>(v), Class::kInteger);
}

}  // namespace hash_internal

inline uint64_t HashBytes(std::string_view bytes, uint64_t seed) noexcept {
  using namespace hash_internal;
  const char* p = bytes.data();
  size_t left = bytes.size();
  uint64_t a = 0;
  uint64_t b = 0;
  for (; left > 16; left -= 16, p += 16) seed = Mix(Read8(p) ^ kSecret1, Read8(p + 8) ^ seed);
  if (left >= 8) {
    a = Read8(p);
    b = Read8(p + left - 8);
  } else if (left >= 4) {
    a = Read4(p);
    b = Read4(p + left - 4);
  } else if (left > 0) {
    const auto at = [p](size_t i) { return uint64_t{static_cast<unsigned char>(p[i])}; };
    a = at(0) << 16 | at(left / 2) << 8 | at(left - 1);
  }
  return Mix(kSecret2 ^ bytes.size(), Mix(a ^ kSecret1, b ^ seed));
}

inline constexpr uint64_t kStringSeed = hash_internal::kSecret0;

// REQUIRES: cell is not null
uint64_t HashCellSlow(const Cell& cell) noexcept;
inline uint64_t HashCell(const Cell& cell) noexcept {
  if (cell.kind == Kind::kString) [[likely]]
    return HashBytes(cell.text(), kStringSeed);
  if (cell.kind == Kind::kInt) return hash_internal::HashInt(cell.i);
  return HashCellSlow(cell);
}

}  // namespace murmur
