#include "murmur/arena.h"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>

namespace murmur {
namespace {

size_t ClassOf(size_t bytes) noexcept {
  return static_cast<size_t>(std::bit_width(bytes <= 16 ? size_t{15} : bytes - 1));
}

}  // namespace

Arena::~Arena() {
  for (const Slab& slab : slabs_) std::free(slab.data);
  for (const Slab& slab : spare_) std::free(slab.data);
}

void* Arena::Allocate(size_t bytes) {
  const size_t size_class = ClassOf(bytes);
  const size_t size = size_t{1} << size_class;
  if (FreeBlock* block = free_[size_class]) {
    free_[size_class] = block->next;
    std::memset(static_cast<void*>(block), 0, size);
    return block;
  }
  if (static_cast<size_t>(end_ - next_) < size) {
    const size_t slab_bytes = size > kSlabBytes / 4 ? size : kSlabBytes;
    char* data = nullptr;
    if (slab_bytes == kSlabBytes && !spare_.empty()) {
      data = spare_.back().data;
      spare_.pop_back();
    } else {
      data = static_cast<char*>(std::aligned_alloc(64, (slab_bytes + 63) / 64 * 64));
      if (data == nullptr) throw std::bad_alloc();
    }
    slabs_.push_back({data, slab_bytes});
    slab_bytes_ += slab_bytes;
    if (slab_bytes != kSlabBytes) {  // a slab of its own; the current one stays in use
      std::memset(data, 0, size);
      return data;
    }
    next_ = data;
    end_ = data + slab_bytes;
  }
  void* block = next_;
  next_ += size;
  std::memset(block, 0, size);
  return block;
}

void Arena::Free(void* block, size_t bytes) noexcept {
  auto* free_block = static_cast<FreeBlock*>(block);
  FreeBlock*& head = free_[ClassOf(bytes)];
  free_block->next = head;
  head = free_block;
}

void Arena::Reset() noexcept {
  free_.fill(nullptr);
  charged_ = 0;
  for (const Slab& slab : slabs_) {
    if (slab.bytes == kSlabBytes) {
      spare_.push_back(slab);
    } else {
      std::free(slab.data);
    }
  }
  slabs_.clear();
  next_ = end_ = nullptr;
  slab_bytes_ = 0;
}

}  // namespace murmur
