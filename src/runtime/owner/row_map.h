// The rows that were asked for lately, in front of the table of a version that this process writes:
// a map from stored key to value, kept as new as the last commit.
//
// What it promises: a snapshot answers as the table's own snapshot of the same commit would, never
// ahead of what is durable. How:
//   - A commit is told once it is durable (CommitFeed). The map then applies it to the rows that it
//     has, and last publishes a view: the commit's number, and a snapshot of the table.
//   - A row remembers the last commit that changed it. A snapshot takes a row only if that is not
//     after its own commit; else it reads its snapshot of the table.
//   - A row that was read from the table enters the map only if no commit has begun to be applied
//     since that snapshot.
// Commits are applied one at a time; between two, all snapshots share the table's. The least
// recently used rows leave when their bytes exceed the limit.
//
// Threads: OnCommit by one at a time; the others by any.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fold/pipeline.h"
#include "murmur/state.h"
#include "murmur/state_value.h"
#include "murmur/status.h"
#include "runtime/loop/commit_feed.h"

namespace murmur {

class RowMap final : public CommitListener {
 public:
  // `table` outlives the map. `bytes_max` is of keys and values, with what the map needs for each.
  RowMap(const StateTable* table, MonoidSpan monoids, BucketRule buckets, size_t bytes_max);

  void OnCommit(uint64_t number, bool cleared, DeltaCursor* changes) override;

  // Of the last commit that was told. It must not outlive the map. Errors: those of the table.
  Result<std::unique_ptr<StateSnapshot>> Snapshot();

  // Forgets all: commits may have been stored that nobody was told of.
  void Forget();

  size_t bytes() const;

 private:
  class MappedSnapshot;

  // What snapshots share until the next commit.
  struct View {
    uint64_t commit = 0;
    std::shared_ptr<const StateSnapshot> table;
    int64_t newest_time = INT64_MIN;
  };
  struct Entry {
    std::string value;     // as stored
    bool known = false;    // false: a commit added to a key of which the table showed nothing
    bool exists = false;   // false: the table shows no such key
    uint64_t changed = 0;  // the last commit that may have changed it
    bool used = false;     // since the eviction last looked at it
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view key) const noexcept {
      return std::hash<std::string_view>()(key);
    }
  };
  struct Shard {
    mutable std::mutex mutex;
    // All under it.
    std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries;
    std::deque<const std::string*> by_age;  // keys of entries; the next to leave first
    size_t bytes = 0;
  };
  // The outer optional: whether the map has it, for a snapshot of `commit`.
  using Found = std::optional<std::optional<std::string>>;

  static constexpr size_t kShards = 16;

  Shard& ShardOf(std::string_view key) { return shards_[Hash()(key) % kShards]; }
  Found Find(std::string_view key, uint64_t commit);
  void Fill(std::string_view key, const std::optional<std::string>& value, uint64_t commit);
  void Change(std::string_view key, std::string_view delta, bool replaces, uint64_t number);
  void Clear();
  void Evict(Shard* shard) const;
  // REQUIRES: commit_mutex_ is held
  Status TakeView();
  std::shared_ptr<const View> ViewNow() const;
  void Publish(std::shared_ptr<const View> view);

  const StateTable& table_;
  const std::vector<const Monoid*> monoids_;
  const BucketRule buckets_;
  const size_t shard_bytes_max_;
  std::array<Shard, kShards> shards_;
  // The commit that is being applied, or was last. A commit writes it before it touches a row.
  std::atomic<uint64_t> applied_{0};
  std::mutex commit_mutex_;  // of who applies a commit or takes a view
  mutable std::mutex view_mutex_;
  std::shared_ptr<const View> view_;  // under view_mutex_; null: it must be taken anew
};

}  // namespace murmur
