#include "runtime/loop/pending_ids.h"

namespace murmur {

// Looks first among the workers, then in the table: an id that another worker is committing is
// either still pending or already visible in the table.
Result<std::vector<bool>> PendingIds::Claim(const std::vector<std::string>& ids) {
  std::vector<bool> claimed;
  std::vector<std::string> unknown;
  std::vector<size_t> places;
  for (size_t i = 0; i < ids.size(); ++i) {
    Shard& shard = ShardOf(ids[i]);
    const std::lock_guard lock(shard.mutex);
    claimed.push_back(shard.ids.insert(ids[i]).second);
    if (!claimed.back()) continue;
    unknown.push_back(ids[i]);
    places.push_back(i);
  }
  MURMUR_ASSIGN(const auto stored, table_->HasIds(unknown));
  std::vector<std::string> known;
  for (size_t i = 0; i < unknown.size(); ++i) {
    if (!stored[i]) continue;
    claimed[places[i]] = false;
    known.push_back(std::move(unknown[i]));
  }
  Forget(known);
  return claimed;
}

void PendingIds::Forget(const std::vector<std::string>& ids) {
  for (const std::string& id : ids) {
    Shard& shard = ShardOf(id);
    const std::lock_guard lock(shard.mutex);
    shard.ids.erase(id);
  }
}

}  // namespace murmur
