// Reads one consistent state of a RocksDbTable: a RocksDB snapshot, or a reader's whole view, which
// does not change while the snapshot lives.
#pragma once

#include <memory>

#include "murmur/state.h"
#include "state/rocksdb/database.h"
#include "state/state_schema.h"

namespace murmur {

class RocksDbSnapshot final : public StateSnapshot {
 public:
  static Result<std::unique_ptr<StateSnapshot>> Take(std::shared_ptr<Database> database,
                                                     std::shared_ptr<VisibleBuckets> visible,
                                                     const RetentionRecord& retention);
  ~RocksDbSnapshot() override;

  Result<std::optional<std::string>> Get(std::string_view key) const override;
  Status Scan(std::string_view from, std::string_view until, const Visitor& visit,
              const ScanLimit& limit) const override;
  Result<std::map<std::string, SplitProgress>> Progress() const override;
  Result<int64_t> NewestTime() const override;
  int64_t FirstBucket() const override { return first_visible_; }
  Status ScanDeadLetters(const std::function<bool(const DeadLetter&)>& visit) const override;
  Status ScanDeadLettersOf(std::string_view object, uint64_t from,
                           const std::function<bool(const DeadLetter&)>& visit) const override;
  Status ScanLedger(std::string_view from, const Visitor& visit) const override;
  Status ScanHeld(std::string_view from, const Visitor& visit) const override;
  Result<uint64_t> CommitNumber() const override;

 private:
  RocksDbSnapshot(std::shared_ptr<Database> database, std::shared_ptr<VisibleBuckets> visible);
  bool Visible(std::string_view key, std::string_view value) const;
  Status ScanDeadLettersFrom(std::string_view key,
                             const std::function<bool(const DeadLetter&)>& visit) const;
  Status Undamaged() const;

  const std::shared_ptr<Database> database_;
  const std::shared_ptr<VisibleBuckets> visible_;
  int64_t pinned_;
  const rocksdb::Snapshot* snapshot_;  // null for a reader
  int64_t first_visible_ = INT64_MIN;
};

// Errors: kDataLoss (some values of `database` could not be combined).
Status CheckUndamaged(const Database& database);

}  // namespace murmur
