// The StateTable on RocksDB: one database per version.
//
// If making a commit durable fails, the commit may be on disk or not, and RocksDB can't say. So the
// table reopens the database and looks. Apply then returns a definite result; or kUnavailable if
// the disk still refuses, and the next call tries again.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "murmur/state.h"
#include "state/records.h"
#include "state/rocksdb/database.h"
#include "state/rocksdb/dead_letter_file.h"
#include "state/rocksdb/writer_lock.h"
#include "state/state_schema.h"

namespace murmur {

// Up to this many keys, a synced WriteBatch is the cheaper commit; beyond, a table file.
inline constexpr uint64_t kSmallCommitDeltas = 2000;
// The same limit for ledger rows; other keys may then be twice as many. Each table file slows every
// look into the ledger until it is merged; a write does not.
inline constexpr uint64_t kSmallCommitRows = 20'000;

struct RocksDbTableOptions {
  std::string path = {};  // the version's folder
  Access access = Access::kWrite;
  RocksDbResources resources = {};
  std::function<std::string()> dead_letter_path = {};  // asked each time; empty: no projection
  rocksdb::Env* env = nullptr;  // null: the real one; else must outlive the table
};

class RocksDbTable final : public StateTable {
 public:
  // Makes the database of a new version, stores the version's info, and opens it for writing.
  // options.access must be kWrite.
  static Result<std::unique_ptr<RocksDbTable>> Create(const RocksDbTableOptions& options,
                                                      VersionInfo info, const StateSchema& schema);
  // Errors: as StateStore::OpenVersion.
  static Result<std::unique_ptr<RocksDbTable>> Open(const RocksDbTableOptions& options,
                                                    const SchemaFor& schema_for);
  // Beside a writer; needs no schema.
  static Result<VersionInfo> ReadInfo(const RocksDbTableOptions& options);

  ~RocksDbTable() override;
  Result<VersionInfo> Info() const override;
  Status SetStatus(VersionStatus status, std::string failure) override;
  Status Complete(const ScanEnd& end) override;
  Status DropIds() override;
  Status Begin(const HandoffToken& token, const ScanPlan& plan) override;
  Result<std::optional<HandoffToken>> Token() const override;
  Result<std::optional<ScanPlan>> Plan() const override;
  Status Apply(const Commit& commit, uint64_t* number = nullptr) override;
  Result<std::vector<bool>> HasIds(std::span<const std::string> ids) const override;
  Result<std::vector<std::optional<std::string>>> LedgerEntries(
      std::span<const std::string_view> keys) const override;
  Result<std::unique_ptr<StateSnapshot>> Snapshot() const override;
  Status Refresh() override;
  Status Undamaged() const override;
  Status Close() override;

 private:
  static Result<std::unique_ptr<RocksDbTable>> OpenForReading(const RocksDbTableOptions& options,
                                                              const SchemaFor& schema_for);
  static Result<std::unique_ptr<RocksDbTable>> OpenForWriting(const RocksDbTableOptions& options,
                                                              const SchemaFor& schema_for);
  using Lock = std::unique_lock<std::mutex>;

  RocksDbTable(const RocksDbTableOptions& options, const StateSchema& schema);
  Status Load();
  Status LoadRecords();
  Status LoadProgress() const;
  Status ProjectDeadLetters();

  // The open database; reopens it after a failure.
  Result<std::shared_ptr<Database>> Ready(Lock* lock) const;
  Result<std::shared_ptr<Database>> ReadyToWrite(Lock* lock) const;
  Status Recover(Lock* lock) const;
  Result<std::shared_ptr<Database>> Enter(const Commit& commit);
  Status Leave(const Commit& commit, Status written, bool in_doubt, uint64_t* number);
  // Writes only these records, under the lock.
  Status PutRecords(Lock* lock, const StoreRecords& records);

  const StateSchema schema_;
  DatabaseOptions database_options_;
  std::optional<WriterLock> writer_lock_;
  std::optional<DeadLetterFile> dead_letters_;

  mutable std::mutex mutex_;  // guards all below
  RetentionRecord retention_;
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
