// The loop over what is finite, a snapshot or a range of history: splits → batches → fold → commit,
// by a number of workers, until every split of the scan is done. A worker owns a split from read to
// commit; workers share the state table only.
//
// Crash anywhere: run again with the same table, and the result is that of an uninterrupted run;
// what was read again is at most what no commit had covered.
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
#include "runtime/fold_worker.h"

namespace murmur {

class ScanRunner {
 public:
  // Where live must start; SnapshotSource::CaptureHandoff, unless live itself is to say.
  using CaptureHandoff = std::function<Result<HandoffToken>(std::stop_token stop)>;

  // What follows the rows of a table while they are scanned.
  class Companion {
   public:
    virtual ~Companion() = default;
    // How the rows of a new scan are to be told from what live brings.
    virtual Result<TableMethod> Choose(std::stop_token stop) = 0;
    // The scan begins: its token and its plan are stored. Returns what it folds into.
    using ProgressMap = SnapshotSource::ProgressMap;
    virtual Result<std::shared_ptr<RowFold>> Begin(const ScanPlan& plan,
                                                   const ProgressMap& progress,
                                                   std::stop_token stop) = 0;
    // Everything has been read: returns when the version may be complete.
    virtual Status CatchUp(std::stop_token stop) = 0;
  };

  // All outlive the runner.
  ScanRunner(std::shared_ptr<const Pipeline> pipeline, SnapshotSource* source, StateTable* table,
             FoldOptions options, CaptureHandoff capture = {});
  // Of a table's rows.
  ScanRunner(std::shared_ptr<const Pipeline> pipeline, SnapshotSource* source, StateTable* table,
             FoldOptions options, Companion* companion, CaptureHandoff capture = {});

  // Captures the hand-off token and the plan if the table has none yet, else takes up the plan;
  // reads every split to its end; sets the table's status to complete, or failed with the reason.
  // Errors: kCancelled (stop; the committed state is good), kFailedPrecondition (more dead letters
  // than max_errors, an object changed), and those of source and table.
  Status Run(std::stop_token stop);
  // Ends the run with `failure`, from any thread.
  void Abort(Status failure) { run_.Fail(std::move(failure)); }

  const FoldProgress& progress() const noexcept { return run_.progress; }
  // What a user should know, once; from any thread.
  std::vector<std::string> TakeNotes() { return run_.retrying.TakeNotes(); }

 private:
  Status RunToEnd(std::stop_token stop);
  Status Prepare(std::stop_token stop);
  void AddWork(const Split& split, const std::map<std::string, SplitProgress>& done);
  void ReadWork(std::stop_token stop);
  Status Work(std::stop_token stop);
  Status ReadSplit(FoldWorker* worker, SplitWork* work, std::stop_token stop);
  Status ReadOn(FoldWorker* worker, SplitWork* work, std::stop_token stop);
  // Splits that show only now; false: none, or the run has ended otherwise.
  bool FindMore(std::stop_token stop);
  Result<std::map<std::string, SplitProgress>> Progress() const;
  SplitWork* NextWork();
  Status Complete(std::stop_token stop);
  Status Finish(std::stop_token stop);

  SnapshotSource* const source_;
  const CaptureHandoff capture_;
  Companion* const companion_ = nullptr;
  FoldRun run_;
  ScanPlan plan_;
  std::deque<SplitWork> work_;  // stays where it is as more comes
  std::atomic<size_t> next_work_{0};
};

}  // namespace murmur
