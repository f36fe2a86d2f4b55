// A state table that retries while its store is unavailable: a store that restarts, a disk that
// answers late. Beyond kStorePatience it returns the error.
//
// If the answer to a commit never arrives, only the stored positions tell whether it was applied.
// They are read before it is tried again, so that nothing counts twice. REQUIRES: nobody else
// writes the version meanwhile.
// Threads: as StateTable; UseFor before all other calls.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "murmur/state.h"
#include "runtime/loop/commit_feed.h"

namespace murmur {

// Since the first failure of a call.
inline constexpr std::chrono::seconds kStorePatience{60};

class RetryingTable final : public StateTable {
 public:
  struct Pace {
    std::chrono::milliseconds patience = kStorePatience;
    std::chrono::milliseconds first_pause{50};  // doubled each time
    std::chrono::milliseconds longest_pause{5000};
  };

  // `table` and `feed` outlive it. `feed` tells of its commits; null: nobody listens.
  explicit RetryingTable(StateTable* table) : RetryingTable(table, Pace()) {}
  RetryingTable(StateTable* table, Pace pace, CommitFeed* feed = nullptr)
      : table_(*table), pace_(pace), feed_(feed) {}

  // After `stop`, a waiting call soon returns kCancelled; a commit may then be stored or not.
  void UseFor(std::stop_token stop) { stop_ = std::move(stop); }

  // What failed and was retried; each note is given once. Threads: any.
  std::vector<std::string> TakeNotes();

  Result<VersionInfo> Info() const override;
  Status SetStatus(VersionStatus status, std::string failure) override;
  Status Complete(const ScanEnd& end) override;
  Status DropIds() override;
  Status Begin(const HandoffToken& token, const ScanPlan& plan) override;
  Result<std::optional<HandoffToken>> Token() const override;
  Result<std::optional<ScanPlan>> Plan() const override;
  Status Apply(const Commit& commit, uint64_t* number = nullptr) override;
  CommitLimits Limits() const override { return table_.Limits(); }
  Result<std::vector<bool>> HasIds(std::span<const std::string> ids) const override;
  Result<std::vector<std::optional<std::string>>> LedgerEntries(
      std::span<const std::string_view> keys) const override;
  Result<std::unique_ptr<StateSnapshot>> Snapshot() const override;
  Status Refresh() override;
  Status Undamaged() const override { return table_.Undamaged(); }
  Status Close() override { return table_.Close(); }

 private:
  // Repeats `call` while it returns kUnavailable.
  template <class Call>
  auto Retry(std::string_view what, const Call& call) const -> decltype(call());
  Status Pause(std::string_view what, const Status& failed,
               std::chrono::steady_clock::time_point give_up,
               std::chrono::milliseconds* pause) const;
  Status ApplyOnce(const Commit& commit, uint64_t* number);
  Result<bool> HasLanded(const Commit& commit, uint64_t* number) const;
  void Note(std::string note) const;

  StateTable& table_;
  const Pace pace_;
  CommitFeed* const feed_;
  std::stop_token stop_;
  mutable std::mutex mutex_;
  mutable std::vector<std::string> notes_;  // under mutex_
};

}  // namespace murmur
