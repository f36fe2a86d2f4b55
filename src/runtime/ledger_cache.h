// Entries of the ledger in memory, so that live need not look for them in the store: all of them
// where they fit, else those that were committed last.
//
// It is right as long as nobody else writes the ledger, which holds for whoever writes a version.
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "murmur/state.h"
#include "murmur/status.h"
#include "runtime/pending_entries.h"

namespace murmur {

class LedgerCache {
 public:
  explicit LedgerCache(size_t bytes_max) : bytes_max_(bytes_max) {}

  // Three steps to what Find touches: each needs what the one before has fetched.
  void Prefetch(uint64_t hash) const noexcept {
    recent_.Prefetch(hash);
    older_.Prefetch(hash);
  }
  void PrefetchRecord(uint64_t hash) const noexcept { recent_.PrefetchRecord(hash); }
  void PrefetchBytes(uint64_t hash) const noexcept { recent_.PrefetchBytes(hash); }
  // Whether it knows what the ledger has of the row, even if that is nothing; then *entry is that,
  // until the next call of NoteCommitted or NoteMissing. `hash`: PendingEntries::Hash.
  bool Find(std::string_view key, uint64_t hash, PendingEntries::Entry* entry) const noexcept {
    if (recent_.Find(key, hash, entry) || older_.Find(key, hash, entry)) return true;
    if (has_all_) entry->reset();
    return has_all_;
  }

  void NoteCommitted(const PendingEntries& entries);
  // So many had to be looked for in the store. After a number of those it reads the whole ledger,
  // if that can be kept. REQUIRES: what is not in `table` yet is told to NoteCommitted
  Status NoteMissing(size_t rows, const StateTable& table);

 private:
  void Put(std::string_view key, uint64_t hash, PendingEntries::Entry entry);

  const size_t bytes_max_;  // 0: nothing is kept
  PendingEntries recent_;
  PendingEntries older_;
  bool has_all_ = false;
  // To read a whole ledger costs as much as to look for some tenths of its rows.
  static constexpr uint64_t kMissingToRead = 25'000;
  static constexpr uint64_t kMissingToReadAgain = 10'000'000;  // one that was too large

  uint64_t missing_ = 0;  // since it was read last
  uint64_t missing_to_read_ = kMissingToRead;
};

}  // namespace murmur
