// The fold of a table source: the state is the fold over the rows as they are now. A scan and live
// read the same rows at the same time, each at its own pace. Their batches meet here, one at a
// time, and a method (row_method.h) decides what has been counted already. Deltas, what the method
// remembers, and the positions of both are one commit.
//
// Memory: uncommitted data, within options.delta_bytes.
// Threads: every method may be called at once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "fold/absent_fields.h"
#include "runtime/loop/committer.h"
#include "runtime/loop/fold_worker.h"
#include "runtime/table/cuts/cut_map.h"
#include "runtime/table/cuts/cut_method.h"
#include "runtime/table/ledger/ledger_method.h"
#include "runtime/table/row_deltas.h"
#include "runtime/table/row_method.h"

namespace murmur {

class RowFold final : public WorkerFactory, public std::enable_shared_from_this<RowFold> {
 public:
  // `table` outlives it, in all three functions.
  static std::shared_ptr<RowFold> WithLedger(const std::shared_ptr<const Pipeline>& pipeline,
                                             StateTable* table, const FoldOptions& options,
                                             LedgerMethod::Phase phase);
  static std::shared_ptr<RowFold> WithCuts(const std::shared_ptr<const Pipeline>& pipeline,
                                           StateTable* table, const FoldOptions& options,
                                           CutMap cuts, RowsAsOf as_of = RowsAsOf::kPosition);
  // For a scan with live at the same time, by the method of the scan's plan. `source` has resumed
  // the plan; `progress` is that of its splits. Errors: kFailedPrecondition (the definition no
  // longer allows the method). kBegin: REQUIRES cuts
  static Result<std::shared_ptr<RowFold>> OfScan(const std::shared_ptr<const Pipeline>& pipeline,
                                                 StateTable* table, const FoldOptions& options,
                                                 const SnapshotSource& source, const ScanPlan& plan,
                                                 const SnapshotSource::ProgressMap& progress,
                                                 RowsAsOf as_of = RowsAsOf::kPosition);
  // For live without a scan, by the method of the table's plan. Errors: as OfScan.
  static Result<std::shared_ptr<RowFold>> OfLive(const std::shared_ptr<const Pipeline>& pipeline,
                                                 StateTable* table, const FoldOptions& options);

  std::unique_ptr<FoldWorker> MakeWorker(FoldRun* run) override;
  bool needs_before() const noexcept override { return method_->needs_before(); }

  // Whether all rows were removed at once while a scan was under way (TableRows::cleared). Then the
  // state is empty, the scan's splits are unread, nothing more is counted, and the scan must begin
  // again with a new RowFold.
  bool begins_anew() const;

  // Whether live has passed the read points of all reads. From then on it no longer needs them.
  bool settled() const;

  // Live begins after `place` in the log. Call it before anything is counted.
  void BeginAfter(std::string_view place) { method_->BeginAfter(place); }

  // Live waits here before it counts, while reads of a scan have too many held changes; for at most
  // kRoomPatience unless a read can't start again, or until `run` must end.
  void WaitForRoom(const FoldRun& run);

  // As FoldWorker. `run` says whether the batch is from a scan; it outlives its Detach.
  void BeginRead(const SplitWork& work);
  Status Count(FoldRun* run, SplitWork* work, RecordBatch* batch);
  Status End(FoldRun* run, SplitWork* work, const RecordBatch& batch);
  Status CommitIfDue();
  std::optional<std::chrono::steady_clock::time_point> CommitDue() const;
  Status CommitAll();
  Status FinishCommit();

  std::vector<std::string> TakeNotes() override;

  // `run` is not used any more after this.
  void Detach(const FoldRun* run);

 private:
  using MakeMethod = std::function<std::unique_ptr<RowMethod>(RowDeltas* deltas)>;
  struct MovedSplit {
    FoldRun* run = nullptr;  // null: it has ended
    Position committed;      // committed, or being committed
    std::optional<SplitProgress> pending;
  };
  using Moves = std::vector<std::pair<FoldRun*, SplitMove>>;

  // `scans`: a scan is under way.
  RowFold(std::shared_ptr<const Pipeline> pipeline, StateTable* table, const FoldOptions& options,
          bool scans, const MakeMethod& make_method);

  Status LoadSnapshots();
  Status NoteSnapshots(const RecordBatch& batch);
  Status TellOfSecondSnapshot(const std::string& topic);
  // Windows expire by the newest time that the version has seen, in earlier runs too.
  static Result<std::shared_ptr<RowFold>> AtNewestTime(std::shared_ptr<RowFold> fold);
  void NoteMoved(FoldRun* run, SplitWork* work);
  Status CountClear(FoldRun* run, SplitWork* work, const RecordBatch& batch);
  Moves TakeMoves(Commit* commit);
  static void TellOfMoves(const Moves& moves);
  size_t PendingBytes() const { return deltas_.bytes() + method_->PendingBytes(); }
  std::chrono::steady_clock::time_point NextCommit() const;
  bool IsCommitDue() const;
  Status BeginCommit();
  Status FinishCommitUnderLock();
  Status Store(Commit commit, const Moves& moves);

  StateTable* const table_;
  const FoldOptions options_;
  const bool scans_;

  std::condition_variable room_;
  mutable std::mutex mutex_;  // guards the members below
  AbsentFields absent_;
  RowDeltas deltas_;
  const std::unique_ptr<RowMethod> method_;
  std::map<std::string, MovedSplit> splits_;
  bool begins_anew_ = false;
  // Per topic, the place of the last snapshot that gave rows, as text.
  struct SnapshotPlace {
    Position committed;  // committed, or being committed
    Position now;
  };
  std::map<std::string, SnapshotPlace> snapshots_;
  std::set<std::string> told_;  // topics for which a second snapshot was reported
  std::vector<std::string> notes_;
  RowDeltas::Tables spare_;       // empty; null while a commit has them
  RowDeltas::Tables committing_;  // of the commit that has been started
  // Last: its thread ends before the other members are destroyed. It fails with the first batch
  // that could not be counted whole: nothing of it may be stored.
  Committer committer_;
};

// Passes its batches to the RowFold of its run.
class RowWorker final : public FoldWorker {
 public:
  RowWorker(FoldRun* run, std::shared_ptr<RowFold> rows)
      : FoldWorker(run), rows_(std::move(rows)) {}
  ~RowWorker() override { rows_->Detach(&run_); }

  void BeginRead(SplitWork* work) override;
  Status Count(SplitWork* work) override;
  Status End(SplitWork* work) override { return rows_->End(&run_, work, batch_); }
  Status CommitIfDue() override { return rows_->CommitIfDue(); }
  std::optional<std::chrono::steady_clock::time_point> CommitDue() const override {
    return rows_->CommitDue();
  }
  Status CommitAll() override { return rows_->CommitAll(); }
  Status FinishCommit() override { return rows_->FinishCommit(); }

 private:
  const std::shared_ptr<RowFold> rows_;
};

}  // namespace murmur
