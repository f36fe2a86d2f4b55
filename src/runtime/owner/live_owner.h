// The process that follows a live source for a version, and answers requests of other processes
// meanwhile.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "murmur/definition.h"
#include "murmur/run.h"
#include "murmur/state_store.h"
#include "murmur/status.h"
#include "murmur/versions.h"
#include "runtime/owner/owner_request.h"

namespace murmur {

// Whether the version knows where live goes on: from an earlier run of live, or from its token.
Result<bool> HasLivePositions(const Definition& definition, const StateStore& store,
                              uint64_t number);

class FollowedVersion;

// Threads: Run by one; requests from the socket's threads are passed to it.
class LiveOwner {
 public:
  // All outlive the owner.
  LiveOwner(const Definition* definition, StateStore* store, const LiveOptions* options,
            const Clock* clock = &Clock::System());
  ~LiveOwner();

  // Follows the live source for version `number`, which is complete, until `options.run.stop` or
  // until it has caught up. Answers requests of other processes. It performs a requested swap
  // itself: the new version follows until it has caught up, then the alias moves, so no record
  // falls between the two. Errors: kCancelled (stop), kFailedPrecondition (in use, not complete),
  // and those of LiveRunner::Run.
  Status Run(uint64_t number, RunSummary* summary);
  // The same for the version that serves.
  Status RunServing(RunSummary* summary);

 private:
  struct SwapRequest;

  Result<std::unique_ptr<FollowedVersion>> Open(uint64_t number);
  Status Answer(const FollowedVersion& followed, const OwnerRequest& request,
                const WriteText& write);
  Status AskForSwap(uint64_t asked, uint64_t number, const WriteText& write);
  Status Follow(RunSummary* summary);
  Status CheckUsableNow() const;
  void StartCurrent();
  Status Watch(RunSummary* summary);
  void TidySometimes();
  void ServeRequest();
  Result<SwapSummary> Swap(uint64_t number, std::unique_ptr<FollowedVersion>* retired);
  void Report(RunSummary* summary) const;
  RunProgress Progress() const;

  const Definition& definition_;
  StateStore& store_;
  const LiveOptions& options_;
  const Clock& clock_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::unique_ptr<FollowedVersion> current_;
  std::chrono::steady_clock::time_point tidied_ = clock_.Steady();  // TidyHolds
  std::vector<std::string> tidy_notes_;                             // of that; told once

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::shared_ptr<SwapRequest> request_;  // under mutex_; waiting or under way
  bool serving_request_ = false;          // under mutex_; the request is under way
  uint64_t following_ = 0;                // under mutex_; the version; 0: none yet
  bool ended_ = false;                    // under mutex_; following has ended
};

}  // namespace murmur
