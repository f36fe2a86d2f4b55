#include "runtime/loop/scan_runner.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "base/waiting.h"
#include "runtime/loop/begin_anew.h"
#include "runtime/loop/usable.h"

namespace murmur {
namespace {

// Time for a source to see what live has seen.
constexpr std::chrono::milliseconds kReadAgainPause{50};

}  // namespace

ScanRunner::ScanRunner(std::shared_ptr<const Pipeline> pipeline, SnapshotSource* source,
                       StateTable* table, FoldOptions options, TakeHandoff capture)
    : source_(source),
      capture_(std::move(capture)),
      run_(std::move(pipeline), table, std::move(options)) {}

ScanRunner::ScanRunner(std::shared_ptr<const Pipeline> pipeline, SnapshotSource* source,
                       StateTable* table, FoldOptions options, Companion* companion,
                       TakeHandoff capture)
    : source_(source),
      capture_(std::move(capture)),
      companion_(companion),
      run_(std::move(pipeline), table, std::move(options)) {
  run_.is_scan = true;
}

Status ScanRunner::Run(std::stop_token stop) {
  run_.UseFor(stop);
  Status status = RunToEnd(stop);
  return Unasked(std::move(status), stop.stop_requested());
}

std::vector<std::string> ScanRunner::TakeNotes() {
  std::vector<std::string> notes = run_.retrying.TakeNotes();
  for (std::string& note : source_->TakeNotes()) notes.push_back(std::move(note));
  return notes;
}

void ScanRunner::Reset() {
  work_.clear();
  next_work_ = 0;
  run_.Reset();
}

Status ScanRunner::RunToEnd(std::stop_token stop) {
  MURMUR_TRY(Prepare(stop));
  if (run_.TooManyErrors()) {
    run_.Fail(TooManyDeadLetters(run_));
    return Finish(stop);
  }
  do {
    ReadWork(stop);
  } while (FindMore(stop));
  return Finish(stop);
}

void ScanRunner::ReadWork(std::stop_token stop) {
  std::vector<std::jthread> threads;
  for (uint32_t i = 0; i < run_.options.threads; ++i) {
    threads.emplace_back([this, stop] {
      if (Status status = Work(stop); !status.ok()) run_.Fail(std::move(status));
    });
  }
}

// One worker: reads splits one after another, and gathers deltas over them.
Status ScanRunner::Work(std::stop_token stop) {
  const auto worker = run_.MakeWorker();
  Status status;
  while (SplitWork* work = NextWork()) {
    status = ReadSplit(worker.get(), work, stop);
    if (!status.ok() || run_.abort.stop_requested()) break;
  }
  // What was read before an error is good. After a stop it is dropped: returning at once matters
  // more, and the next run reads it again.
  Status committed = stop.stop_requested() ? worker->FinishCommit() : worker->CommitAll();
  return status.ok() ? committed : status;
}

Status ScanRunner::ReadSplit(FoldWorker* worker, SplitWork* work, std::stop_token stop) {
  MURMUR_TRY(ReadOn(worker, work, stop));
  while (work->read_again && !run_.abort.stop_requested()) {
    if (!SleepUnlessStopped(kReadAgainPause, stop)) break;
    MURMUR_TRY(ReadOn(worker, work, stop));
  }
  return {};
}

// Reads from the counted position to the end, or until it must be read again.
Status ScanRunner::ReadOn(FoldWorker* worker, SplitWork* work, std::stop_token stop) {
  worker->BeginRead(work);
  MURMUR_ASSIGN(auto stream,
                source_->Open(work->split, work->progress.position, run_.StreamProjection(), stop));
  while (!work->read_again && !stop.stop_requested() && !run_.abort.stop_requested()) {
    MURMUR_ASSIGN(const ReadState state, stream->Read(stop, worker->EmptyBatch()));
    switch (state) {
      case ReadState::kIdle: MURMUR_TRY(worker->CommitIfDue()); break;
      case ReadState::kRecords: MURMUR_TRY(worker->Count(work)); break;
      case ReadState::kEnd: return worker->End(work);
    }
  }
  return {};
}

bool ScanRunner::FindMore(std::stop_token stop) {
  if (stop.stop_requested() || run_.abort.stop_requested()) return false;
  const auto find = [this, &stop]() -> Status {
    MURMUR_ASSIGN(const auto done, Progress());
    MURMUR_ASSIGN(const auto splits, source_->More(plan_, done, stop));
    next_work_ = work_.size();
    for (const Split& split : splits) AddWork(split, done);
    return {};
  };
  if (Status status = find(); !status.ok()) run_.Fail(std::move(status));
  return next_work_ < work_.size() && !run_.abort.stop_requested();
}

Status ScanRunner::Prepare(std::stop_token stop) {
  MURMUR_ASSIGN(auto plan, run_.table->Plan());
  if (plan) {
    MURMUR_TRY(source_->Resume(*plan, stop));
    plan_ = *std::move(plan);
  } else {
    TableMethod method = TableMethod::kLedger;
    if (companion_ != nullptr) {
      MURMUR_ASSIGN(method, companion_->Choose(stop));
    }
    MURMUR_ASSIGN(const HandoffToken token, capture_ ? capture_(stop) : source_->HandoffNow(stop));
    MURMUR_ASSIGN(plan_, source_->Scan(stop));
    plan_.method = method;
    plan_.deduplicate |= run_.options.overlap_until.has_value();
    MURMUR_TRY(run_.table->Begin(token, plan_));
  }
  MURMUR_TRY(run_.table->SetStatus(VersionStatus::kBuilding, ""));
  if (companion_ != nullptr && source_->IsInOneRead()) MURMUR_TRY(ForgetPartOfRead());
  if (plan_.deduplicate) {
    if (!run_.pipeline->id()) {
      return Status(Code::kFailedPrecondition, "this scan was begun with an `id:`; put it back");
    }
    run_.pending_ids = std::make_unique<PendingIds>(run_.table);
  }
  MURMUR_ASSIGN(const auto done, Progress());
  for (const Split& split : plan_.splits) AddWork(split, done);
  if (companion_ == nullptr) return {};
  MURMUR_ASSIGN(run_.workers, companion_->Begin(plan_, done, stop));
  return {};
}

// A read that can't go on in its middle, and was not finished by an earlier run.
Status ScanRunner::ForgetPartOfRead() {
  MURMUR_ASSIGN(const auto progress, Progress());
  const bool is_part = std::any_of(progress.begin(), progress.end(), [](const auto& split) {
    return split.second.role == SplitRole::kScan && !split.second.position.empty() &&
           !split.second.done;
  });
  if (!is_part) return {};
  Commit commit;
  commit.clear = true;
  MURMUR_ASSIGN(commit.moves, MovesToScanAnew(*run_.table));
  return run_.table->Apply(commit);
}

void ScanRunner::AddWork(const Split& split, const std::map<std::string, SplitProgress>& done) {
  SplitWork work{.split = split, .progress = {}, .committed = {}};
  if (const auto it = done.find(split.id); it != done.end()) work.progress = it->second;
  work.progress.role = SplitRole::kScan;
  work.committed = work.progress.position;
  run_.progress.splits_total += 1;
  run_.progress.bytes_total += split.bytes;
  run_.AddEarlier(work.progress);
  if (!work.progress.done) work_.push_back(std::move(work));
}

Result<std::map<std::string, SplitProgress>> ScanRunner::Progress() const {
  MURMUR_ASSIGN(const auto snapshot, run_.table->Snapshot());
  return snapshot->Progress();
}

SplitWork* ScanRunner::NextWork() {
  const size_t index = next_work_.fetch_add(1);
  return index < work_.size() ? &work_[index] : nullptr;
}

Status ScanRunner::Complete(std::stop_token stop) {
  if (companion_ != nullptr) MURMUR_TRY(companion_->CatchUp(stop));
  MURMUR_ASSIGN(const auto progress, Progress());
  MURMUR_TRY(CheckUsable(*run_.pipeline, progress));
  MURMUR_ASSIGN(ScanEnd end, source_->Finish(plan_, progress, stop));
  end.keep_ids = run_.options.overlap_until.has_value();
  if (companion_ != nullptr) end.assumed_ends = companion_->AssumedEnds();
  return run_.table->Complete(end);
}

Status ScanRunner::Finish(std::stop_token stop) {
  if (!run_.abort.stop_requested() && !stop.stop_requested()) {
    if (Status status = Complete(stop); !status.ok()) run_.Fail(std::move(status));
  }
  if (const Status failure = run_.failure(); !failure.ok()) {
    const Status stored =
        run_.table->SetStatus(VersionStatus::kFailed, std::string(failure.message()));
    if (!stored.ok()) return failure.Annotated(stored.ToString());
    return failure;
  }
  return stop.stop_requested() ? Status(Code::kCancelled, "stopped") : Status();
}

}  // namespace murmur
