// Tells who listens of each commit to one version: which keys it changed, in the order of the
// commits. The server's rows in memory and its subscribers stand on it.
// Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>

#include "murmur/state.h"
#include "murmur/status.h"

namespace murmur {

class CommitListener {
 public:
  virtual ~CommitListener() = default;
  // The commit is durable. `changes` gives its keys in ascending order, with what was added to
  // their values or replaced them; null: none. `cleared`: every value had been removed before them.
  // Numbers ascend. One call at a time; the next commit waits for it. Nothing is told of a commit
  // whose outcome stays unknown: the run ends with it, and who listens reads the state anew.
  virtual void OnCommit(uint64_t number, bool cleared, DeltaCursor* changes) = 0;
};

class CommitFeed {
 public:
  // `listener` outlives the feed.
  explicit CommitFeed(CommitListener* listener) : listener_(*listener) {}

  // Commits with `apply`, and tells of it. While somebody listens, commits are stored one at a
  // time: else a later one might be told first.
  Status Apply(const Commit& commit, const std::function<Status(uint64_t* number)>& apply) {
    const std::lock_guard lock(mutex_);
    uint64_t number = 0;
    MURMUR_TRY(apply(&number));
    if (commit.deltas != nullptr) commit.deltas->Rewind();
    listener_.OnCommit(number, commit.clear, commit.deltas);
    return {};
  }

 private:
  std::mutex mutex_;
  CommitListener& listener_;
};

}  // namespace murmur
