// A contiguous block of zeroed bytes that grows without copying: pages of an anonymous mapping,
// large ones if the system has them.
#pragma once

#include <cstddef>
#include <utility>

namespace murmur {

class ZeroedMemory {
 public:
  ZeroedMemory() = default;
  ~ZeroedMemory();
  ZeroedMemory(const ZeroedMemory&) = delete;
  ZeroedMemory& operator=(const ZeroedMemory&) = delete;

  char* data() const noexcept { return data_; }
  size_t capacity() const noexcept { return capacity_; }
  // Makes room for at least `bytes`. Old content stays, new bytes are zero. May move the block.
  // Throws std::bad_alloc.
  void Grow(size_t bytes);
  void Swap(ZeroedMemory& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
  }
  // Zeroes the first `used` bytes, and frees pages if much more than that was kept.
  void Clear(size_t used) noexcept;

 private:
  char* data_ = nullptr;
  size_t capacity_ = 0;
};

}  // namespace murmur
