// Keeps ledger entries in memory, so that live need not look them up in the store: all of them if
// they fit, else the ones committed last.
//
// Valid only while nobody else writes the ledger; whoever writes a version has it alone.
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "murmur/state.h"
#include "murmur/status.h"
#include "runtime/table/ledger/pending_entries.h"

namespace murmur {

class LedgerCache {
 public:
  explicit LedgerCache(size_t bytes_max) : bytes_max_(bytes_max) {}

  // Prefetches what Find touches, in three steps: each needs what the one before has fetched.
  void Prefetch(uint64_t hash) const noexcept {
    recent_.Prefetch(hash);
    older_.Prefetch(hash);
  }
  void PrefetchRecord(uint64_t hash) const noexcept { recent_.PrefetchRecord(hash); }
  void PrefetchBytes(uint64_t hash) const noexcept { recent_.PrefetchBytes(hash); }
  // Whether it knows the ledger's entry of the row, or that there is none. *entry is valid until
  // the next NoteCommitted or NoteMissing. `hash`: PendingEntries::Hash.
  bool Find(std::string_view key, uint64_t hash, PendingEntries::Entry* entry) const noexcept {
    if (recent_.Find(key, hash, entry) || older_.Find(key, hash, entry)) return true;
    if (has_all_) entry->reset();
    return has_all_;
  }

  void NoteCommitted(const PendingEntries& entries);
  // The ledger has no entries any more.
  void Clear();
  // Counts rows that had to be looked up in the store. After a number of them it reads the whole
  // ledger, if that fits. REQUIRES: entries not yet in `table` are passed to NoteCommitted later
  Status NoteMissing(size_t rows, const StateTable& table);

 private:
  void Put(std::string_view key, uint64_t hash, PendingEntries::Entry entry);

  const size_t bytes_max_;  // 0: nothing is kept
  PendingEntries recent_;
  PendingEntries older_;
  bool has_all_ = false;
  // Reading a whole ledger costs as much as looking up some tenths of its rows.
  static constexpr uint64_t kMissingToRead = 25'000;
  static constexpr uint64_t kMissingToReadAgain = 10'000'000;  // if it was too large before

  uint64_t missing_ = 0;  // since the last reading
  uint64_t missing_to_read_ = kMissingToRead;
};

}  // namespace murmur
