// What every loop over batches does with them, whatever they were read from: fold, gather deltas,
// commit them together with how far the splits were read.
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
#include "runtime/dead_news.h"
#include "runtime/pending_ids.h"
#include "runtime/retrying_table.h"

namespace murmur {

class RowFold;

struct FoldOptions {
  uint32_t threads = 1;
  uint64_t delta_bytes = 200ull << 20;  // of all workers' uncommitted deltas together
  uint64_t max_errors = 0;              // dead letters of the version, before the run ends FAILED
  std::chrono::milliseconds commit_every{1000};
  std::chrono::seconds max_ahead{86400};
  TimeSpan times;  // of a replay; records outside are not counted
  // Live skips records whose id the scan before it counted, until every split is here (µs).
  std::optional<int64_t> overlap_until;
  const Clock* clock = &Clock::System();
  std::shared_ptr<DeadNews> dead_news = nullptr;  // null: nobody is told of dead letters
  RetryingTable::Pace store_pace = {};
};

// Counters of a run, for progress; read them at any time from any thread.
struct FoldProgress {
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

// A split that one worker at a time reads.
struct SplitWork {
  Split split;
  SplitProgress progress;  // as it was read
  Position committed;      // as the table has it, or will have once the commit under way is done
  bool moved = false;      // read on since then
  // What was read behind `progress.position` can't be counted any more: it is to be read again.
  bool read_again = false;
};

// What the workers of one run share. Threads: any, once it is filled in.
struct FoldRun {
  FoldRun(std::shared_ptr<const Pipeline> pipeline_to_run, StateTable* state, FoldOptions how)
      : pipeline(std::move(pipeline_to_run)),
        retrying(state, how.store_pace),
        table(&retrying),
        options(how) {}
  // It is run until then. Before its threads begin.
  void UseFor(std::stop_token asked_to_stop) {
    stop = asked_to_stop;
    retrying.UseFor(std::move(asked_to_stop));
  }

  const std::shared_ptr<const Pipeline> pipeline;
  RetryingTable retrying;
  StateTable* const table;
  const FoldOptions options;
  FoldProgress progress;
  std::atomic<int64_t> newest_time{INT64_MIN};  // µs; of all that was read
  std::unique_ptr<PendingIds> pending_ids;      // where records with one id count once
  std::atomic<bool> skip_known_ids{false};      // those that the table has don't count
  std::shared_ptr<RowFold> rows;  // of a table source: what all its runs fold into; else null
  bool is_scan = false;           // its records are what a snapshot found, not what live says
  // Told what a commit moved, when it is durable; from any thread.
  std::function<void(const std::vector<SplitMove>&)> on_commit;

  bool TooManyErrors() const noexcept {
    return progress.dead.load(std::memory_order_relaxed) > options.max_errors;
  }
  // Adds what earlier runs made of a split.
  void AddEarlier(const SplitProgress& earlier);
  // What a fold takes from the outside, now.
  Folder::Context Context() const;
  // Adds what a batch came to: `before` is the progress of its split before it.
  void NoteFolded(const SplitProgress& before, const SplitProgress& after);

  // Ends the run: the first failure is its outcome. A cancellation that was asked for only ends it.
  void Fail(Status status);
  Status failure() const;
  std::stop_source abort;  // a worker failed
  std::stop_token stop;    // of who runs it

 private:
  mutable std::mutex mutex_;
  Status failure_;  // under mutex_
};

// `status`, unless it is a kCancelled though no stop was asked for: then something else has ended,
// and that is kUnavailable.
Status Unasked(Status status, bool asked);

// What to say of the last dead letter, behind others.
std::string ShownLast(const DeadLetter& letter);
// `last`: what to say of the last one.
Status TooManyDeadLetters(const FoldRun& run, const std::string& last = "");

// One worker's share: what becomes of the batches that it reads. Threads: one at a time; the run
// outlives it, and so do the works.
class FoldWorker {
 public:
  explicit FoldWorker(FoldRun* run) : run_(*run), batch_(run->pipeline->projection()) {}
  FoldWorker(const FoldWorker&) = delete;
  FoldWorker& operator=(const FoldWorker&) = delete;
  virtual ~FoldWorker() = default;

  // Emptied, for a Read.
  RecordBatch* EmptyBatch() {
    batch_.Clear();
    return &batch_;
  }
  // A stream over what is left of `work` is about to be opened.
  virtual void BeginRead(SplitWork* /*work*/) {}
  // Counts the batch that was read, as the next of `work`, and commits if that is due. Behind a
  // batch or an end that sets work->read_again nothing of the stream counts.
  // Errors: those of the table; kFailedPrecondition: more dead letters than max_errors, all of them
  // committed.
  virtual Status Count(SplitWork* work) = 0;
  // The split has been read to its end. Errors: as Count.
  virtual Status End(SplitWork* work) = 0;

  virtual Status CommitIfDue() = 0;
  // When the next commit is due; empty: there is nothing to commit.
  virtual std::optional<std::chrono::steady_clock::time_point> CommitDue() const = 0;
  // Commits all that was read, unless a commit failed: behind such a one nothing is.
  virtual Status CommitAll() = 0;
  // Waits for the commit under way. Errors: its own.
  virtual Status FinishCommit() = 0;

 protected:
  FoldRun& run_;
  RecordBatch batch_;
};

// Of the kind that the run's records need.
std::unique_ptr<FoldWorker> MakeFoldWorker(FoldRun* run);

}  // namespace murmur
