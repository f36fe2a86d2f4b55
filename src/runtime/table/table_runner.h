// The bootstrap of a table whose rows change meanwhile: a scan of its rows, and live from the first
// second, so that changes are not lost from the log however long the scan takes. Both fold into one
// RowFold (row_fold.h). When all rows are read, live goes on until it has passed the end of the log
// as it was then. From there on, the state is that of the table at every position of live.
//
// After a crash anywhere, run again with the same table.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "fold/pipeline.h"
#include "murmur/source.h"
#include "murmur/state.h"
#include "murmur/status.h"
#include "runtime/loop/live_runner.h"
#include "runtime/loop/scan_runner.h"
#include "runtime/table/row_fold.h"

namespace murmur {

class TableRunner final : private ScanRunner::Companion {
 public:
  // All outlive the runner. `live`: options of live; the commits of both follow `scan`. `as_of`:
  // builds, by cuts and in a new table, the state of the rows at these positions of live. Run then
  // also returns kFailedPrecondition (cuts are no longer possible; why) and kUnavailable (the
  // source does not show what had happened by then).
  TableRunner(std::shared_ptr<const Pipeline> pipeline, SnapshotSource* rows, LiveSource* changes,
              StateTable* table, const FoldOptions& scan, const FoldOptions& live,
              std::optional<LiveSource::PositionMap> as_of = {});
  ~TableRunner() override;

  // As ScanRunner::Run; the errors of LiveRunner::Run too.
  Status Run(std::stop_token stop);

  const FoldProgress& progress() const noexcept { return scan_.progress(); }
  // Of live. Threads: any.
  LiveLag Lag() const;
  std::vector<std::string> TakeNotes();

 private:
  Result<TableMethod> Choose(std::stop_token stop) override;
  Result<std::shared_ptr<WorkerFactory>> Begin(const ScanPlan& plan, const ProgressMap& progress,
                                               std::stop_token stop) override;
  Status CatchUp(std::stop_token stop) override;
  LiveSource::PositionMap AssumedEnds() const override;
  ScanRunner::TakeHandoff CaptureFor(const std::optional<LiveSource::PositionMap>& as_of);
  Result<LiveSource::PositionMap> LivePositions(const ScanPlan& plan, const ProgressMap& progress,
                                                std::stop_token stop);
  Status FollowToEnd(const std::stop_token& stop);
  // Stops following and returns how it ended.
  Status StopFollowing();
  std::shared_ptr<LiveRunner> NewLive();
  std::shared_ptr<LiveRunner> Live() const;
  // Estimates when all rows are read, from the speed so far; empty: unknown.
  std::optional<double> ScanSeconds() const;

  const std::shared_ptr<const Pipeline> pipeline_;
  SnapshotSource* const rows_;
  LiveSource* const changes_;
  StateTable* const table_;
  RetryingTable retrying_;  // the fold of both commits to it
  const FoldOptions scan_options_, live_options_;
  const std::optional<LiveSource::PositionMap> as_of_;
  std::string log_hold_;           // of the version, since Run; empty: none
  std::shared_ptr<RowFold> fold_;  // since Begin
  ScanRunner scan_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  mutable std::mutex mutex_;
  std::shared_ptr<LiveRunner> following_;  // under mutex_; null: not yet
  std::vector<std::string> notes_;         // under mutex_; of runners that followed before
  Status followed_;                        // written by the thread
  std::jthread follower_;
};

}  // namespace murmur
