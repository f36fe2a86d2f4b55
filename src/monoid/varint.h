// Variable-length integers in the aggregates' byte formats: seven bits a byte, lowest first; the
// high bit says that more follow. Only the shortest form is accepted, so a number has one encoding.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace murmur {

inline void AppendVarint(uint64_t v, std::string* out) {
  for (; v >= 0x80; v >>= 7) out->push_back(static_cast<char>(v | 0x80));
  out->push_back(static_cast<char>(v));
}

// Takes one number off the front of *in; false, and *in undefined, if there is none.
inline bool ReadVarint(std::string_view* in, uint64_t* v) {
  *v = 0;
  for (unsigned shift = 0; !in->empty() && shift < 64; shift += 7) {
    const auto byte = static_cast<unsigned char>(in->front());
    in->remove_prefix(1);
    if (shift == 63 && byte > 1) return false;
    *v |= uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return byte != 0 || shift == 0;
  }
  return false;
}

// Signed numbers, small ones of either sign being short: 0, -1, 1, -2, …
inline void AppendSigned(int64_t v, std::string* out) {
  AppendVarint(static_cast<uint64_t>(v) << 1 ^ static_cast<uint64_t>(v >> 63), out);
}
inline bool ReadSigned(std::string_view* in, int64_t* v) {
  uint64_t raw;
  if (!ReadVarint(in, &raw)) return false;
  *v = static_cast<int64_t>(raw >> 1 ^ (~(raw & 1) + 1));
  return true;
}

// A string with its length before it.
inline void AppendSized(std::string_view bytes, std::string* out) {
  AppendVarint(bytes.size(), out);
  out->append(bytes);
}
inline bool ReadSized(std::string_view* in, std::string_view* bytes) {
  uint64_t size;
  if (!ReadVarint(in, &size) || size > in->size()) return false;
  *bytes = in->substr(0, size);
  in->remove_prefix(size);
  return true;
}

// Counts wrap instead of overflowing: a difference of counts is right whatever happened between.
inline int64_t WrappingAdd(int64_t a, int64_t b) noexcept {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
inline int64_t WrappingNegate(int64_t a) noexcept {
  return static_cast<int64_t>(0 - static_cast<uint64_t>(a));
}

}  // namespace murmur
