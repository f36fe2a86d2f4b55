#include "runtime/verify/change_follower.h"

#include <algorithm>
#include <chrono>

#include "base/shown.h"
#include "runtime/loop/fold_worker.h"

namespace murmur {
namespace {

// The source is read again after this time even if nobody wakes the thread.
constexpr std::chrono::milliseconds kIdleWait{500};

}  // namespace

ChangeFollower::ChangeFollower(LiveSource* source, Projection projection, size_t rows_max)
    : source_(source), projection_(std::move(projection)), rows_max_(rows_max) {}

ChangeFollower::~ChangeFollower() = default;

void ChangeFollower::Start(const std::vector<Split>& splits, const LiveSource::PositionMap& from) {
  added_ = splits;
  positions_ = from;
  thread_ = std::jthread([this](std::stop_token stop) {
    Status status = Follow(stop);
    status = Unasked(std::move(status), stop.stop_requested());
    const std::lock_guard lock(mutex_);
    failure_ = std::move(status);
    changed_.notify_all();
  });
}

Status ChangeFollower::Follow(const std::stop_token& stop) {
  RecordBatch batch(projection_);
  while (!stop.stop_requested()) {
    MURMUR_TRY(OpenAdded(stop));
    bool idle = true;
    for (const Reading& reading : readings_) {
      batch.Clear();
      MURMUR_ASSIGN(const ReadState state, reading.stream->Read(stop, &batch));
      if (state != ReadState::kRecords) continue;
      idle = false;
      MURMUR_TRY(Note(reading.split, batch));
    }
    if (idle) wakeup_->WaitUntil(std::chrono::steady_clock::now() + kIdleWait, stop);
  }
  return Status(Code::kCancelled, "stopped");
}

Status ChangeFollower::OpenAdded(const std::stop_token& stop) {
  std::vector<Split> added;
  LiveSource::PositionMap positions;
  {
    const std::lock_guard lock(mutex_);
    added.swap(added_);
    if (!added.empty()) positions = positions_;
  }
  for (const Split& split : added) {
    MURMUR_ASSIGN(auto stream, source_->Open(
                                   split, positions[split.id], projection_,
                                   [wakeup = wakeup_] { wakeup->Notify(); }, stop));
    readings_.push_back({split.id, std::move(stream)});
  }
  return {};
}

Status ChangeFollower::Note(const std::string& split, const RecordBatch& batch) {
  if (batch.table->cleared) {
    return Status(Code::kUnavailable, "the table was truncated meanwhile: verify again");
  }
  const std::lock_guard lock(mutex_);
  for (uint32_t row = 0; row < batch.rows; ++row)
    rows_[HashRow(batch.table->row_keys[row])] = span_;
  positions_[split] = batch.after;
  changed_.notify_all();
  if (rows_.size() <= rows_max_) return {};
  return Status(Code::kResourceExhausted,
                "more than " + Counted(rows_max_, "row") +
                    " changed meanwhile, which is more than can be told apart within "
                    "`memory`; try again when less is written, or with more of it");
}

bool ChangeFollower::HasReached(const LiveSource::PositionMap& ends) const {
  return std::all_of(ends.begin(), ends.end(), [this](const auto& end) {
    const auto it = positions_.find(end.first);
    return it != positions_.end() && source_->Distance(it->second, end.second) == 0;
  });
}

Status ChangeFollower::Reach(const std::vector<Split>& splits, const LiveSource::PositionMap& ends,
                             std::stop_token stop) {
  std::unique_lock lock(mutex_);
  for (const Split& split : splits) {
    if (positions_.try_emplace(split.id).second) added_.push_back(split);
  }
  wakeup_->Notify();
  const bool done = changed_.wait(lock, stop, [&] { return !failure_.ok() || HasReached(ends); });
  if (!done) return Status(Code::kCancelled, "stopped");
  return failure_;
}

void ChangeFollower::NextSpan() {
  const std::lock_guard lock(mutex_);
  ++span_;
}

bool ChangeFollower::ChangedSince(const RowHash& row, uint32_t span) const {
  const std::lock_guard lock(mutex_);
  const auto it = rows_.find(row);
  return it != rows_.end() && it->second >= span;
}

}  // namespace murmur
