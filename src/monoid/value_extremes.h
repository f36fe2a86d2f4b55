// The state of min, max, first and last: one byte string, the least or the greatest of those seen.
// Bytes: that string itself.
#pragma once

#include <cstring>
#include <string_view>

#include "murmur/simple_monoid.h"

namespace murmur {

// A byte string in the arena; all zero when empty.
class ArenaBytes {
 public:
  std::string_view view() const noexcept { return {data_, size_}; }
  void Assign(std::string_view bytes, Arena* arena) {
    if (bytes.size() > capacity_) {
      if (capacity_ > 0) arena->Free(data_, capacity_);
      capacity_ = static_cast<uint32_t>(std::bit_ceil(bytes.size()));
      data_ = static_cast<char*>(arena->Allocate(capacity_));
    }
    size_ = static_cast<uint32_t>(bytes.size());
    std::memcpy(data_, bytes.data(), bytes.size());
  }

 private:
  char* data_;
  uint32_t size_;
  uint32_t capacity_;
};
static_assert(sizeof(ArenaBytes) == 16);

// Which of two byte strings a state keeps.
enum class Keep { kLeast, kGreatest };

class ExtremeMonoid : public NamedMonoid {
 public:
  ExtremeMonoid(MonoidInfo info, Keep keep) : NamedMonoid(std::move(info)), keep_(keep) {}
  size_t state_size() const noexcept override { return sizeof(ArenaBytes); }

  bool Combine(char* state, std::string_view encoded, Arena* arena) const override {
    if (encoded.empty()) return true;
    if (!Valid(encoded)) return false;
    Offer(state, encoded, arena);
    return true;
  }
  void Encode(const char* state, std::string* out) const override {
    out->append(reinterpret_cast<const ArenaBytes*>(state)->view());
  }

 protected:
  // The state keeps the better of what it has and `bytes`.
  void Offer(char* state, std::string_view bytes, Arena* arena) const {
    auto& kept = *reinterpret_cast<ArenaBytes*>(state);
    if (!kept.view().empty()) {
      const int order = Compare(bytes, kept.view());
      if (keep_ == Keep::kLeast ? order >= 0 : order <= 0) return;
    }
    kept.Assign(bytes, arena);
  }
  static std::string_view Kept(const char* state) {
    return reinterpret_cast<const ArenaBytes*>(state)->view();
  }
  Keep keep() const noexcept { return keep_; }
  virtual int Compare(std::string_view a, std::string_view b) const = 0;
  virtual bool Valid(std::string_view encoded) const = 0;

 private:
  const Keep keep_;
};

}  // namespace murmur
