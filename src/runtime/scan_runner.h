// The one loop: splits → batches → fold → commit, by a number of workers, until every split of a
// scan is done. A worker owns a split from read to commit; workers share the state table only.
//
// Crash anywhere: run again with the same table, and the result is that of an uninterrupted run;
// what was read again is at most what no commit had covered.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>

#include "base/clock.h"
#include "fold/pipeline.h"
#include "murmur/source.h"
#include "murmur/state.h"
#include "murmur/status.h"
#include "runtime/pending_ids.h"

namespace murmur {

struct ScanOptions {
  uint32_t threads = 1;
  uint64_t delta_bytes = 200ull << 20;  // of all workers' uncommitted deltas together
  uint64_t max_errors = 0;              // dead letters of the version, before the run ends FAILED
  std::chrono::milliseconds commit_every{1000};
  std::chrono::seconds max_ahead{86400};
  TimeSpan times;  // of a replay; records outside are not counted
  const Clock* clock = &Clock::System();
};

// Counters of a run, for progress; read them at any time from any thread.
struct ScanProgress {
  std::atomic<uint64_t> bytes_total{0};
  std::atomic<uint64_t> bytes{0};    // of the version, earlier runs included
  std::atomic<uint64_t> records{0};  // likewise
  std::atomic<uint64_t> dead{0};     // likewise
  std::atomic<uint64_t> records_this_run{0};
  std::atomic<uint64_t> bytes_this_run{0};
  std::atomic<uint64_t> commits{0};
  std::atomic<uint64_t> splits_total{0};
  std::atomic<uint64_t> splits_done{0};
};

class ScanRunner {
 public:
  // All outlive the runner.
  ScanRunner(std::shared_ptr<const Pipeline> pipeline, SnapshotSource* source, StateTable* table,
             ScanOptions options);

  // Captures the hand-off token and the plan if the table has none yet, else takes up the plan;
  // reads every split to its end; sets the table's status to complete, or failed with the reason.
  // Errors: kCancelled (stop; the committed state is good), kFailedPrecondition (more dead letters
  // than max_errors, an object changed), and those of source and table.
  Status Run(std::stop_token stop);

  const ScanProgress& progress() const noexcept { return progress_; }

 private:
  class Worker;
  struct Work {
    Split split;
    SplitProgress progress;
  };

  Status Prepare(std::stop_token stop);
  void AddWork(const Split& split, const std::map<std::string, SplitProgress>& done);
  void ReadWork(std::stop_token stop);
  // Splits that show only now; false: none, or the run has ended otherwise.
  bool FindMore(std::stop_token stop);
  Result<std::map<std::string, SplitProgress>> Progress() const;
  const Work* NextWork();
  void Fail(Status status);
  bool TooManyErrors() const noexcept;
  Status Complete();
  Status Finish(std::stop_token stop);

  const std::shared_ptr<const Pipeline> pipeline_;
  SnapshotSource* const source_;
  StateTable* const table_;
  const ScanOptions options_;

  ScanPlan plan_;
  std::unique_ptr<PendingIds> pending_ids_;  // null: nothing is deduplicated
  std::deque<Work> work_;                    // stays where it is as more comes
  std::atomic<size_t> next_work_{0};
  std::atomic<int64_t> newest_time_{INT64_MIN};
  ScanProgress progress_;

  std::stop_source abort_;  // a worker failed, or the caller wants to stop
  std::mutex mutex_;
  Status failure_;  // the first one; under mutex_
};

}  // namespace murmur
