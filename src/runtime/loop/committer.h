// Stores commits in a thread of its own, one after the other, while its owner gathers the next one:
// a commit mostly waits for the disk. After a failure nothing is stored any more.
// Threads: one at a time.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <utility>

#include "base/clock.h"
#include "murmur/status.h"

namespace murmur {

class Committer {
 public:
  explicit Committer(const Clock* clock) : clock_(*clock), last_start_(clock->Steady()) {}

  // Runs `store` in the thread. REQUIRES: !HasStarted().
  void Start(std::function<Status()> store) {
    stored_ = std::async(std::launch::async, std::move(store));
  }
  // A commit is gathered from now on, whether or not there is something to commit.
  void NoteStart() { last_start_ = clock_.Steady(); }

  // Whether a commit has been started that Finish has not waited for.
  bool HasStarted() const { return stored_.valid(); }
  bool IsStoring() const {
    using std::chrono::seconds;
    return HasStarted() && stored_.wait_for(seconds(0)) != std::future_status::ready;
  }
  // Waits for the commit that has been started. Errors: the first one, then and ever after.
  Status Finish() {
    if (HasStarted()) Fail(stored_.get());
    return failure_;
  }
  void Wait() const {
    if (HasStarted()) stored_.wait();
  }

  // An error of the owner, after which what it has gathered must not be stored. The first counts.
  void Fail(Status status) {
    if (failure_.ok()) failure_ = std::move(status);
  }
  const Status& failure() const { return failure_; }
  std::chrono::steady_clock::time_point last_start() const { return last_start_; }

 private:
  const Clock& clock_;
  std::chrono::steady_clock::time_point last_start_;
  Status failure_;
  std::future<Status> stored_;
};

}  // namespace murmur
