// Texts of up to 16 bytes as a register.
#pragma once

#include <emmintrin.h>

#include <cstdint>
#include <cstring>

namespace murmur {

inline constexpr uint32_t kShortTextBytes = 16;

// The `size` bytes at `text`, followed by zeros. Reads 16 bytes, within one page. An empty text may
// be anywhere, as a std::string_view's. REQUIRES: size <= kShortTextBytes
__attribute__((no_sanitize("address"), no_sanitize("thread"))) inline __m128i LoadShortText(
    const char* text, uint32_t size) {
  constexpr size_t kPageBytes = 4096;
  if (size == 0) return _mm_setzero_si128();
  alignas(16) static constexpr unsigned char kMask[32] = {
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0,    0,    0,    0,    0,    0,
      0,    0,    0,    0,    0,    0,    0,    0,    0,    0};
  const __m128i mask = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kMask + 16 - size));
  if ((reinterpret_cast<uintptr_t>(text) & (kPageBytes - 1)) <= kPageBytes - 16) {
    return _mm_and_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(text)), mask);
  }
  alignas(16) char copy[16] = {};
  std::memcpy(copy, text, size);
  return _mm_load_si128(reinterpret_cast<const __m128i*>(copy));
}

}  // namespace murmur
