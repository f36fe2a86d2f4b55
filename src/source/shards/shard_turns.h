// Who may ask for a shard now: a service admits so many requests a second for one, whoever makes
// them. The readers of a process take turns; those of several are told by the service that they ask
// too often, and wait longer.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>

namespace murmur {

// Threads: any.
class ShardTurns {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static ShardTurns& OfProcess() {
    static ShardTurns* const turns = new ShardTurns;  // threads of readers may outlive main
    return *turns;
  }

  // Takes the turn for a request at `now`, so that nobody else has one for `pace`. 0; else how long
  // it is until the next.
  std::chrono::milliseconds Take(const std::string& shard, Time now,
                                 std::chrono::milliseconds pace) {
    const std::lock_guard lock(mutex_);
    const auto it = free_from_.find(shard);
    if (it != free_from_.end() && it->second > now) {
      return std::chrono::ceil<std::chrono::milliseconds>(it->second - now);
    }
    if (free_from_.size() >= kKnownMax) {  // shards end, and others come
      std::erase_if(free_from_, [now](const auto& one) { return one.second <= now; });
    }
    free_from_[shard] = now + pace;
    return {};
  }

 private:
  static constexpr size_t kKnownMax = 4096;

  std::mutex mutex_;
  std::map<std::string, Time> free_from_;  // under mutex_
};

}  // namespace murmur
