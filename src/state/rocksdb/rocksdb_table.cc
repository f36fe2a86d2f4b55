#include "state/rocksdb/rocksdb_table.h"

#include <algorithm>
#include <filesystem>
#include <functional>

#include "state/rocksdb/rocksdb_snapshot.h"

namespace murmur {
namespace {

StoreRecords RecordsOf(const Commit& commit) {
  StoreRecords records;
  for (const SplitMove& move : commit.moves) {
    records[ProgressKey(move.split)] = EncodeProgress(move.to);
  }
  for (const DeadLetter& letter : commit.dead_letters) {
    records[DeadLetterKey(letter)] = EncodeDeadLetter(letter);
  }
  for (const std::string& id : commit.ids) records[IdKey(id)];
  return records;
}

Status Missing(const std::string& path) {
  return Status(Code::kDataLoss, path + ": the version's description is missing");
}

// A stored record that must be there.
template <class T>
Result<T> Required(const Database& database, std::string_view key,
                   Result<T> (*decode)(std::string_view)) {
  MURMUR_ASSIGN(const auto bytes, database.Get(key));
  if (!bytes.has_value()) return Missing(database.path());
  return decode(*bytes);
}

template <class T>
Result<std::optional<T>> Optional(const Database& database, std::string_view key,
                                  Result<T> (*decode)(std::string_view)) {
  MURMUR_ASSIGN(const auto bytes, database.Get(key));
  if (!bytes.has_value()) return std::optional<T>();
  MURMUR_ASSIGN(T record, decode(*bytes));
  return std::optional<T>(std::move(record));
}

constexpr size_t kPassOverMin = 64;

// Finds the ledger entries of `keys`, which ascend, by one pass over the ledger between them. If
// the ledger has few entries there (a scan into a new version, rows just made), that is far cheaper
// than a look for each key. It gives up if there are many; returns how many keys it has handled.
Result<size_t> PassOver(const Database& database, std::span<const std::string_view> keys,
                        std::vector<std::optional<std::string>>* entries) {
  const size_t steps_max = keys.size() / 4;
  size_t steps = 0;
  size_t at = 0;
  MURMUR_TRY(database.Scan(LedgerKey(keys.front()), LedgerKey(keys.back()) + '\0', nullptr,
                           [&](std::string_view key, std::string_view entry) {
                             key.remove_prefix(kLedgerPrefix.size());
                             while (keys[at] < key) ++at;
                             if (++steps > steps_max) return false;
                             if (keys[at] == key) (*entries)[at++].emplace(entry);
                             return true;
                           }));
  return steps > steps_max ? at : keys.size();
}

DatabaseOptions ToDatabaseOptions(const RocksDbTableOptions& options, const StateSchema& schema) {
  return {.path = options.path,
          .access = options.access,
          .create = false,
          .monoids = schema.monoids,
          .visible = std::make_shared<VisibleBuckets>(),
          .damage = std::make_shared<Damage>(0),
          .resources = options.resources,
          .env = options.env};
}

}  // namespace

Result<std::unique_ptr<RocksDbTable>> RocksDbTable::Create(const RocksDbTableOptions& options,
                                                           VersionInfo info,
                                                           const StateSchema& schema) {
  std::unique_ptr<RocksDbTable> table(new RocksDbTable(options, schema));
  std::error_code error;
  std::filesystem::create_directory(options.path, error);
  if (error) return SystemError(error.value(), "making", options.path);
  MURMUR_ASSIGN(table->writer_lock_,
                WriterLock::Acquire(options.path + "/writer", "the state " + options.path));
  DatabaseOptions to_create = table->database_options_;
  to_create.create = true;
  MURMUR_ASSIGN(table->database_, Database::Open(std::move(to_create)));
  info.monoids = schema.MonoidNames();
  const StoreRecords records = {
      {std::string(kInfoKey), EncodeInfo(info)},
      {std::string(kRetentionKey), EncodeRetention({.rule = schema.buckets})}};
  bool in_doubt = false;
  MURMUR_TRY(table->database_->WriteSmall({.records = records}, &in_doubt));
  MURMUR_TRY(table->LoadRecords());
  MURMUR_TRY(table->ProjectDeadLetters());
  return table;
}

Result<VersionInfo> RocksDbTable::ReadInfo(const RocksDbTableOptions& options) {
  DatabaseOptions to_read = ToDatabaseOptions(options, StateSchema());
  to_read.access = Access::kRead;
  to_read.one_record = true;
  MURMUR_ASSIGN(const auto database, Database::Open(std::move(to_read)));
  return Required(*database, kInfoKey, DecodeInfo);
}

Result<std::unique_ptr<RocksDbTable>> RocksDbTable::Open(const RocksDbTableOptions& options,
                                                         const SchemaFor& schema_for) {
  return options.access == Access::kRead ? OpenForReading(options, schema_for)
                                         : OpenForWriting(options, schema_for);
}

// A reader merges nothing before it is asked: it opens its files once, and then learns how.
Result<std::unique_ptr<RocksDbTable>> RocksDbTable::OpenForReading(
    const RocksDbTableOptions& options, const SchemaFor& schema_for) {
  MURMUR_ASSIGN(auto database, Database::Open(ToDatabaseOptions(options, StateSchema())));
  MURMUR_ASSIGN(const VersionInfo info, Required(*database, kInfoKey, DecodeInfo));
  MURMUR_ASSIGN(const StateSchema schema, schema_for(info));
  database->SetMonoids(schema.monoids);
  std::unique_ptr<RocksDbTable> table(new RocksDbTable(options, schema));
  table->database_options_ = database->options();
  table->database_ = std::move(database);
  MURMUR_TRY(table->LoadRecords());
  return table;
}

Result<std::unique_ptr<RocksDbTable>> RocksDbTable::OpenForWriting(
    const RocksDbTableOptions& options, const SchemaFor& schema_for) {
  MURMUR_ASSIGN(auto lock,
                WriterLock::Acquire(options.path + "/writer", "the state " + options.path));
  MURMUR_ASSIGN(const VersionInfo info, ReadInfo(options));
  MURMUR_ASSIGN(const StateSchema schema, schema_for(info));
  std::unique_ptr<RocksDbTable> table(new RocksDbTable(options, schema));
  table->writer_lock_ = std::move(lock);
  MURMUR_TRY(table->Load());
  MURMUR_TRY(table->ProjectDeadLetters());
  return table;
}

RocksDbTable::RocksDbTable(const RocksDbTableOptions& options, const StateSchema& schema)
    : schema_(schema), database_options_(ToDatabaseOptions(options, schema)) {
  if (options.dead_letter_path && options.access == Access::kWrite) {
    dead_letters_.emplace(options.dead_letter_path);
  }
}

RocksDbTable::~RocksDbTable() { (void)Close(); }

Status RocksDbTable::Load() {
  MURMUR_ASSIGN(database_, Database::Open(database_options_));
  return LoadRecords();
}

Status RocksDbTable::LoadRecords() {
  MURMUR_ASSIGN(const VersionInfo info, Required(*database_, kInfoKey, DecodeInfo));
  MURMUR_ASSIGN(const RetentionRecord stored, Required(*database_, kRetentionKey, DecodeRetention));
  MURMUR_TRY(CheckSchema(schema_, info, stored));
  MURMUR_TRY(LoadProgress());
  retention_ = Reopened(stored, schema_.buckets, newest_);
  std::string record = EncodeRetention(retention_);
  if (record != EncodeRetention(stored) && database_options_.access == Access::kWrite) {
    Lock lock(mutex_);
    MURMUR_TRY(PutRecords(&lock, {{std::string(kRetentionKey), std::move(record)}}));
  }
  database_options_.visible->Advance(FirstVisible(retention_, newest_));
  return Status();
}

Status RocksDbTable::LoadProgress() const {
  MURMUR_ASSIGN(const auto snapshot,
                RocksDbSnapshot::Take(database_, database_options_.visible, RetentionRecord()));
  MURMUR_ASSIGN(auto progress, snapshot->Progress());
  progress_.clear();
  newest_ = INT64_MIN;
  for (auto& [split, at] : progress) {
    newest_ = std::max(newest_, at.newest_time);
    progress_.emplace(split, std::move(at));
  }
  return Status();
}

Status RocksDbTable::ProjectDeadLetters() {
  if (!dead_letters_.has_value()) return Status();
  MURMUR_ASSIGN(const auto snapshot, Snapshot());
  return dead_letters_->Rewrite(
      [&](const DeadLetterFile::Visitor& visit) { return snapshot->ScanDeadLetters(visit); });
}

Result<std::shared_ptr<Database>> RocksDbTable::Ready(Lock* lock) const {
  if (closed_) return Status(Code::kFailedPrecondition, database_options_.path + " is closed");
  if (in_doubt_) MURMUR_TRY(Recover(lock));
  return database_;
}

Status RocksDbTable::Recover(Lock* lock) const {
  idle_.wait(*lock, [this] { return applying_ == 0; });
  if (!in_doubt_) return Status();
  if (database_.use_count() > 1) {
    return Status(Code::kUnavailable, database_options_.path +
                                          ": a write failed, and the state can't be opened again "
                                          "while reads of it are going on");
  }
  database_.reset();
  MURMUR_ASSIGN(database_, Database::Open(database_options_));
  MURMUR_TRY(LoadProgress());
  in_doubt_ = false;
  return Status();
}

Result<std::shared_ptr<Database>> RocksDbTable::ReadyToWrite(Lock* lock) const {
  if (database_options_.access == Access::kRead) {
    return Status(Code::kFailedPrecondition, database_options_.path + " is open for reading only");
  }
  return Ready(lock);
}

Result<std::shared_ptr<Database>> RocksDbTable::Enter(const Commit& commit) {
  MURMUR_TRY(CheckHasMoves(commit));
  Lock lock(mutex_);
  MURMUR_ASSIGN(auto database, ReadyToWrite(&lock));
  MURMUR_TRY(CheckUndamaged(*database));
  std::set<std::string_view> splits;
  for (const SplitMove& move : commit.moves) {
    const auto stored = progress_.find(move.split);
    const Position& position = stored == progress_.end() ? Position() : stored->second.position;
    if (position != move.from) {
      return Status(Code::kAborted, "split " + move.split + " is at '" + position + "', not at '" +
                                        move.from + "'");
    }
    if (in_flight_.contains(move.split) || !splits.insert(move.split).second) {
      return Status(Code::kAborted, "split " + move.split + " is being moved by another commit");
    }
  }
  in_flight_.insert(splits.begin(), splits.end());
  ++applying_;
  return database;
}

Status RocksDbTable::Leave(const Commit& commit, Status written, bool in_doubt, uint64_t* number) {
  Lock lock(mutex_);
  for (const SplitMove& move : commit.moves) in_flight_.erase(move.split);
  if (--applying_ == 0) idle_.notify_all();
  if (written.ok()) {
    for (const SplitMove& move : commit.moves) {
      newest_ = std::max(newest_, move.to.newest_time);
      progress_.insert_or_assign(move.split, move.to);
    }
    database_options_.visible->Advance(FirstVisible(retention_, newest_));
  } else if (in_doubt) {
    in_doubt_ = true;
    if (const Status recovered = Recover(&lock); !recovered.ok()) {
      return Status(Code::kUnavailable, std::string(written.message()) +
                                            " (it is not known whether the commit is stored: " +
                                            std::string(recovered.message()) + ")");
    }
    const bool stored = std::all_of(commit.moves.begin(), commit.moves.end(), [&](const auto& m) {
      const auto at = progress_.find(m.split);
      return at != progress_.end() && at->second == m.to;
    });
    if (stored) {
      *number = database_->CommitNumber();  // no other commit is under way
      return Status();
    }
  }
  return written;
}

Status RocksDbTable::Apply(const Commit& commit, uint64_t* number) {
  MURMUR_ASSIGN(auto database, Enter(commit));
  const uint64_t rows = commit.ledger.size() + commit.held.size();
  const uint64_t others = (commit.deltas == nullptr ? 0 : commit.delta_count) +
                          commit.dead_letters.size() + commit.ids.size();
  const bool small = rows <= kSmallCommitRows && others <= std::max(kSmallCommitDeltas, 2 * rows);
  const StoreRecords records = RecordsOf(commit);
  const WriteSet what{.deltas = commit.deltas,
                      .records = records,
                      .ledger = commit.ledger,
                      .held = commit.held,
                      .clear = commit.clear,
                      .ids = commit.ids};
  bool in_doubt = false;
  uint64_t got = 0;
  Status written;
  if (small) {
    written = database->WriteSmall(what, &in_doubt, &got);
  } else {
    database->WaitForCompaction();
    written = database->WriteLarge(what, &in_doubt, &got);
  }
  database.reset();
  MURMUR_TRY(Leave(commit, std::move(written), in_doubt, &got));
  if (number != nullptr) *number = got;
  // The commit stands; closing or opening the table repairs the file.
  if (dead_letters_.has_value()) (void)dead_letters_->Append(commit.dead_letters);
  return Status();
}

Status RocksDbTable::PutRecords(Lock* lock, const StoreRecords& records) {
  MURMUR_ASSIGN(const auto database, ReadyToWrite(lock));
  bool in_doubt = false;
  Status written = database->WriteSmall({.records = records}, &in_doubt);
  in_doubt_ |= in_doubt;
  return written;
}

Result<VersionInfo> RocksDbTable::Info() const {
  Lock lock(mutex_);
  MURMUR_ASSIGN(const auto database, Ready(&lock));
  return Required(*database, kInfoKey, DecodeInfo);
}

Status RocksDbTable::SetStatus(VersionStatus status, std::string failure) {
  MURMUR_ASSIGN(VersionInfo info, Info());
  info.status = status;
  info.failure = std::move(failure);
  Lock lock(mutex_);
  return PutRecords(&lock, {{std::string(kInfoKey), EncodeInfo(info)}});
}

Status RocksDbTable::Complete(const ScanEnd& end) {
  MURMUR_ASSIGN(VersionInfo info, Info());
  info.status = VersionStatus::kComplete;
  info.failure.clear();
  info.inexact = end.inexact;
  info.assumed_ends = end.assumed_ends;
  StoreRecords records = {{std::string(kInfoKey), EncodeInfo(info)}};
  if (!end.live_from.streams.empty()) {
    records[std::string(kTokenKey)] = EncodeToken(end.live_from);
  }
  Lock lock(mutex_);
  MURMUR_TRY(PutRecords(&lock, records));
  lock.unlock();
  return end.keep_ids ? Status() : DropIds();
}

// What they name will not be read again. If this deletion is lost, they only take space.
Status RocksDbTable::DropIds() {
  Lock lock(mutex_);
  MURMUR_ASSIGN(const auto database, ReadyToWrite(&lock));
  database->db()
      ->DeleteRange(rocksdb::WriteOptions(), database->db()->DefaultColumnFamily(),
                    ToSlice(kIdPrefix), ToSlice(kIdsEnd))
      .PermitUncheckedError();
  return Status();
}

Result<std::vector<bool>> RocksDbTable::HasIds(std::span<const std::string> ids) const {
  Lock lock(mutex_);
  MURMUR_ASSIGN(const auto database, Ready(&lock));
  lock.unlock();
  std::vector<std::string> keys;
  for (const std::string& id : ids) keys.push_back(IdKey(id));
  return database->Has(keys);
}

Status RocksDbTable::Begin(const HandoffToken& token, const ScanPlan& plan) {
  Lock lock(mutex_);
  MURMUR_ASSIGN(const auto database, Ready(&lock));
  MURMUR_ASSIGN(const auto stored, database->Get(kPlanKey));
  if (stored.has_value()) {
    return Status(Code::kAlreadyExists,
                  database->path() + ": the hand-off token and the plan are stored already");
  }
  return PutRecords(&lock, {{std::string(kTokenKey), EncodeToken(token)},
                            {std::string(kPlanKey), EncodePlan(plan)}});
}

Result<std::optional<HandoffToken>> RocksDbTable::Token() const {
  Lock lock(mutex_);
  MURMUR_ASSIGN(const auto database, Ready(&lock));
  return Optional(*database, kTokenKey, DecodeToken);
}

Result<std::optional<ScanPlan>> RocksDbTable::Plan() const {
  Lock lock(mutex_);
  MURMUR_ASSIGN(const auto database, Ready(&lock));
  return Optional(*database, kPlanKey, DecodePlan);
}

Result<std::vector<std::optional<std::string>>> RocksDbTable::LedgerEntries(
    std::span<const std::string_view> keys) const {
  Lock lock(mutex_);
  MURMUR_ASSIGN(const auto database, Ready(&lock));
  lock.unlock();
  std::vector<std::optional<std::string>> entries(keys.size());
  size_t passed = 0;
  const bool ascend =
      std::adjacent_find(keys.begin(), keys.end(), std::greater_equal<>()) == keys.end();
  if (ascend && keys.size() >= kPassOverMin) {
    MURMUR_ASSIGN(passed, PassOver(*database, keys, &entries));
  }
  if (passed == keys.size()) return entries;
  std::vector<std::string> ledger_keys;
  for (const std::string_view key : keys.subspan(passed)) ledger_keys.push_back(LedgerKey(key));
  MURMUR_ASSIGN(auto others, database->GetMany(ledger_keys));
  std::move(others.begin(), others.end(), entries.begin() + static_cast<ptrdiff_t>(passed));
  return entries;
}

Result<std::unique_ptr<StateSnapshot>> RocksDbTable::Snapshot() const {
  Lock lock(mutex_);
  MURMUR_ASSIGN(auto database, Ready(&lock));
  return RocksDbSnapshot::Take(std::move(database), database_options_.visible, retention_);
}

// A reader's snapshots show its whole database, so one that is in use is left to them.
Status RocksDbTable::Refresh() {
  Lock lock(mutex_);
  if (closed_) return Status(Code::kFailedPrecondition, database_options_.path + " is closed");
  if (database_options_.access == Access::kWrite) return {};
  const bool alone = database_ != nullptr && database_.use_count() == 1;
  Status refreshed;
  if (!alone || !database_->CatchUp()) {
    database_.reset();
    auto fresh = Database::Open(database_options_);
    refreshed = fresh.status();
    if (fresh.ok()) database_ = *std::move(fresh);
  }
  if (refreshed.ok()) refreshed = LoadRecords();
  in_doubt_ = !refreshed.ok();
  if (in_doubt_) database_.reset();
  return refreshed;
}

Status RocksDbTable::Undamaged() const {
  Lock lock(mutex_);
  MURMUR_ASSIGN(const auto database, Ready(&lock));
  return CheckUndamaged(*database);
}

Status RocksDbTable::Close() {
  Status projected;
  if (dead_letters_.has_value() && dead_letters_->appended()) projected = ProjectDeadLetters();
  Lock lock(mutex_);
  idle_.wait(lock, [this] { return applying_ == 0; });
  closed_ = true;
  // Damage found only in the log is then in a table file, which counts it.
  if (database_ != nullptr && writer_lock_ && !CheckUndamaged(*database_).ok()) {
    database_->db()->Flush(rocksdb::FlushOptions()).PermitUncheckedError();
  }
  database_.reset();
  writer_lock_.reset();
  return projected;
}

}  // namespace murmur
