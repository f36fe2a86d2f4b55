#include "state/memory/memory_table.h"

#include <algorithm>
#include <vector>

#include "murmur/key.h"
#include "murmur/state_value.h"

namespace murmur {
namespace {

int64_t Newest(const std::map<std::string, SplitProgress>& progress) {
  int64_t newest = INT64_MIN;
  for (const auto& [split, at] : progress) newest = std::max(newest, at.newest_time);
  return newest;
}

class MemorySnapshot final : public StateSnapshot {
 public:
  explicit MemorySnapshot(MemoryStore store)
      : store_(std::move(store)),
        first_visible_(FirstVisible(store_.retention, Newest(store_.progress))) {}

  Result<std::optional<std::string>> Get(std::string_view key) const override {
    const auto found = store_.values.find(std::string(key));
    if (found == store_.values.end() || !Visible(found->first, found->second)) {
      return std::optional<std::string>();
    }
    return std::optional<std::string>(found->second);
  }

  Status Scan(std::string_view from, std::string_view until, const Visitor& visit,
              const ScanLimit& limit) const override {
    MURMUR_TRY(limit.Check());
    uint64_t keys = 0;
    for (auto it = store_.values.lower_bound(std::string(from)); it != store_.values.end(); ++it) {
      const auto& [key, value] = *it;
      if (!until.empty() && key >= until) break;
      if (++keys % kScanLimitKeys == 0) MURMUR_TRY(limit.Check());
      if (Visible(key, value) && !visit(key, value)) break;
    }
    return Status();
  }

  Result<std::map<std::string, SplitProgress>> Progress() const override { return store_.progress; }
  Result<int64_t> NewestTime() const override { return Newest(store_.progress); }
  int64_t FirstBucket() const override { return first_visible_; }

  Status ScanDeadLetters(const std::function<bool(const DeadLetter&)>& visit) const override {
    for (const auto& [key, letter] : store_.dead_letters) {
      if (!visit(letter)) break;
    }
    return Status();
  }
  Status ScanDeadLettersOf(std::string_view object, uint64_t from,
                           const std::function<bool(const DeadLetter&)>& visit) const override {
    DeadLetter first;
    first.object = object;
    first.offset = from;
    const auto& letters = store_.dead_letters;
    for (auto it = letters.lower_bound(DeadLetterKey(first)); it != letters.end(); ++it) {
      if (it->second.object != object || !visit(it->second)) break;
    }
    return Status();
  }
  Status ScanLedger(std::string_view from, const Visitor& visit) const override {
    return ScanEntries(store_.ledger, from, visit);
  }
  Status ScanHeld(std::string_view from, const Visitor& visit) const override {
    return ScanEntries(store_.held, from, visit);
  }
  Result<uint64_t> CommitNumber() const override { return store_.commits; }

 private:
  using Entries = std::map<std::string, std::string, std::less<>>;
  static Status ScanEntries(const Entries& entries, std::string_view from, const Visitor& visit) {
    for (auto it = entries.lower_bound(from); it != entries.end(); ++it) {
      if (!visit(it->first, it->second)) break;
    }
    return Status();
  }

  bool Visible(std::string_view key, std::string_view value) const {
    if (IsNothing(value)) return false;
    return first_visible_ == INT64_MIN ||
           (key.size() > kBucketBytes && BucketOfKey(key) >= first_visible_);
  }

  const MemoryStore store_;
  const int64_t first_visible_;
};

// *view := what `store` holds, as a reader with this schema shows it. `view` keeps its mutex.
// REQUIRES: the mutex of `view` is held, or nobody else uses it
void CopyStore(const MemoryStore& store, const StateSchema& schema, MemoryStore* view) {
  const auto mutex = view->mutex;
  const std::lock_guard lock(*store.mutex);
  *view = store;
  view->mutex = mutex;
  view->retention = Reopened(view->retention, schema.buckets, Newest(view->progress));
}

class MemoryTable final : public StateTable {
 public:
  // `epoch` 0: for reading; `store` is then its own copy of `origin`.
  MemoryTable(std::shared_ptr<MemoryStore> store, std::shared_ptr<const MemoryStore> origin,
              const StateSchema& schema, uint64_t epoch)
      : store_(std::move(store)), origin_(std::move(origin)), schema_(schema), epoch_(epoch) {
    if (epoch_ != 0) ++*store_->writers;
  }
  ~MemoryTable() override { (void)Close(); }

  Result<VersionInfo> Info() const override {
    return Locked<VersionInfo>([&] { return store_->info; });
  }
  Result<std::optional<HandoffToken>> Token() const override {
    return Locked<std::optional<HandoffToken>>([&] { return store_->token; });
  }
  Result<std::optional<ScanPlan>> Plan() const override {
    return Locked<std::optional<ScanPlan>>([&] { return store_->plan; });
  }
  Result<std::unique_ptr<StateSnapshot>> Snapshot() const override {
    return Locked<std::unique_ptr<StateSnapshot>>(
        [&] { return std::make_unique<MemorySnapshot>(*store_); });
  }

  Status Refresh() override {
    const std::lock_guard lock(*store_->mutex);
    MURMUR_TRY(Ready());
    if (origin_ == nullptr) return {};
    CopyStore(*origin_, schema_, store_.get());
    return {};
  }

  Status SetStatus(VersionStatus status, std::string failure) override {
    const std::lock_guard lock(*store_->mutex);
    MURMUR_TRY(ReadyToWrite());
    store_->info.status = status;
    store_->info.failure = std::move(failure);
    return Status();
  }

  Status Complete(const ScanEnd& end) override {
    const std::lock_guard lock(*store_->mutex);
    MURMUR_TRY(ReadyToWrite());
    store_->info.status = VersionStatus::kComplete;
    store_->info.failure.clear();
    store_->info.inexact = end.inexact;
    store_->info.assumed_ends = end.assumed_ends;
    if (!end.keep_ids) store_->ids.clear();
    if (!end.live_from.streams.empty()) store_->token = end.live_from;
    return Status();
  }

  Status DropIds() override {
    const std::lock_guard lock(*store_->mutex);
    MURMUR_TRY(ReadyToWrite());
    store_->ids.clear();
    return Status();
  }

  Status Begin(const HandoffToken& token, const ScanPlan& plan) override {
    const std::lock_guard lock(*store_->mutex);
    MURMUR_TRY(ReadyToWrite());
    if (store_->plan.has_value()) return Status(Code::kAlreadyExists, "the plan is stored already");
    store_->token = token;
    store_->plan = plan;
    return Status();
  }

  Status Apply(const Commit& commit, uint64_t* number) override {
    const std::lock_guard lock(*store_->mutex);
    MURMUR_TRY(ReadyToWrite());
    MURMUR_TRY(CheckFence(commit));
    std::map<std::string, std::string> changed;
    MURMUR_TRY(Combine(commit, &changed));
    if (commit.clear) {
      store_->values.clear();
      store_->ledger.clear();
    }
    for (auto& [key, value] : changed) {
      if (value.empty()) {
        store_->values.erase(key);
      } else {
        store_->values[key] = std::move(value);
      }
    }
    for (const SplitMove& move : commit.moves) store_->progress[move.split] = move.to;
    store_->ids.insert(commit.ids.begin(), commit.ids.end());
    for (const DeadLetter& letter : commit.dead_letters) {
      store_->dead_letters[DeadLetterKey(letter)] = letter;
    }
    Change(commit.ledger, &store_->ledger);
    Change(commit.held, &store_->held);
    ++store_->commits;
    if (number != nullptr) *number = store_->commits;
    return Status();
  }

  Status Undamaged() const override { return {}; }  // malformed values are refused

  Result<std::vector<bool>> HasIds(std::span<const std::string> ids) const override {
    return Locked<std::vector<bool>>([&] {
      std::vector<bool> has;
      for (const std::string& id : ids) has.push_back(store_->ids.contains(id));
      return has;
    });
  }

  Result<std::vector<std::optional<std::string>>> LedgerEntries(
      std::span<const std::string_view> keys) const override {
    return Locked<std::vector<std::optional<std::string>>>([&] {
      std::vector<std::optional<std::string>> entries(keys.size());
      for (size_t i = 0; i < keys.size(); ++i) {
        const auto found = store_->ledger.find(keys[i]);
        if (found != store_->ledger.end()) entries[i] = found->second;
      }
      return entries;
    });
  }

  Status Close() override {
    const std::lock_guard lock(*store_->mutex);
    if (epoch_ != 0 && !closed_) --*store_->writers;
    closed_ = true;
    return Status();
  }

 private:
  Status Ready() const {
    return closed_ ? Status(Code::kFailedPrecondition, "the table is closed") : Status();
  }

  Status ReadyToWrite() const {
    MURMUR_TRY(Ready());
    if (epoch_ == 0) return Status(Code::kFailedPrecondition, "the table is open for reading only");
    if (epoch_ == store_->epoch) return Status();
    return Status(Code::kAborted, "another process has become the owner of this version");
  }

  static void Change(const std::vector<LedgerRow>& rows,
                     std::map<std::string, std::string, std::less<>>* entries) {
    for (const LedgerRow& row : rows) {
      if (row.entry) {
        (*entries)[row.key] = *row.entry;
      } else {
        entries->erase(row.key);
      }
    }
  }

  template <class T, class Read>
  Result<T> Locked(Read read) const {
    const std::lock_guard lock(*store_->mutex);
    MURMUR_TRY(Ready());
    return read();
  }

  Status CheckFence(const Commit& commit) const {
    MURMUR_TRY(CheckHasMoves(commit));
    for (const std::string& id : commit.ids) {
      if (store_->ids.contains(id)) return IdIsStored(id);
    }
    std::set<std::string_view> splits;
    for (const SplitMove& move : commit.moves) {
      const auto stored = store_->progress.find(move.split);
      const Position at = stored == store_->progress.end() ? Position() : stored->second.position;
      if (at != move.from || !splits.insert(move.split).second) {
        return Status(Code::kAborted,
                      "split " + move.split + " is at '" + at + "', not at '" + move.from + "'");
      }
    }
    return Status();
  }

  Status Combine(const Commit& commit, std::map<std::string, std::string>* changed) const {
    DeltaCursor* const deltas = commit.deltas;
    std::string_view key, delta;
    while (deltas != nullptr && deltas->Next(&key, &delta)) {
      if (key.empty() || static_cast<unsigned char>(key.front()) < kKeyBase ||
          static_cast<unsigned char>(key.front()) >= kStoreKeyBase ||
          (!changed->empty() && key <= changed->rbegin()->first)) {
        return Status(Code::kInternal, "a commit's keys are not ascending data keys");
      }
      std::string& value = (*changed)[std::string(key)];
      const auto stored = store_->values.find(std::string(key));
      if (stored == store_->values.end() || commit.clear || deltas->Replaces()) {
        value = delta;
        continue;
      }
      const std::string_view both[] = {stored->second, delta};
      if (!CombineValues(schema_.monoids, both, &value)) {
        return Status(Code::kDataLoss, "values are damaged and could not be combined");
      }
    }
    return Status();
  }

  const std::shared_ptr<MemoryStore> store_;
  const std::shared_ptr<const MemoryStore> origin_;  // of a reader; null: a writer
  const StateSchema schema_;
  const uint64_t epoch_;
  bool closed_ = false;
};

}  // namespace

std::shared_ptr<MemoryStore> MakeMemoryStore(VersionInfo info, const StateSchema& schema) {
  auto store = std::make_shared<MemoryStore>();
  store->info = std::move(info);
  store->info.monoids = schema.MonoidNames();
  store->retention.rule = schema.buckets;
  return store;
}

Result<std::unique_ptr<StateTable>> OpenMemoryTable(std::shared_ptr<MemoryStore> store,
                                                    const StateSchema& schema, Access access) {
  const auto mutex = store->mutex;
  std::unique_lock lock(*mutex);
  MURMUR_TRY(CheckSchema(schema, store->info, store->retention));
  if (access == Access::kRead) {
    lock.unlock();
    auto view = std::make_shared<MemoryStore>();
    CopyStore(*store, schema, view.get());
    return std::unique_ptr<StateTable>(
        std::make_unique<MemoryTable>(std::move(view), std::move(store), schema, /*epoch=*/0));
  }
  store->retention = Reopened(store->retention, schema.buckets, Newest(store->progress));
  const uint64_t epoch = ++store->epoch;
  return std::unique_ptr<StateTable>(
      std::make_unique<MemoryTable>(std::move(store), nullptr, schema, epoch));
}

}  // namespace murmur
