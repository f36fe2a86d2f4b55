// Ids of records that workers have read but not committed, so that two workers that read the same
// record at once don't both count it. The state table knows committed ids.
//
// Memory: the ids between two commits. After a crash their records are read again.
// Threads: every method may be called at once.
#pragma once

#include <array>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "murmur/state.h"

namespace murmur {

class PendingIds {
 public:
  explicit PendingIds(const StateTable* table) : table_(table) {}

  // True for each id that was free; it belongs to the caller now. Errors: as StateTable::HasIds.
  Result<std::vector<bool>> Claim(const std::vector<std::string>& ids);
  // Call it when the table has them. REQUIRES: the commit that stored them is visible.
  void Forget(const std::vector<std::string>& ids);

 private:
  struct Shard {
    std::mutex mutex;
    std::unordered_set<std::string> ids;
  };
  static constexpr size_t kShards = 64;
  Shard& ShardOf(const std::string& id) { return shards_[std::hash<std::string>()(id) % kShards]; }

  const StateTable* table_;
  std::array<Shard, kShards> shards_;
};

}  // namespace murmur
