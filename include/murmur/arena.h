// Memory for aggregate states that outgrow their cell: blocks of power-of-two sizes, cut from slabs
// and reused by size. Reset frees all of them at once. Blocks are zeroed and 16-byte aligned.
// Threads: one at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace murmur {

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();

  // A zeroed block of at least `bytes`, rounded up to a power of two (at least 16).
  void* Allocate(size_t bytes);
  // Gives back a block that Allocate(bytes) returned, for reuse.
  void Free(void* block, size_t bytes) noexcept;
  // Frees all blocks. Slabs are kept for reuse: fresh pages cost more than used ones.
  void Reset() noexcept;

  // Counts memory that states own elsewhere (std containers) against the table's limit.
  void Charge(ptrdiff_t bytes) noexcept { charged_ += bytes; }
  size_t bytes() const noexcept { return slab_bytes_ + static_cast<size_t>(charged_); }

 private:
  static constexpr size_t kSlabBytes = 1 << 20;
  static constexpr size_t kClasses = 48;
  struct FreeBlock {
    FreeBlock* next;
  };
  struct Slab {
    char* data;
    size_t bytes;
  };

  std::array<FreeBlock*, kClasses> free_{};
  std::vector<Slab> slabs_;  // in use
  std::vector<Slab> spare_;  // of kSlabBytes
  char* next_ = nullptr;
  char* end_ = nullptr;
  size_t slab_bytes_ = 0;
  ptrdiff_t charged_ = 0;
};

}  // namespace murmur
