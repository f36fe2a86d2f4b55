#include "runtime/owner/row_map.h"

#include <algorithm>
#include <array>
#include <utility>

#include "murmur/key.h"
#include "murmur/state_value.h"

namespace murmur {
namespace {

// Node, entry, two copies of the key's place: what the map needs for a row besides its bytes.
constexpr size_t kEntryBytes = 128;
// So many windows of a key are looked up one by one; of more, a scan of the table is faster.
constexpr int64_t kLookedUpMax = 64;

size_t BytesOf(std::string_view key, std::string_view value) {
  return kEntryBytes + key.size() + value.size();
}

}  // namespace

// Gives each row as of its view's commit.
class RowMap::MappedSnapshot final : public StateSnapshot {
 public:
  MappedSnapshot(RowMap* map, std::shared_ptr<const View> view)
      : map_(*map), view_(std::move(view)) {}

  Result<std::optional<std::string>> Get(std::string_view key) const override {
    if (!key.empty() && static_cast<unsigned char>(key.front()) >= kStoreKeyBase) {
      return std::optional<std::string>();
    }
    if (IsExpired(key)) return std::optional<std::string>();
    if (auto found = map_.Find(key, view_->commit)) return *std::move(found);
    MURMUR_ASSIGN(auto value, view_->table->Get(key));
    map_.Fill(key, value, view_->commit);
    return value;
  }

  Status Scan(std::string_view from, std::string_view until, const Visitor& visit,
              const ScanLimit& limit) const override {
    const auto windows = WindowsOfOneKey(from, until);
    if (!windows) return view_->table->Scan(from, until, visit, limit);
    MURMUR_TRY(limit.Check());
    std::string key(from.substr(0, from.size() - kBucketBytes));
    const size_t head = key.size();
    for (int64_t bucket = windows->first; bucket < windows->second; ++bucket) {
      key.resize(head);
      AppendBucket(bucket, &key);
      MURMUR_ASSIGN(const auto value, Get(key));
      if (value && !visit(key, *value)) break;
    }
    return {};
  }

  Result<std::map<std::string, SplitProgress>> Progress() const override {
    return view_->table->Progress();
  }
  Result<int64_t> NewestTime() const override { return view_->newest_time; }
  int64_t FirstBucket() const override { return view_->table->FirstBucket(); }
  Status ScanDeadLetters(const std::function<bool(const DeadLetter&)>& visit) const override {
    return view_->table->ScanDeadLetters(visit);
  }
  Status ScanDeadLettersOf(std::string_view object, uint64_t from,
                           const std::function<bool(const DeadLetter&)>& visit) const override {
    return view_->table->ScanDeadLettersOf(object, from, visit);
  }
  Status ScanLedger(std::string_view from, const Visitor& visit) const override {
    return view_->table->ScanLedger(from, visit);
  }
  Status ScanHeld(std::string_view from, const Visitor& visit) const override {
    return view_->table->ScanHeld(from, visit);
  }
  Result<uint64_t> CommitNumber() const override { return view_->commit; }

 private:
  bool IsExpired(std::string_view key) const {
    const int64_t first = FirstBucket();
    return first != INT64_MIN && (key.size() <= kBucketBytes || BucketOfKey(key) < first);
  }

  // The buckets of [from, until), if these are few windows of one key.
  std::optional<std::pair<int64_t, int64_t>> WindowsOfOneKey(std::string_view from,
                                                             std::string_view until) const {
    if (!map_.buckets_.windowed() || from.size() != until.size() || from.size() <= kBucketBytes) {
      return std::nullopt;
    }
    const size_t head = from.size() - kBucketBytes;
    if (from.substr(0, head) != until.substr(0, head)) return std::nullopt;
    // No event is after the newest.
    if (view_->newest_time == INT64_MIN) return std::nullopt;
    const int64_t first = std::max(BucketOfKey(from), FirstBucket());
    const int64_t end =
        std::min(BucketOfKey(until), map_.buckets_.GreatestBucketUntil(view_->newest_time) + 1);
    if (end - first > kLookedUpMax) return std::nullopt;
    return std::pair(first, end);
  }

  RowMap& map_;
  const std::shared_ptr<const View> view_;
};

RowMap::RowMap(const StateTable* table, MonoidSpan monoids, BucketRule buckets, size_t bytes_max)
    : table_(*table),
      monoids_(monoids.begin(), monoids.end()),
      buckets_(std::move(buckets)),
      shard_bytes_max_(bytes_max / kShards) {}

std::shared_ptr<const RowMap::View> RowMap::ViewNow() const {
  const std::lock_guard lock(view_mutex_);
  return view_;
}

void RowMap::Publish(std::shared_ptr<const View> view) {
  const std::lock_guard lock(view_mutex_);
  view_ = std::move(view);
}

Result<std::unique_ptr<StateSnapshot>> RowMap::Snapshot() {
  std::shared_ptr<const View> view = ViewNow();
  if (view == nullptr) {
    const std::lock_guard lock(commit_mutex_);
    if (ViewNow() == nullptr) MURMUR_TRY(TakeView());
    view = ViewNow();
  }
  return std::unique_ptr<StateSnapshot>(std::make_unique<MappedSnapshot>(this, std::move(view)));
}

Status RowMap::TakeView() {
  auto view = std::make_shared<View>();
  MURMUR_ASSIGN(view->table, table_.Snapshot());
  MURMUR_ASSIGN(view->commit, view->table->CommitNumber());
  MURMUR_ASSIGN(view->newest_time, view->table->NewestTime());
  // A commit that was not told yet, or never, as its outcome was unknown.
  if (view->commit != applied_.load()) {
    applied_.store(view->commit);
    Clear();
  }
  Publish(std::move(view));
  return {};
}

void RowMap::OnCommit(uint64_t number, bool cleared, DeltaCursor* changes) {
  const std::lock_guard lock(commit_mutex_);
  if (number > applied_.load()) {
    applied_.store(number);
    if (cleared) Clear();
    std::string_view key;
    std::string_view delta;
    while (changes != nullptr && changes->Next(&key, &delta)) {
      Change(key, delta, changes->Replaces(), number);
    }
  }
  // If that fails, the next snapshot tries again.
  if (!TakeView().ok()) Publish(nullptr);
}

void RowMap::Forget() {
  const std::lock_guard lock(commit_mutex_);
  applied_.store(0);
  Clear();
  Publish(nullptr);
}

RowMap::Found RowMap::Find(std::string_view key, uint64_t commit) {
  Shard& shard = ShardOf(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.entries.find(key);
  if (found == shard.entries.end()) return std::nullopt;
  Entry& entry = found->second;
  if (!entry.known || entry.changed > commit) return std::nullopt;
  entry.used = true;
  if (!entry.exists || IsNothing(entry.value)) return std::optional<std::string>();
  return std::optional<std::string>(entry.value);
}

void RowMap::Fill(std::string_view key, const std::optional<std::string>& value, uint64_t commit) {
  Shard& shard = ShardOf(key);
  const std::lock_guard lock(shard.mutex);
  if (applied_.load() != commit) return;
  const auto [place, is_new] = shard.entries.try_emplace(std::string(key));
  Entry& entry = place->second;
  if (entry.known) return;
  entry = {
      .value = value.value_or(""), .known = true, .exists = value.has_value(), .changed = commit};
  if (is_new) shard.by_age.push_back(&place->first);
  shard.bytes += is_new ? BytesOf(key, entry.value) : entry.value.size();
  Evict(&shard);
}

void RowMap::Change(std::string_view key, std::string_view delta, bool replaces, uint64_t number) {
  Shard& shard = ShardOf(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.entries.find(key);
  if (found == shard.entries.end()) return;
  Entry& entry = found->second;
  if (!replaces && (!entry.known || !entry.exists)) {
    entry.known = false;  // a value of no records is not shown, but added to
    return;
  }
  shard.bytes -= entry.value.size();
  entry.known = true;
  entry.changed = number;
  if (replaces) {
    entry.value = delta;
    entry.exists = !delta.empty();
  } else {
    std::string sum;
    const std::array values = {std::string_view(entry.value), delta};
    (void)CombineValues(monoids_, values, &sum);  // damage stays in the value
    entry.value = std::move(sum);
  }
  shard.bytes += entry.value.size();
  Evict(&shard);
}

void RowMap::Clear() {
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    shard.entries.clear();
    shard.by_age.clear();
    shard.bytes = 0;
  }
}

// A row that was used since it was last looked at stays for another round.
void RowMap::Evict(Shard* shard) const {
  while (shard->bytes > shard_bytes_max_ && !shard->by_age.empty()) {
    const std::string* const key = shard->by_age.front();
    shard->by_age.pop_front();
    const auto entry = shard->entries.find(*key);
    if (std::exchange(entry->second.used, false)) {
      shard->by_age.push_back(key);
      continue;
    }
    shard->bytes -= BytesOf(*key, entry->second.value);
    shard->entries.erase(entry);
  }
}

size_t RowMap::bytes() const {
  size_t bytes = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    bytes += shard.bytes;
  }
  return bytes;
}

}  // namespace murmur
