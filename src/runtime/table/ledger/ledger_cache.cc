#include "runtime/table/ledger/ledger_cache.h"

#include <memory>
#include <utility>
#include <vector>

#include "runtime/table/ledger/ledger_entry.h"

namespace murmur {

// Two generations; the older is dropped when the younger has half of the memory.
void LedgerCache::Put(std::string_view key, uint64_t hash, PendingEntries::Entry entry) {
  recent_.Replace(key, hash, entry);
  if (has_all_ && recent_.memory() > bytes_max_) has_all_ = false;
  if (has_all_ || recent_.memory() <= bytes_max_ / 2) return;
  older_.Clear();
  std::swap(recent_, older_);
  if (older_.memory() > bytes_max_ / 4 * 3) older_ = PendingEntries();  // it held the whole ledger
}

void LedgerCache::NoteCommitted(const PendingEntries& entries) {
  if (bytes_max_ == 0) return;
  struct Noted {
    std::string_view key;
    uint64_t hash;
    PendingEntries::Entry entry;
  };
  constexpr size_t kTogether = 64;
  std::vector<Noted> noted;
  const auto put = [&] {
    for (const Noted& one : noted) recent_.PrefetchRecord(one.hash);
    for (const Noted& one : noted) recent_.PrefetchBytes(one.hash);
    for (const Noted& one : noted) Put(one.key, one.hash, one.entry);
    noted.clear();
  };
  entries.ForEach([&](std::string_view key, uint64_t hash, PendingEntries::Entry entry) {
    if (IsContributor(key)) return;
    recent_.Prefetch(hash);
    noted.push_back({key, hash, entry});
    if (noted.size() == kTogether) put();
  });
  put();
}

void LedgerCache::Clear() {
  recent_ = PendingEntries();
  older_ = PendingEntries();
  has_all_ = bytes_max_ > 0;
}

Status LedgerCache::NoteMissing(size_t rows, const StateTable& table) {
  missing_ += rows;
  if (missing_ < missing_to_read_ || bytes_max_ == 0) return {};
  missing_ = 0;
  MURMUR_ASSIGN(const auto snapshot, table.Snapshot());
  recent_ = PendingEntries();
  older_ = PendingEntries();
  has_all_ = false;
  bool fits = true;
  bool is_damaged = false;
  MURMUR_TRY(ScanLedgerRows(*snapshot, [&](std::string_view key, std::string_view entry) {
    is_damaged = !IsWellFormed(entry);
    if (is_damaged) return false;
    recent_.Replace(key, PendingEntries::Hash(key), entry);
    fits = recent_.memory() <= bytes_max_;
    return fits;
  }));
  if (is_damaged) return Status(Code::kDataLoss, "an entry of the ledger is damaged");
  has_all_ = fits;
  if (!fits) recent_ = PendingEntries();
  missing_to_read_ = has_all_ ? kMissingToRead : kMissingToReadAgain;
  return {};
}

}  // namespace murmur
