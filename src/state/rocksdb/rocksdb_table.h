// The StateTable on RocksDB: one database per version.
//
// A commit that failed while it was being made durable may be on disk or not. RocksDB can't say,
// so the table opens the database again and looks: Apply then answers for sure, or, where the disk
// still refuses, kUnavailable; the next call tries again.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "murmur/state.h"
#include "state/dead_letter_file.h"
#include "state/records.h"
#include "state/rocksdb/database.h"
#include "state/state_schema.h"
#include "state/writer_lock.h"

namespace murmur {

// Up to so many keys a synced WriteBatch is the cheaper commit, beyond it a table file.
inline constexpr uint64_t kSmallCommitDeltas = 2000;
// Up to so many rows of a ledger too, with twice as many other keys: there each table costs every
// look into the ledger until it is merged, and a write costs none.
inline constexpr uint64_t kSmallCommitRows = 20'000;

struct RocksDbTableOptions {
  std::string path = {};  // the version's folder
  Access access = Access::kWrite;
  StateOptions resources = {};
  std::function<std::string()> dead_letter_path = {};  // asked each time; empty: no projection
  rocksdb::Env* env = nullptr;  // null: the real one; else must outlive the table
};

class RocksDbTable final : public StateTable {
 public:
  // Makes the database of a new version and stores what it says of itself.
  static Status Create(const RocksDbTableOptions& options, VersionInfo info,
                       const StateSchema& schema);
  // Errors: as StateDirectory::OpenVersion.
  static Result<std::unique_ptr<RocksDbTable>> Open(const RocksDbTableOptions& options,
                                                    const StateSchema& schema);
  // Beside a writer; without a schema.
  static Result<VersionInfo> ReadInfo(const RocksDbTableOptions& options);

  ~RocksDbTable() override;
  Result<VersionInfo> Info() const override;
  Status SetStatus(VersionStatus status, std::string failure) override;
  Status Complete(const ScanEnd& end) override;
  Status DropIds() override;
  Status Begin(const HandoffToken& token, const ScanPlan& plan) override;
  Result<std::optional<HandoffToken>> Token() const override;
  Result<std::optional<ScanPlan>> Plan() const override;
  Status Apply(const Commit& commit) override;
  Result<std::vector<bool>> HasIds(std::span<const std::string> ids) const override;
  Result<std::vector<std::optional<std::string>>> LedgerEntries(
      std::span<const std::string_view> keys) const override;
  Result<std::unique_ptr<StateSnapshot>> Snapshot() const override;
  Status Undamaged() const override;
  Status Close() override;

 private:
  using Lock = std::unique_lock<std::mutex>;

  RocksDbTable(const RocksDbTableOptions& options, const StateSchema& schema);
  Status Load();
  Status LoadProgress() const;
  Status ProjectDeadLetters();

  // The open database; opens it again after a failure.
  Result<std::shared_ptr<Database>> Ready(Lock* lock) const;
  Result<std::shared_ptr<Database>> ReadyToWrite(Lock* lock) const;
  Status Recover(Lock* lock) const;
  Result<std::shared_ptr<Database>> Enter(const Commit& commit);
  Status Leave(const Commit& commit, Status written, bool in_doubt);
  // Writes the records alone, under the lock.
  Status PutRecords(Lock* lock, const StoreRecords& records);

  const StateSchema schema_;
  DatabaseOptions database_options_;
  std::optional<WriterLock> writer_lock_;
  std::optional<DeadLetterFile> dead_letters_;
  RetentionRecord retention_;

  mutable std::mutex mutex_;  // guards all below
  mutable std::condition_variable idle_;
  mutable std::shared_ptr<Database> database_;
  mutable std::map<std::string, SplitProgress, std::less<>> progress_;
  mutable int64_t newest_ = INT64_MIN;
  mutable bool in_doubt_ = false;
  std::set<std::string, std::less<>> in_flight_;  // splits that an Apply is moving
  uint64_t applying_ = 0;
  bool closed_ = false;
};

}  // namespace murmur
