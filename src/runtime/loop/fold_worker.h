// What every loop does with its batches, whatever their source: fold them, gather deltas, and
// commit these together with the positions of the splits.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "fold/folder.h"
#include "fold/pipeline.h"
#include "murmur/source.h"
#include "murmur/state.h"
#include "murmur/status.h"
#include "runtime/loop/dead_news.h"
#include "runtime/loop/pending_ids.h"
#include "runtime/loop/retrying_table.h"

namespace murmur {

class FoldWorker;
struct FoldRun;

// Makes the workers of a run whose records are not facts, and owns what they share. Threads: all.
class WorkerFactory {
 public:
  virtual ~WorkerFactory() = default;
  // `run` outlives the worker.
  virtual std::unique_ptr<FoldWorker> MakeWorker(FoldRun* run) = 0;
  // Whether the workers need rows as they were before each change (Projection::before).
  virtual bool needs_before() const noexcept { return false; }
  // What a user should know; each note is given once.
  virtual std::vector<std::string> TakeNotes() { return {}; }
};

struct FoldOptions {
  uint32_t threads = 1;
  uint64_t delta_bytes = 200ull << 20;  // uncommitted deltas of all workers together
  uint64_t max_errors = 0;  // dead letters of the version; with more, the run ends FAILED
  std::chrono::milliseconds commit_every{1000};
  std::chrono::seconds max_ahead{86400};
  TimeSpan times;  // of a replay; records outside are not counted
  // Live skips records whose id the scan counted, until every split has reached this time (µs).
  std::optional<int64_t> overlap_until;
  const Clock* clock = &Clock::System();
  std::shared_ptr<DeadNews> dead_news = nullptr;  // null: dead letters are not reported
  std::shared_ptr<CommitFeed> feed = nullptr;     // of the version's commits; null: nobody listens
  RetryingTable::Pace store_pace = {};
};

// Counters of a run, for progress. Any thread may read them at any time.
struct FoldProgress {
  std::atomic<uint64_t> bytes_total{0};
  std::atomic<uint64_t> bytes{0};    // of the version, including earlier runs
  std::atomic<uint64_t> records{0};  // likewise
  std::atomic<uint64_t> dead{0};     // likewise
  std::atomic<uint64_t> records_this_run{0};
  std::atomic<uint64_t> bytes_this_run{0};
  std::atomic<uint64_t> commits{0};
  std::atomic<uint64_t> splits_total{0};
  std::atomic<uint64_t> splits_done{0};
};

// A split. One worker at a time reads it.
struct SplitWork {
  Split split;
  SplitProgress progress;  // as read
  Position committed;      // as stored, or as the running commit will store it
  bool moved = false;      // it was read further since then
  // What was read after `progress.position` can't be counted; it must be read again.
  bool read_again = false;
};

// Shared by the workers of one run. Threads: any, once it is filled in.
struct FoldRun {
  FoldRun(std::shared_ptr<const Pipeline> pipeline_to_run, StateTable* state, FoldOptions how)
      : pipeline(std::move(pipeline_to_run)),
        retrying(state, how.store_pace, how.feed.get()),
        table(&retrying),
        options(how) {}
  // Sets the stop of the run. Call it before its threads start.
  void UseFor(std::stop_token asked_to_stop) {
    stop = asked_to_stop;
    retrying.UseFor(std::move(asked_to_stop));
  }

  const std::shared_ptr<const Pipeline> pipeline;
  RetryingTable retrying;
  StateTable* const table;
  const FoldOptions options;
  FoldProgress progress;
  std::atomic<int64_t> newest_time{INT64_MIN};  // µs; of all records read
  std::unique_ptr<PendingIds> pending_ids;      // if records with one id count once
  std::atomic<bool> skip_known_ids{false};      // records whose id the table has don't count
  std::shared_ptr<WorkerFactory> workers;       // null: records are facts
  bool is_scan = false;                         // records come from a snapshot, not from live
  // Called after a commit is durable, with the positions that it moved; from any thread.
  std::function<void(const std::vector<SplitMove>&)> on_commit;

  std::unique_ptr<FoldWorker> MakeWorker();
  // What the run's streams are opened with.
  Projection StreamProjection() const;

  bool TooManyErrors() const noexcept {
    return progress.dead.load(std::memory_order_relaxed) > options.max_errors;
  }
  // Adds the counters of a split from earlier runs.
  void AddEarlier(const SplitProgress& earlier);
  // What a fold is given from outside, at this moment.
  Folder::Context Context() const;
  // Adds the outcome of a batch: the progress of its split before and after it.
  void NoteFolded(const SplitProgress& before, const SplitProgress& after);

  // As it was made, to be run again. REQUIRES: no worker is left, and it has not failed
  void Reset();
  // Ends the run. The first failure is its outcome. A requested cancellation is not a failure.
  void Fail(Status status);
  Status failure() const;
  std::stop_source abort;  // set when a worker failed
  std::stop_token stop;    // of the caller

 private:
  mutable std::mutex mutex_;
  Status failure_;  // under mutex_
};

// `status`; but a kCancelled without a requested stop becomes kUnavailable, since something else
// has ended.
Status Unasked(Status status, bool asked);

// How the message shows the last dead letter, after others.
std::string ShownLast(const DeadLetter& letter);
// `last`: how the message shows the last dead letter.
Status TooManyDeadLetters(const FoldRun& run, const std::string& last = "");

// Folds and commits the batches that one worker reads. Threads: one at a time. The run and its
// splits outlive it.
class FoldWorker {
 public:
  explicit FoldWorker(FoldRun* run) : run_(*run), batch_(run->pipeline->projection()) {}
  FoldWorker(const FoldWorker&) = delete;
  FoldWorker& operator=(const FoldWorker&) = delete;
  virtual ~FoldWorker() = default;

  // The emptied batch, for a Read.
  RecordBatch* EmptyBatch() {
    batch_.Clear();
    return &batch_;
  }
  // Call it before a stream over the rest of `work` is opened.
  virtual void BeginRead(SplitWork* /*work*/) {}
  // Counts the batch that was read as the next one of `work`, and commits if that is due. If it
  // sets work->read_again, nothing further of the stream counts.
  // Errors: those of the table; kFailedPrecondition: more dead letters than max_errors, all of them
  // committed.
  virtual Status Count(SplitWork* work) = 0;
  // The split has been read to its end. Errors: as Count.
  virtual Status End(SplitWork* work) = 0;

  virtual Status CommitIfDue() = 0;
  // When the next commit is due; empty: there is nothing to commit.
  virtual std::optional<std::chrono::steady_clock::time_point> CommitDue() const = 0;
  // Commits all that was read; nothing, if an earlier commit failed.
  virtual Status CommitAll() = 0;
  // Waits for the running commit.
  // Errors: those of that commit.
  virtual Status FinishCommit() = 0;

 protected:
  FoldRun& run_;
  RecordBatch batch_;
};

}  // namespace murmur
