// The state of min, max, first and last: one byte string, the least or the greatest of those seen.
// Bytes: that string itself.
#pragma once

#include <bit>
#include <cstring>
#include <string_view>

#include "base/big_endian.h"
#include "murmur/simple_monoid.h"

namespace murmur {

// A byte string in the arena; all zero when empty.
class ArenaBytes {
 public:
  std::string_view view() const noexcept { return {data_, size_}; }
  bool empty() const noexcept { return size_ == 0; }
  void Assign(std::string_view bytes, Arena* arena) {
    if (data_ == nullptr || bytes.size() > capacity()) {
      if (data_ != nullptr) arena->Free(data_, capacity());
      capacity_bits_ = static_cast<uint16_t>(std::bit_width(bytes.size()));
      data_ = static_cast<char*>(arena->Allocate(capacity()));
    }
    size_ = static_cast<uint32_t>(bytes.size());
    std::memcpy(data_, bytes.data(), bytes.size());
  }

  uint16_t mark;  // for the owner

 private:
  size_t capacity() const noexcept { return size_t{1} << capacity_bits_; }

  uint16_t capacity_bits_;
  uint32_t size_;
  char* data_;
};
static_assert(sizeof(ArenaBytes) == 16);

// Which of two byte strings a state keeps.
enum class Keep { kLeast, kGreatest };

class ExtremeMonoid : public NamedMonoid {
 public:
  ExtremeMonoid(MonoidInfo info, Keep keep) : NamedMonoid(std::move(info)), keep_(keep) {}
  size_t state_size() const noexcept override { return sizeof(State); }

  bool Combine(char* state, std::string_view encoded, Arena* arena) const override {
    if (encoded.empty()) return true;
    if (!Valid(encoded)) return false;
    Offer(StateAt(state), encoded, RankOf(encoded), arena);
    return true;
  }
  void Encode(const char* state, std::string* out) const override {
    out->append(reinterpret_cast<const State*>(state)->bytes.view());
  }

 protected:
  // What is known of a byte string's place in the order, so that most comparisons need no bytes.
  struct Rank {
    uint16_t mark;   // byte strings of different marks: as the monoid says
    uint64_t order;  // of one mark: that with the smaller number is the smaller
  };
  struct State {
    ArenaBytes bytes;  // its mark is the rank's
    uint64_t order;    // the rank's
  };
  static State* StateAt(char* state) noexcept { return reinterpret_cast<State*>(state); }

  Keep keep() const noexcept { return keep_; }
  // The state keeps the better of what it has and `bytes`.
  void Offer(State* state, std::string_view bytes, const Rank& rank, Arena* arena) const {
    if (!state->bytes.empty()) {
      const int order = Compare(bytes, state->bytes.view());
      if (keep_ == Keep::kLeast ? order >= 0 : order <= 0) return;
    }
    Assign(state, bytes, rank, arena);
  }
  static void Assign(State* state, std::string_view bytes, const Rank& rank, Arena* arena) {
    state->bytes.Assign(bytes, arena);
    state->bytes.mark = rank.mark;
    state->order = rank.order;
  }

  virtual int Compare(std::string_view a, std::string_view b) const = 0;
  virtual bool Valid(std::string_view encoded) const = 0;
  // REQUIRES: Valid(encoded)
  virtual Rank RankOf(std::string_view encoded) const = 0;

 private:
  const Keep keep_;
};

}  // namespace murmur
