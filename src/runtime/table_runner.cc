#include "runtime/table_runner.h"

namespace murmur {

TableRunner::TableRunner(std::shared_ptr<const Pipeline> pipeline, SnapshotSource* rows,
                         LiveSource* changes, StateTable* table, const FoldOptions& scan,
                         const FoldOptions& live)
    : pipeline_(std::move(pipeline)),
      changes_(changes),
      table_(table),
      live_options_(live),
      fold_(RowFold::WithLedger(pipeline_, table, scan, LedgerMethod::Phase::kScanning)),
      scan_(pipeline_, rows, table, scan, fold_, this) {}

TableRunner::~TableRunner() { (void)StopFollowing(); }

Status TableRunner::Run(std::stop_token stop) {
  Status status = scan_.Run(stop);
  (void)StopFollowing();
  return status;
}

LiveRunner TableRunner::NewLive() {
  return LiveRunner(pipeline_, changes_, table_, live_options_, fold_);
}

void TableRunner::Begin(ScanRunner* scan) {
  follower_ = std::jthread([this, scan](std::stop_token stop) {
    followed_ = NewLive().Run(LiveRunner::Until::kStopped, stop);
    if (!stop.stop_requested()) scan->Abort(followed_);
  });
}

Status TableRunner::StopFollowing() {
  if (!follower_.joinable()) return {};
  follower_.request_stop();
  follower_.join();
  return followed_.code() == Code::kCancelled ? Status() : followed_;
}

// The end of live now is behind all that the scan saw.
Status TableRunner::CatchUp(std::stop_token stop) {
  MURMUR_TRY(StopFollowing());
  MURMUR_TRY(fold_->CommitAll());
  MURMUR_TRY(NewLive().Run(LiveRunner::Until::kCaughtUp, stop));
  return fold_->FinishCommit();
}

}  // namespace murmur
