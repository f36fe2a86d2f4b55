// One version's RocksDB: its options, its errors as Status, and the two ways to write a commit.
// A small commit is a synced WriteBatch. A large one is a sorted table file with everything in it,
// positions too, written in the staging folder and ingested: one manifest record makes it visible,
// and RocksDB syncs file, folder and manifest on the way.
// Threads: every method may be called at once.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/sst_file_writer.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/state_store.h"
#include "state/rocksdb/retention_filter.h"
#include "state/rocksdb/value_merge_operator.h"

namespace murmur {

struct RocksDbResources {
  uint64_t cache_bytes = 64ull << 20;         // blocks, indexes and filters
  uint64_t write_buffer_bytes = 16ull << 20;  // for small commits
  int background_threads = 2;                 // compaction
};

struct DatabaseOptions {
  std::string path;
  Access access = Access::kWrite;
  bool create = false;
  bool one_record = false;  // for a reader of few keys: opens files when needed
  std::vector<const Monoid*> monoids;
  std::shared_ptr<VisibleBuckets> visible;  // null: no retention
  std::shared_ptr<Damage> damage;
  RocksDbResources resources;
  rocksdb::Env* env = nullptr;  // null: the real one; else must outlive the database
};

// `status` of an operation on `what` as a Status. REQUIRES: !status.ok()
Status FromRocks(const rocksdb::Status& status, std::string_view what);

inline rocksdb::Slice ToSlice(std::string_view view) { return {view.data(), view.size()}; }
inline std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// Records of the store itself, by key.
using StoreRecords = std::map<std::string, std::string>;

// The content of one write.
struct WriteSet {
  DeltaCursor* deltas = nullptr;  // null: none
  const StoreRecords& records;
  std::span<const LedgerRow> ledger = {};
  std::span<const LedgerRow> held = {};
  bool clear = false;                     // first removes all values and ledger entries
  std::span<const std::string> ids = {};  // none of them may be stored
};

class Database {
 public:
  // kRead opens it beside a writer, and sees what was committed when it was opened or caught up.
  static Result<std::shared_ptr<Database>> Open(DatabaseOptions options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  rocksdb::DB* db() const noexcept { return db_.get(); }
  const DatabaseOptions& options() const noexcept { return options_; }
  const std::string& path() const noexcept { return options_.path; }
  const Damage& damage() const noexcept { return *options_.damage; }
  void NoteDamage() const noexcept { options_.damage->fetch_add(1, std::memory_order_relaxed); }

  // Of a reader: true: it sees what has been committed until now. False: only a database that is
  // opened again can; this one may see parts of commits, and must not be read any more.
  // REQUIRES: nobody reads it meanwhile, and no iterator or snapshot of it lives.
  bool CatchUp();

  // Of a reader that was opened without monoids. REQUIRES: no value was read yet.
  void SetMonoids(std::vector<const Monoid*> monoids);

  // Null for a reader, whose view changes by CatchUp only. Must be released to db().
  const rocksdb::Snapshot* TakeSnapshot() const {
    return options_.access == Access::kRead ? nullptr : db_->GetSnapshot();
  }

  // `snapshot` null: the newest.
  Result<std::optional<std::string>> Get(std::string_view key,
                                         const rocksdb::Snapshot* snapshot = nullptr) const;
  Result<std::vector<bool>> Has(const std::vector<std::string>& keys) const;
  Result<std::vector<std::optional<std::string>>> GetMany(
      const std::vector<std::string>& keys) const;
  // Visits [from, until) in order until `visit` returns false.
  Status Scan(std::string_view from, std::string_view until, const rocksdb::Snapshot* snapshot,
              const std::function<bool(std::string_view, std::string_view)>& visit) const;

  // Writes all of `what` in one atomic, durable step. `number`: it is a commit and gets the next
  // number, which is stored with it. Commits become visible in the order of their numbers, however
  // many are written at once. *in_doubt: it failed after it may have reached the disk; only
  // reopening the database tells. Errors: kAborted (one of the ids is stored).
  Status WriteSmall(const WriteSet& what, bool* in_doubt, uint64_t* number = nullptr);
  Status WriteLarge(const WriteSet& what, bool* in_doubt, uint64_t* number);
  uint64_t CommitNumber() const;  // of the last commit; 0: none. REQUIRES: open for writing

  // Waits, in small steps, while too many table files are not yet compacted: RocksDB does not slow
  // down ingestion itself.
  void WaitForCompaction() const;

 private:
  explicit Database(DatabaseOptions options) : options_(std::move(options)) {}
  Status OpenPrimary();
  Status OpenSecondary();
  Status LoadCommitNumber();
  Status CheckIds(const WriteSet& what) const;
  Status PublishTable(const std::string& file, const WriteSet& what, rocksdb::SstFileWriter* writer,
                      bool* in_doubt, uint64_t* number);
  Result<std::string> Manifest() const;

  DatabaseOptions options_;
  std::shared_ptr<ValueMergeOperator> merge_;
  rocksdb::Options rocks_;
  std::unique_ptr<rocksdb::DB> db_;
  std::string secondary_path_;  // private folder of a reader, removed with it
  std::string manifest_;        // of a reader: what Manifest() said when it was opened
  std::string staging_prefix_;  // differs each time it is opened: no file name is used twice
  std::atomic<uint64_t> staged_{0};
  mutable std::mutex publish_;  // held while a commit gets its number and becomes visible
  uint64_t commits_ = 0;        // under publish_
};

}  // namespace murmur
