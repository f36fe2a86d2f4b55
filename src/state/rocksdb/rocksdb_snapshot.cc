#include "state/rocksdb/rocksdb_snapshot.h"

#include <algorithm>

#include "murmur/key.h"
#include "murmur/state_value.h"
#include "state/records.h"

namespace murmur {

Status CheckUndamaged(const Database& database) {
  if (database.damage().load(std::memory_order_relaxed) == 0) return Status();
  return Status(Code::kDataLoss, database.path() +
                                     ": stored values are damaged; build the version again: "
                                     "murmur bootstrap FILE --fresh, or murmur replay FILE");
}

Result<std::unique_ptr<StateSnapshot>> RocksDbSnapshot::Take(
    std::shared_ptr<Database> database, std::shared_ptr<VisibleBuckets> visible,
    const RetentionRecord& retention) {
  std::unique_ptr<RocksDbSnapshot> snapshot(
      new RocksDbSnapshot(std::move(database), std::move(visible)));
  if (retention.rule.windowed() && retention.rule.keep) {
    MURMUR_ASSIGN(const int64_t newest, snapshot->NewestTime());
    snapshot->first_visible_ = FirstVisible(retention, newest);
  } else {
    snapshot->first_visible_ = FirstVisible(retention, INT64_MIN);
  }
  return std::unique_ptr<StateSnapshot>(std::move(snapshot));
}

// Pins first: the first visible bucket now is not later than that of the snapshot.
RocksDbSnapshot::RocksDbSnapshot(std::shared_ptr<Database> database,
                                 std::shared_ptr<VisibleBuckets> visible)
    : database_(std::move(database)),
      visible_(std::move(visible)),
      pinned_(visible_->Pin()),
      snapshot_(database_->TakeSnapshot()) {}

RocksDbSnapshot::~RocksDbSnapshot() {
  if (snapshot_ != nullptr) database_->db()->ReleaseSnapshot(snapshot_);
  visible_->Unpin(pinned_);
}

bool RocksDbSnapshot::Visible(std::string_view key, std::string_view value) const {
  if (IsNothing(value)) return false;
  return first_visible_ == INT64_MIN ||
         (key.size() > kBucketBytes && BucketOfKey(key) >= first_visible_);
}

Status RocksDbSnapshot::Undamaged() const { return CheckUndamaged(*database_); }

Result<std::optional<std::string>> RocksDbSnapshot::Get(std::string_view key) const {
  if (!key.empty() && static_cast<unsigned char>(key.front()) >= kStoreKeyBase) {
    return std::optional<std::string>();
  }
  MURMUR_TRY(Undamaged());
  MURMUR_ASSIGN(auto value, database_->Get(key, snapshot_));
  if (value.has_value() && IsDamaged(*value)) database_->NoteDamage();
  MURMUR_TRY(Undamaged());
  if (value.has_value() && !Visible(key, *value)) value.reset();
  return value;
}

Status RocksDbSnapshot::Scan(std::string_view from, std::string_view until, const Visitor& visit,
                             const ScanLimit& limit) const {
  MURMUR_TRY(limit.Check());
  static constexpr char kEnd = static_cast<char>(kStoreKeyBase);
  const std::string_view data_end(&kEnd, 1);
  if (until.empty() || until > data_end) until = data_end;
  if (from >= until) return Status();
  MURMUR_TRY(Undamaged());
  uint64_t keys = 0;
  Status limited;
  MURMUR_TRY(database_->Scan(from, until, snapshot_, [&](auto key, auto value) {
    if (++keys % kScanLimitKeys == 0) limited = limit.Check();
    if (!limited.ok()) return false;
    if (!Visible(key, value)) return true;
    if (!IsDamaged(value)) return visit(key, value);
    database_->NoteDamage();
    return false;
  }));
  MURMUR_TRY(limited);
  return Undamaged();
}

Result<std::map<std::string, SplitProgress>> RocksDbSnapshot::Progress() const {
  std::map<std::string, SplitProgress> progress;
  Status damaged;
  MURMUR_TRY(
      database_->Scan(kProgressPrefix, kDeadLetterPrefix, snapshot_, [&](auto key, auto value) {
        auto split = DecodeProgress(value);
        if (!split.ok()) {
          damaged = std::move(split).status();
        } else {
          key.remove_prefix(kProgressPrefix.size());
          progress.emplace(key, *std::move(split));
        }
        return damaged.ok();
      }));
  MURMUR_TRY(damaged);
  return progress;
}

Result<int64_t> RocksDbSnapshot::NewestTime() const {
  MURMUR_ASSIGN(const auto progress, Progress());
  int64_t newest = INT64_MIN;
  for (const auto& [split, at] : progress) newest = std::max(newest, at.newest_time);
  return newest;
}

Status RocksDbSnapshot::ScanDeadLetters(const std::function<bool(const DeadLetter&)>& visit) const {
  return ScanDeadLettersFrom(kDeadLetterPrefix, visit);
}

Status RocksDbSnapshot::ScanDeadLettersOf(
    std::string_view object, uint64_t from,
    const std::function<bool(const DeadLetter&)>& visit) const {
  DeadLetter first;
  first.object = object;
  first.offset = from;
  return ScanDeadLettersFrom(DeadLetterKey(first), [&](const DeadLetter& letter) {
    return letter.object == object && visit(letter);
  });
}

Status RocksDbSnapshot::ScanDeadLettersFrom(
    std::string_view key, const std::function<bool(const DeadLetter&)>& visit) const {
  Status damaged;
  MURMUR_TRY(database_->Scan(key, kDeadLettersEnd, snapshot_, [&](auto, auto value) {
    auto letter = DecodeDeadLetter(value);
    if (!letter.ok()) damaged = std::move(letter).status();
    return damaged.ok() && visit(*letter);
  }));
  return damaged;
}

Status RocksDbSnapshot::ScanLedger(std::string_view from, const Visitor& visit) const {
  return database_->Scan(LedgerKey(from), kLedgerEnd, snapshot_, [&](auto key, auto value) {
    key.remove_prefix(kLedgerPrefix.size());
    return visit(key, value);
  });
}

Status RocksDbSnapshot::ScanHeld(std::string_view from, const Visitor& visit) const {
  return database_->Scan(HeldKey(from), kHeldEnd, snapshot_, [&](auto key, auto value) {
    key.remove_prefix(kHeldPrefix.size());
    return visit(key, value);
  });
}

Result<uint64_t> RocksDbSnapshot::CommitNumber() const {
  MURMUR_ASSIGN(const auto stored, database_->Get(kCommitNumberKey, snapshot_));
  return stored ? DecodeCount(*stored) : Result<uint64_t>(0);
}

}  // namespace murmur
