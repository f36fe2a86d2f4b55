// 64-bit words, the most significant byte first: memcmp orders them.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

namespace murmur {

inline void AppendBigEndian(uint64_t word, std::string* out) {
  for (int shift = 56; shift >= 0; shift -= 8) out->push_back(static_cast<char>(word >> shift));
}

// REQUIRES: eight bytes are readable
inline uint64_t ReadBigEndian(const char* bytes) noexcept {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof(word));
  return __builtin_bswap64(word);
}

}  // namespace murmur
