#include "runtime/loop/fold_worker.h"

#include <algorithm>

#include "base/shown.h"
#include "runtime/loop/event_worker.h"
#include "state/progress.h"

namespace murmur {

std::unique_ptr<FoldWorker> FoldRun::MakeWorker() {
  if (workers) return workers->MakeWorker(this);
  return std::make_unique<EventWorker>(this);
}

Projection FoldRun::StreamProjection() const {
  Projection projection = pipeline->projection();
  projection.before = workers && workers->needs_before();
  return projection;
}

void FoldRun::AddEarlier(const SplitProgress& earlier) {
  progress.bytes += earlier.bytes;
  progress.records += earlier.records;
  progress.dead += DeadCount(earlier);
  progress.splits_done += IsReadToEnd(earlier) ? 1 : 0;
  newest_time = std::max(newest_time.load(), earlier.newest_time);
}

void FoldRun::Fail(Status status) {
  {
    const std::lock_guard lock(mutex_);
    if (status.ok()) status = Status(Code::kInternal, "a part of the run ended without a reason");
    status = Unasked(std::move(status), stop.stop_requested() || abort.stop_requested());
    if (failure_.ok() && status.code() != Code::kCancelled) failure_ = std::move(status);
  }
  abort.request_stop();
}

void FoldRun::Reset() {
  abort = std::stop_source();
  workers.reset();
  progress.bytes_total = 0;
  progress.bytes = 0;
  progress.records = 0;
  progress.dead = 0;
  progress.splits_total = 0;
  progress.splits_done = 0;
}

Status FoldRun::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

Status Unasked(Status status, bool asked) {
  if (asked || status.code() != Code::kCancelled) return status;
  return Status(Code::kUnavailable, "ended though nobody asked it to stop: " +
                                        std::string(status.message()) + "; run it again to go on");
}

Folder::Context FoldRun::Context() const {
  const int64_t ahead = std::chrono::microseconds(options.max_ahead).count();
  return {.latest_time = options.clock->WallMicros() + ahead,
          .newest_known = newest_time.load(std::memory_order_relaxed),
          .times = options.times};
}

void FoldRun::NoteFolded(const SplitProgress& before, const SplitProgress& after) {
  int64_t newest = newest_time.load(std::memory_order_relaxed);
  while (after.newest_time > newest &&
         !newest_time.compare_exchange_weak(newest, after.newest_time)) {
  }
  progress.bytes.fetch_add(after.bytes - before.bytes, std::memory_order_relaxed);
  progress.bytes_this_run.fetch_add(after.bytes - before.bytes, std::memory_order_relaxed);
  progress.records.fetch_add(after.records - before.records, std::memory_order_relaxed);
  progress.records_this_run.fetch_add(after.records - before.records, std::memory_order_relaxed);
  progress.dead.fetch_add(DeadCount(after) - DeadCount(before), std::memory_order_relaxed);
}

std::string ShownLast(const DeadLetter& letter) {
  return "; last: " + PlaceOf(letter) + ": " + std::string(DeadReasonName(letter.reason)) + ": " +
         letter.detail;
}

Status TooManyDeadLetters(const FoldRun& run, const std::string& last) {
  return Status(Code::kFailedPrecondition, Counted(run.progress.dead, "record") +
                                               " could not be counted, more than max_errors: " +
                                               std::to_string(run.options.max_errors) + last);
}

}  // namespace murmur
