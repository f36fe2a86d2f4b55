// Ledger entries between two commits: row key → entry, or that the entry is removed.
//
// Keys and entries lie in slabs, each entry directly after its key; an open-addressing index finds
// them. A replaced entry stays where it is until Clear, so views of it stay valid. A scan gives
// rows in order, stretch after stretch, so sorting them means finding the order of the stretches.
//
// Threads: one at a time; the const methods from many at once.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "murmur/state.h"

namespace murmur {

class PendingEntries {
 public:
  using Entry = std::optional<std::string_view>;  // none: removed

  PendingEntries();

  size_t size() const noexcept { return records_.size(); }
  bool empty() const noexcept { return records_.empty(); }
  // Including what Rows will need.
  size_t bytes() const noexcept { return slab_bytes_ + records_.size() * kRecordOverhead; }

  // The memory that it takes itself.
  size_t memory() const noexcept {
    return slab_bytes_ + records_.capacity() * sizeof(Record) + slots_.size() * sizeof(Slot);
  }

  // The `hash` of the methods below.
  static uint64_t Hash(std::string_view key) noexcept;
  void Prefetch(uint64_t hash) const noexcept { __builtin_prefetch(&slots_[hash & mask_]); }
  void PrefetchRecord(uint64_t hash) const noexcept {
    if (const Record* record = Likely(hash)) __builtin_prefetch(record);
  }
  void PrefetchBytes(uint64_t hash) const noexcept {
    if (const Record* record = Likely(hash)) __builtin_prefetch(record->bytes);
  }

  // Whether an entry of the row is pending; sets *entry. Views last until Clear.
  bool Find(std::string_view key, uint64_t hash, Entry* entry) const noexcept {
    const Slot& slot = slots_[SlotOf(key, hash)];
    if (slot.record_plus_1 == 0) return false;
    *entry = records_[slot.record_plus_1 - 1].entry();
    return true;
  }
  void Put(std::string_view key, uint64_t hash, Entry entry);
  // As Put, but overwrites the old entry if the new one fits; views of the old one then see the
  // new.
  void Replace(std::string_view key, uint64_t hash, Entry entry);

  // visit(key, hash, entry) for all, in any order.
  template <class Visit>
  void ForEach(const Visit& visit) const {
    for (const Record& record : records_) visit(record.key(), Hash(record.key()), record.entry());
  }
  // All entries, in the form that a commit needs.
  std::vector<LedgerRow> Rows() const;

  // Forgets all; keeps its memory.
  void Clear();

 private:
  static constexpr uint32_t kNoEntry = UINT32_MAX;
  static constexpr size_t kSlabBytes = 1 << 20;
  // A record, its slots in a half-full index, and its LedgerRow with text on the heap.
  static constexpr size_t kRecordOverhead = 140;

  struct Slot {
    uint32_t tag;            // a part of the hash, by which alone the index grows
    uint32_t record_plus_1;  // 0: empty
  };
  struct Record {
    char* bytes;  // the key, then its entry
    uint32_t key_size;
    uint32_t entry_size;

    std::string_view key() const noexcept { return {bytes, key_size}; }
    Entry entry() const noexcept {
      if (entry_size == kNoEntry) return std::nullopt;
      return std::string_view(bytes + key_size, entry_size);
    }
  };
  using Order = std::vector<uint32_t>;  // numbers of records
  using Run = std::pair<size_t, size_t>;

  // The record that Find will probably find.
  const Record* Likely(uint64_t hash) const noexcept {
    const auto tag = static_cast<uint32_t>(hash);
    for (size_t slot = tag & mask_; slots_[slot].record_plus_1 != 0; slot = (slot + 1) & mask_) {
      if (slots_[slot].tag == tag) return &records_[slots_[slot].record_plus_1 - 1];
    }
    return nullptr;
  }
  // The slot of the key, or the one where it would go.
  size_t SlotOf(std::string_view key, uint64_t hash) const noexcept {
    const auto tag = static_cast<uint32_t>(hash);
    for (size_t slot = tag & mask_;; slot = (slot + 1) & mask_) {
      const Slot& found = slots_[slot];
      if (found.record_plus_1 == 0) return slot;
      if (found.tag == tag && records_[found.record_plus_1 - 1].key() == key) return slot;
    }
  }
  Record Store(std::string_view key, Entry entry);
  void GrowIndex();
  std::vector<Run> Runs() const;
  Order OrderByRuns(std::vector<Run> runs) const;
  Order OrderByKeys() const;
  void Merge(Order* order, const size_t* begins, size_t runs) const;
  bool Less(uint32_t a, uint32_t b) const noexcept { return records_[a].key() < records_[b].key(); }

  std::vector<Slot> slots_;
  uint64_t mask_;  // below 2^32
  std::vector<Record> records_;
  std::vector<std::unique_ptr<char[]>> slabs_;  // of kSlabBytes
  std::vector<std::unique_ptr<char[]>> large_;  // for longer ones
  size_t slabs_used_ = 0;
  size_t slab_bytes_ = 0;  // of all in use
  char* next_ = nullptr;
  char* end_ = nullptr;
};

}  // namespace murmur
