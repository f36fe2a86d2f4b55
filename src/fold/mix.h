// The mixing step of wyhash: https://github.com/wangyi-fudan/wyhash (public domain).
#pragma once

#include <cstdint>

namespace murmur {

inline uint64_t Mix(uint64_t a, uint64_t b) noexcept {
  __extension__ const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace murmur
