// The byte forms of values and store records: LEB128 varints, zigzag for signed numbers, strings
// after their length. docs/state_format.md describes the records.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace murmur {

inline void PutVarint(uint64_t v, std::string* out) {
  while (v >= 0x80) {
    out->push_back(static_cast<char>(v | 0x80));
    v >>= 7;
  }
  out->push_back(static_cast<char>(v));
}

// Takes a varint off the front of *in. False at the end of the bytes, or past 64 bits.
inline bool GetVarint(std::string_view* in, uint64_t* v) noexcept {
  uint64_t result = 0;
  for (size_t i = 0; i < in->size() && i < 10; ++i) {
    const auto byte = static_cast<unsigned char>((*in)[i]);
    if (i == 9 && byte > 1) return false;
    result |= uint64_t{byte & 0x7Fu} << (7 * i);
    if (byte < 0x80) {
      in->remove_prefix(i + 1);
      *v = result;
      return true;
    }
  }
  return false;
}

inline void PutSigned(int64_t v, std::string* out) {
  PutVarint(static_cast<uint64_t>(v) << 1 ^ static_cast<uint64_t>(v >> 63), out);
}

inline bool GetSigned(std::string_view* in, int64_t* v) noexcept {
  uint64_t zigzag;
  if (!GetVarint(in, &zigzag)) return false;
  *v = static_cast<int64_t>(zigzag >> 1 ^ (~(zigzag & 1) + 1));
  return true;
}

inline void PutBytes(std::string_view bytes, std::string* out) {
  PutVarint(bytes.size(), out);
  out->append(bytes);
}

inline bool GetView(std::string_view* in, std::string_view* bytes) noexcept {
  uint64_t size;
  if (!GetVarint(in, &size) || size > in->size()) return false;
  *bytes = in->substr(0, size);
  in->remove_prefix(size);
  return true;
}

inline bool GetBytes(std::string_view* in, std::string* bytes) {
  std::string_view view;
  if (!GetView(in, &view)) return false;
  bytes->assign(view);
  return true;
}

}  // namespace murmur
