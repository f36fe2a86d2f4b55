// Memory for those cells of one batch that can't be views: unescaped strings, decimals. Threads:
// one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "base/decimal.h"
#include "murmur/record.h"

namespace murmur {

class TextArena {
 public:
  TextArena() = default;
  TextArena(const TextArena&) = delete;
  TextArena& operator=(const TextArena&) = delete;

  // 16-byte aligned, valid until Reset.
  char* Allocate(size_t bytes) {
    bytes = (bytes + 15) / 16 * 16;
    if (bytes > left_) AddBlock(bytes);
    char* block = next_;
    next_ += bytes;
    left_ -= bytes;
    return block;
  }
  std::string_view Store(std::string_view text) {
    if (text.empty()) return {};
    char* copy = Allocate(text.size());
    std::memcpy(copy, text.data(), text.size());
    return {copy, text.size()};
  }
  const Int128* StoreDecimal(Int128 value) { return new (Allocate(sizeof value)) Int128(value); }
  // Frees all. Keeps the first block.
  void Reset() {
    if (blocks_.empty()) return;
    blocks_.resize(1);
    next_ = blocks_[0].get();
    left_ = kBlockBytes;
  }

 private:
  static constexpr size_t kBlockBytes = 64 << 10;

  // The first block has exactly kBlockBytes, so that Reset can go back to it.
  void AddBlock(size_t bytes) {
    if (blocks_.empty() && bytes > kBlockBytes) AddBlock(kBlockBytes);
    left_ = std::max(bytes, kBlockBytes);
    blocks_.emplace_back(new char[left_]);
    next_ = blocks_.back().get();
  }

  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  size_t left_ = 0;
};

// A decimal of up to 38 digits.
inline Cell MakeDecimalCell(Int128 unscaled, int scale, TextArena* arena) {
  const auto digits = static_cast<uint8_t>(scale);
  if (FitsInt64(unscaled)) {
    return Cell::SmallDecimal(static_cast<int64_t>(unscaled), digits);
  }
  return Cell::Decimal(arena->StoreDecimal(unscaled), digits);
}

}  // namespace murmur
