#include "runtime/table/table_runner.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/waiting.h"
#include "runtime/table/choose_method.h"
#include "runtime/table/handoff_after.h"

namespace murmur {
namespace {

constexpr std::chrono::milliseconds kCatchUpPause{200};

}  // namespace

TableRunner::TableRunner(std::shared_ptr<const Pipeline> pipeline, SnapshotSource* rows,
                         LiveSource* changes, StateTable* table, const FoldOptions& scan,
                         const FoldOptions& live, std::optional<LiveSource::PositionMap> as_of)
    : pipeline_(std::move(pipeline)),
      rows_(rows),
      changes_(changes),
      table_(table),
      retrying_(table, scan.store_pace, scan.feed.get()),
      scan_options_(scan),
      live_options_(live),
      as_of_(std::move(as_of)),
      scan_(pipeline_, rows, table, scan, this, CaptureFor(as_of_)) {}

TableRunner::~TableRunner() { (void)StopFollowing(); }

Status TableRunner::Run(std::stop_token stop) {
  retrying_.UseFor(stop);
  MURMUR_ASSIGN(const VersionInfo info, retrying_.Info());
  log_hold_ = info.log_hold;
  if (!log_hold_.empty()) changes_->ReadThrough(log_hold_);
  if (as_of_) MURMUR_TRY(StorePositions(*as_of_, &retrying_));  // live goes on from there
  for (;;) {
    Status status = scan_.Run(stop);
    (void)StopFollowing();
    if (!status.ok() || !fold_ || !fold_->begins_anew()) return status;
    scan_.Reset();
  }
}

ScanRunner::TakeHandoff TableRunner::CaptureFor(
    const std::optional<LiveSource::PositionMap>& as_of) {
  if (as_of) {
    return [this](std::stop_token stop) {
      return HandoffAfter(rows_, changes_, *as_of_, std::move(stop));
    };
  }
  return [this](std::stop_token stop) {
    return log_hold_.empty() ? rows_->HandoffNow(std::move(stop))
                             : changes_->Hold(log_hold_, std::move(stop));
  };
}

std::shared_ptr<LiveRunner> TableRunner::NewLive() {
  auto live = std::make_shared<LiveRunner>(
      pipeline_, changes_, table_, live_options_,
      [fold = fold_](StateTable* /*table*/) { return std::shared_ptr<WorkerFactory>(fold); });
  live->RunBeside([this] { return ScanSeconds(); });
  const std::lock_guard lock(mutex_);
  if (following_) {
    for (std::string& note : following_->TakeNotes()) notes_.push_back(std::move(note));
  }
  following_ = live;
  return live;
}

std::shared_ptr<LiveRunner> TableRunner::Live() const {
  const std::lock_guard lock(mutex_);
  return following_;
}

LiveLag TableRunner::Lag() const {
  const auto live = Live();
  return live ? live->Lag() : LiveLag();
}

std::vector<std::string> TableRunner::TakeNotes() {
  std::vector<std::string> notes = retrying_.TakeNotes();
  const auto add = [&notes](std::vector<std::string> more) {
    std::move(more.begin(), more.end(), std::back_inserter(notes));
  };
  add(scan_.TakeNotes());
  const std::lock_guard lock(mutex_);
  add(std::exchange(notes_, {}));
  add(following_ ? following_->TakeNotes() : changes_->TakeNotes());
  return notes;
}

std::optional<double> TableRunner::ScanSeconds() const {
  const FoldProgress& scan = progress();
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin_;
  const auto read = static_cast<double>(scan.bytes_this_run);
  if (read == 0) return std::nullopt;
  const double all = static_cast<double>(scan.bytes_total);
  return std::max(0.0, all - static_cast<double>(scan.bytes)) * passed.count() / read;
}

Result<TableMethod> TableRunner::Choose(std::stop_token stop) {
  MURMUR_ASSIGN(const ChosenMethod chosen, ChooseMethod(pipeline_->definition(), rows_, stop));
  if (!as_of_ || chosen.method == TableMethod::kCut) return chosen.method;
  return Status(Code::kFailedPrecondition, "cuts are not possible by now: " + chosen.why);
}

Result<std::shared_ptr<WorkerFactory>> TableRunner::Begin(const ScanPlan& plan,
                                                          const ProgressMap& progress,
                                                          std::stop_token stop) {
  MURMUR_ASSIGN(fold_, RowFold::OfScan(pipeline_, &retrying_, scan_options_, *rows_, plan, progress,
                                       as_of_ ? RowsAsOf::kBegin : RowsAsOf::kPosition));
  MURMUR_ASSIGN(const auto positions, LivePositions(plan, progress, stop));
  for (const auto& [split, position] : positions) {
    MURMUR_ASSIGN(const std::string place, changes_->PlaceOf(position));
    fold_->BeginAfter(place);
  }
  follower_ = std::jthread([this](std::stop_token stopped) {
    followed_ = NewLive()->Run(LiveRunner::Until::kStopped, stopped);
    if (fold_->begins_anew()) {
      scan_.Interrupt();
    } else if (!stopped.stop_requested()) {
      scan_.Abort(followed_);
    }
  });
  return std::shared_ptr<WorkerFactory>(fold_);
}

// Where live goes on, or will begin.
Result<LiveSource::PositionMap> TableRunner::LivePositions(const ScanPlan& plan,
                                                           const ProgressMap& progress,
                                                           std::stop_token stop) {
  if (!HasLivePositions(progress, plan)) {
    MURMUR_ASSIGN(const auto token, retrying_.Token());
    MURMUR_ASSIGN(const auto splits, changes_->Splits(stop));
    return changes_->Begin(splits, token.value_or(HandoffToken()), stop);
  }
  LiveSource::PositionMap positions;
  for (const auto& [split, earlier] : progress) {
    if (earlier.role != SplitRole::kMark) positions[split] = earlier.position;
  }
  for (const Split& split : plan.splits) positions.erase(split.id);
  return positions;
}

Status TableRunner::StopFollowing() {
  if (!follower_.joinable()) return {};
  follower_.request_stop();
  follower_.join();
  return followed_.code() == Code::kCancelled ? Status() : followed_;
}

// Reads on until live has passed its present end, which lies after all that the scan saw.
Status TableRunner::CatchUp(std::stop_token stop) {
  MURMUR_TRY(StopFollowing());
  MURMUR_TRY(fold_->CommitAll());
  MURMUR_TRY(FollowToEnd(stop));
  // The server that says where live ends may lag behind what was read.
  while (!fold_->settled() && SleepUnlessStopped(kCatchUpPause, stop)) {
    MURMUR_TRY(FollowToEnd(stop));
  }
  if (stop.stop_requested()) return Status(Code::kCancelled, "stopped");
  return fold_->FinishCommit();
}

LiveSource::PositionMap TableRunner::AssumedEnds() const {
  const auto live = Live();
  return live ? live->AssumedEnds() : LiveSource::PositionMap();
}

Status TableRunner::FollowToEnd(const std::stop_token& stop) {
  Status status = NewLive()->Run(LiveRunner::Until::kCaughtUp, stop);
  if (!fold_->begins_anew()) return status;
  scan_.Interrupt();
  return Status(Code::kCancelled, "the scan begins anew");
}

}  // namespace murmur
