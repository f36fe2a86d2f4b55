// The deltas of one worker between two commits: key bytes → record count and aggregate states.
//
// Groups are numbered from 0 in order of arrival. The hot array has one entry per group, a cache
// line for small pipelines, with all that each row touches: the key (inline up to kInlineKey
// bytes), the record count, and the states of aggregates that add row by row. Aggregates that first
// gather additions (Monoid::NewScratch) have their states in the cold array. A slot of the
// open-addressing index holds half of the hash and the group number, so that a probe rarely leaves
// the index.
// Threads: one worker.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/zeroed_memory.h"
#include "murmur/arena.h"
#include "murmur/monoid.h"

namespace murmur {

class GroupTable {
 public:
  static constexpr size_t kInlineKey = 24;
  static constexpr uint32_t kNoGroup = UINT32_MAX;
  static constexpr uint32_t kGroupsMax = 1u << 31;

  explicit GroupTable(std::vector<const Monoid*> monoids);
  ~GroupTable();
  GroupTable(const GroupTable&) = delete;
  GroupTable& operator=(const GroupTable&) = delete;

  uint32_t size() const noexcept { return groups_; }
  // All memory that grows with the groups, including what Sort will need.
  size_t bytes() const noexcept;

  // The group of `key`, made if it is new.
  // REQUIRES: for keys of at most kInlineKey bytes, kInlineKey bytes are readable at key.data(),
  // and those after the key are zero.
  uint32_t Find(std::string_view key, uint64_t hash) {
    const auto tag = static_cast<uint32_t>(hash >> 32);
    for (uint64_t slot = HomeOf(tag);; slot = (slot + 1) & (slot_count_ - 1)) {
      const Slot found = slots()[slot];
      if (found.group_plus_1 == 0) return Insert(key, slot, tag);
      if (found.tag == tag && KeyIs(found.group_plus_1 - 1, key)) return found.group_plus_1 - 1;
    }
  }
  void PrefetchSlot(uint64_t hash) const noexcept {
    __builtin_prefetch(&slots()[HomeOf(static_cast<uint32_t>(hash >> 32))]);
  }
  // Prefetches the entry of the group that `hash` probably finds.
  void PrefetchRecord(uint64_t hash) const noexcept {
    const Slot found = slots()[HomeOf(static_cast<uint32_t>(hash >> 32))];
    if (found.group_plus_1 != 0) __builtin_prefetch(Record(found.group_plus_1 - 1), 1);
  }

  // Prefetches what Key and EncodeValue touch first; PrefetchStates then prefetches what that
  // points to.
  void PrefetchGroup(uint32_t group) const noexcept {
    __builtin_prefetch(Record(group));
    if (cold_stride_ != 0) __builtin_prefetch(cold_.data() + size_t{group} * cold_stride_);
  }
  void PrefetchStates(uint32_t group) const noexcept {
    for (size_t i = 0; i < monoids_.size(); ++i) {
      if (layouts_[i].cold) monoids_[i]->Prefetch(State(i, group));
    }
  }

  std::string_view Key(uint32_t group) const noexcept {
    const Header* header = HeaderOf(group);
    return {header->length <= kInlineKey ? header->inline_key : long_keys_.data() + header->offset,
            header->length};
  }
  int64_t& Records(uint32_t group) noexcept { return HeaderOf(group)->records; }
  int64_t Records(uint32_t group) const noexcept { return HeaderOf(group)->records; }

  // The states of aggregate `index`.
  StateSpan States(size_t index) noexcept;
  Monoid::Scratch* scratch(size_t index) noexcept {
    settled_ = false;
    return scratches_[index].get();
  }

  // Finishes pending additions. Call before Encode.
  void Settle();
  // Appends the group's value: record count, then each aggregate's bytes (murmur/state_value.h).
  void EncodeValue(uint32_t group, std::string* out);

  // Appends the value of `key`; false: there is none. REQUIRES: settled
  bool EncodeValueOf(std::string_view key, std::string* out);
  // Subtracts what `other` holds. REQUIRES: every monoid is invertible
  void Subtract(GroupTable* other);

  // Adds the groups of `other` whose keys lie in [from, until); `until` empty: to the end.
  void AddRange(GroupTable* other, std::string_view from, std::string_view until);

  // Group numbers in ascending order of key.
  void Sort(std::vector<uint32_t>* order) const;

  // Forgets all groups.
  void Clear();
  // Differs after each Clear, and between tables. A group number is valid only within its
  // generation.
  uint64_t generation() const noexcept { return generation_; }

 private:
  struct Slot {
    uint32_t tag;
    uint32_t group_plus_1;  // 0: empty
  };
  struct Header {
    uint32_t length;
    uint32_t offset;  // in long_keys_, for keys that are not inline
    char inline_key[kInlineKey];
    int64_t records;
  };
  static_assert(sizeof(Header) == 40);
  struct Layout {
    bool cold;
    size_t offset;
  };

  char* Record(uint32_t group) const noexcept { return hot_.data() + size_t{group} * hot_stride_; }
  Header* HeaderOf(uint32_t group) const noexcept {
    return reinterpret_cast<Header*>(Record(group));
  }
  bool KeyIs(uint32_t group, std::string_view key) const noexcept {
    const Header* header = HeaderOf(group);
    if (header->length != key.size()) return false;
    if (key.size() > kInlineKey) {
      return std::memcmp(long_keys_.data() + header->offset, key.data(), key.size()) == 0;
    }
    uint64_t a[3];
    uint64_t b[3];
    std::memcpy(a, header->inline_key, kInlineKey);
    std::memcpy(b, key.data(), kInlineKey);
    return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2])) == 0;
  }
  uint32_t Insert(std::string_view key, uint64_t slot, uint32_t tag);
  uint32_t FindAny(std::string_view key);
  void GrowIndex();
  void MakeIndex(uint64_t slot_count);
  Slot* slots() const noexcept { return reinterpret_cast<Slot*>(slots_.data()); }
  // Where a probe begins. By the first bits of the tag, so that a larger index has the same order,
  // and is made of the smaller one alone.
  uint64_t HomeOf(uint32_t tag) const noexcept { return uint64_t{tag} >> tag_shift_; }
  const char* State(size_t index, uint32_t group) const noexcept;
  void SubtractStates(const GroupTable& other, uint32_t from, uint32_t group, Arena* scratch);

  std::vector<const Monoid*> monoids_;
  std::vector<const char*> states_;  // of the group that EncodeValue works on
  std::vector<Layout> layouts_;
  std::vector<std::unique_ptr<Monoid::Scratch>> scratches_;
  bool settled_ = true;  // no scratch holds additions
  size_t hot_stride_ = 0;
  size_t cold_stride_ = 0;

  ZeroedMemory slots_;
  uint64_t slot_count_ = 0;  // a power of two
  int tag_shift_ = 0;        // 32 - log2(slot_count_)
  uint32_t groups_ = 0;
  uint64_t generation_;
  ZeroedMemory hot_;
  ZeroedMemory cold_;
  mutable ZeroedMemory sorted_, unsorted_;  // of Sort
  std::string long_keys_;
  Arena arena_;
};

// The hash that the table needs for a key. It may differ between releases, so it is never stored.
// REQUIRES: as GroupTable::Find, with kHashedBytes instead of kInlineKey.
inline constexpr size_t kHashedBytes = 32;
uint64_t HashKey(std::string_view key) noexcept;

}  // namespace murmur
