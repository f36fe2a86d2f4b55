// Bytes as hexadecimal digits.
#pragma once

#include <string>
#include <string_view>

namespace murmur {

// Two lower-case digits for each byte.
inline std::string ToHex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

}  // namespace murmur
