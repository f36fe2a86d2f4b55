#include "base/zeroed_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace murmur {
namespace {

constexpr size_t kGrainBytes = size_t{2} << 20;  // a large page
constexpr size_t kKeptBytes = size_t{8} << 20;   // never given back

}  // namespace

ZeroedMemory::~ZeroedMemory() {
  if (data_ != nullptr) ::munmap(data_, capacity_);
}

void ZeroedMemory::Grow(size_t bytes) {
  if (bytes <= capacity_) return;
  size_t wanted = std::max(bytes, capacity_ + capacity_ / 2);
  wanted = (wanted + kGrainBytes - 1) / kGrainBytes * kGrainBytes;
  void* grown = data_ == nullptr ? ::mmap(nullptr, wanted, PROT_READ | PROT_WRITE,
                                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                                 : ::mremap(data_, capacity_, wanted, MREMAP_MAYMOVE);
  if (grown == MAP_FAILED) throw std::bad_alloc();
  ::madvise(grown, wanted, MADV_HUGEPAGE);
  data_ = static_cast<char*>(grown);
  capacity_ = wanted;
}

void ZeroedMemory::Clear(size_t used) noexcept {
  if (data_ == nullptr) return;
  // Zeroing pages that will be used again is cheaper here than fetching fresh ones.
  if (capacity_ <= kKeptBytes || used >= capacity_ / 4) {
    std::memset(data_, 0, used);
  } else {
    ::madvise(data_, capacity_, MADV_DONTNEED);
  }
}

}  // namespace murmur
