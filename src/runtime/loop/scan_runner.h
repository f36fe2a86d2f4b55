// The loop over a finite source, a snapshot or a range of history: splits → batches → fold →
// commit, by several workers, until every split of the scan is done. A worker owns a split from
// read to commit; workers share only the state table.
//
// After a crash anywhere, run again with the same table: the result is that of an uninterrupted
// run, and only uncommitted records are read again.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "fold/pipeline.h"
#include "murmur/source.h"
#include "murmur/state.h"
#include "murmur/status.h"
#include "runtime/loop/fold_worker.h"

namespace murmur {

class ScanRunner {
 public:
  // Gives where live must start: SnapshotSource::HandoffNow, unless live itself must say it.
  using TakeHandoff = std::function<Result<HandoffToken>(std::stop_token stop)>;

  // Follows the changes of a table's rows while they are scanned.
  class Companion {
   public:
    virtual ~Companion() = default;
    // Chooses the method for a new scan.
    virtual Result<TableMethod> Choose(std::stop_token stop) = 0;
    // The scan begins; its token and plan are stored. Returns what makes its workers.
    using ProgressMap = SnapshotSource::ProgressMap;
    virtual Result<std::shared_ptr<WorkerFactory>> Begin(const ScanPlan& plan,
                                                         const ProgressMap& progress,
                                                         std::stop_token stop) = 0;
    // Everything has been read: returns when the version may be complete.
    virtual Status CatchUp(std::stop_token stop) = 0;
    // The ends that CatchUp reached without being sure of it.
    virtual LiveSource::PositionMap AssumedEnds() const = 0;
  };

  // All outlive the runner.
  ScanRunner(std::shared_ptr<const Pipeline> pipeline, SnapshotSource* source, StateTable* table,
             FoldOptions options, TakeHandoff capture = {});
  // For a table's rows.
  ScanRunner(std::shared_ptr<const Pipeline> pipeline, SnapshotSource* source, StateTable* table,
             FoldOptions options, Companion* companion, TakeHandoff capture = {});

  // If the table has no token and plan yet, captures them; else resumes the plan. Reads every split
  // to its end; sets the table's status to complete, or to failed with the reason. Errors:
  // kCancelled (stop; the committed state is good), kFailedPrecondition (more dead letters than
  // max_errors, an object changed), and those of source and table.
  Status Run(std::stop_token stop);
  // Ends the run without a failure, to be run again: what it read is not counted any more. From any
  // thread; after Run has returned, Reset before the next.
  void Interrupt() { run_.abort.request_stop(); }
  void Reset();
  // Ends the run with `failure`, from any thread.
  void Abort(Status failure) { run_.Fail(std::move(failure)); }

  const FoldProgress& progress() const noexcept { return run_.progress; }
  // What a user should know; each note is given once. Threads: any.
  std::vector<std::string> TakeNotes();

 private:
  Status RunToEnd(std::stop_token stop);
  Status Prepare(std::stop_token stop);
  Status ForgetPartOfRead();
  void AddWork(const Split& split, const std::map<std::string, SplitProgress>& done);
  void ReadWork(std::stop_token stop);
  Status Work(std::stop_token stop);
  Status ReadSplit(FoldWorker* worker, SplitWork* work, std::stop_token stop);
  Status ReadOn(FoldWorker* worker, SplitWork* work, std::stop_token stop);
  // Adds splits that are known only now. False: there are none, or the run has ended otherwise.
  bool FindMore(std::stop_token stop);
  Result<std::map<std::string, SplitProgress>> Progress() const;
  SplitWork* NextWork();
  Status Complete(std::stop_token stop);
  Status Finish(std::stop_token stop);

  SnapshotSource* const source_;
  const TakeHandoff capture_;
  Companion* const companion_ = nullptr;
  FoldRun run_;
  ScanPlan plan_;
  std::deque<SplitWork> work_;  // references stay valid as it grows
  std::atomic<size_t> next_work_{0};
};

}  // namespace murmur
