// One contiguous run of zeroed bytes that grows without copying: pages of an anonymous mapping,
// large ones where the system has them.
#pragma once

#include <cstddef>

namespace murmur {

class ZeroedMemory {
 public:
  ZeroedMemory() = default;
  ~ZeroedMemory();
  ZeroedMemory(const ZeroedMemory&) = delete;
  ZeroedMemory& operator=(const ZeroedMemory&) = delete;

  char* data() const noexcept { return data_; }
  size_t capacity() const noexcept { return capacity_; }
  // Makes room for `bytes` at least; what was there keeps its content, what is new is zero. May
  // move the run. Throws std::bad_alloc.
  void Grow(size_t bytes);
  // Zeroes the first `used` bytes, and gives pages back where much more than that was kept.
  void Clear(size_t used) noexcept;

 private:
  char* data_ = nullptr;
  size_t capacity_ = 0;
};

}  // namespace murmur
