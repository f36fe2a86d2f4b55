// The bootstrap of a table whose rows change meanwhile: a scan of its rows, and live beside it from
// the first second, so that no scan is so long that the changes since its begin are gone. Both fold
// into one place (row_fold.h). When all rows are read, live goes on until it has passed all that
// had happened by then; from there on the state is that of the table, at every position of live.
//
// Crash anywhere: run again with the same table.
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
#include "runtime/live_runner.h"
#include "runtime/row_fold.h"
#include "runtime/scan_runner.h"

namespace murmur {

class TableRunner final : private ScanRunner::Companion {
 public:
  // All outlive the runner. `live`: how live runs; the commits of both go by `scan`.
  // `as_of`: by cuts, into a new table, the rows as they were at these positions of live. Then Run
  // also has the errors kFailedPrecondition (cuts are not possible by now; why) and kUnavailable
  // (the source does not show what had happened by then).
  TableRunner(std::shared_ptr<const Pipeline> pipeline, SnapshotSource* rows, LiveSource* changes,
              StateTable* table, const FoldOptions& scan, const FoldOptions& live,
              std::optional<LiveSource::PositionMap> as_of = {});
  ~TableRunner() override;

  // As ScanRunner::Run; the errors of LiveRunner::Run too.
  Status Run(std::stop_token stop);

  const FoldProgress& progress() const noexcept { return scan_.progress(); }
  // Of live; from any thread.
  LiveLag Lag() const;
  std::vector<std::string> TakeNotes();

 private:
  Result<TableMethod> Choose(std::stop_token stop) override;
  Result<std::shared_ptr<RowFold>> Begin(const ScanPlan& plan, const ProgressMap& progress,
                                         std::stop_token stop) override;
  Status CatchUp(std::stop_token stop) override;
  ScanRunner::CaptureHandoff CaptureFor(const std::optional<LiveSource::PositionMap>& as_of);
  Result<LiveSource::PositionMap> LivePositions(const ScanPlan& plan, const ProgressMap& progress,
                                                std::stop_token stop);
  // How following beside the scan ended.
  Status StopFollowing();
  std::shared_ptr<LiveRunner> NewLive();
  std::shared_ptr<LiveRunner> Live() const;
  // Until all rows are read, by how fast they were so far; empty: nobody knows.
  std::optional<double> ScanSeconds() const;

  const std::shared_ptr<const Pipeline> pipeline_;
  SnapshotSource* const rows_;
  LiveSource* const changes_;
  StateTable* const table_;
  RetryingTable retrying_;  // what the fold of both commits to
  const FoldOptions scan_options_, live_options_;
  const std::optional<LiveSource::PositionMap> as_of_;
  std::shared_ptr<RowFold> fold_;  // since Begin
  ScanRunner scan_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  mutable std::mutex mutex_;
  std::shared_ptr<LiveRunner> following_;  // under mutex_; null: not yet
  std::vector<std::string> notes_;         // under mutex_; of those that followed before
  Status followed_;                        // written by the thread
  std::jthread follower_;
};

}  // namespace murmur
