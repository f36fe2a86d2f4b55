#include "runtime/fold_worker.h"

#include <algorithm>

#include "state/progress.h"

namespace murmur {
namespace {

constexpr size_t kPendingDeadLetterBytes = size_t{8} << 20;

// A table's groups in ascending order of key, as a commit wants them.
class TableCursor final : public DeltaCursor {
 public:
  explicit TableCursor(GroupTable* table) : table_(table) {
    table->Settle();
    table->Sort(&order_);
  }

  bool Next(std::string_view* key, std::string_view* value) override {
    if (next_ == order_.size()) return false;
    if (next_ + 2 * kAhead < order_.size()) table_->PrefetchGroup(order_[next_ + 2 * kAhead]);
    if (next_ + kAhead < order_.size()) table_->PrefetchStates(order_[next_ + kAhead]);
    const uint32_t group = order_[next_++];
    value_.clear();
    table_->EncodeValue(group, &value_);
    *key = table_->Key(group);
    *value = value_;
    return true;
  }

 private:
  static constexpr size_t kAhead = 20;
  GroupTable* table_;
  std::vector<uint32_t> order_;
  size_t next_ = 0;
  std::string value_;
};

}  // namespace

void FoldRun::AddEarlier(const SplitProgress& earlier) {
  progress.bytes += earlier.bytes;
  progress.records += earlier.records;
  progress.dead += DeadCount(earlier);
  progress.splits_done += earlier.done ? 1 : 0;
  newest_time = std::max(newest_time.load(), earlier.newest_time);
}

void FoldRun::Fail(Status status) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_.ok() && status.code() != Code::kCancelled) failure_ = std::move(status);
  }
  abort.request_stop();
}

Status FoldRun::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

Status TooManyDeadLetters(const FoldRun& run, const std::string& last) {
  return Status(Code::kFailedPrecondition,
                std::to_string(run.progress.dead) +
                    " records could not be counted, more than max_errors: " +
                    std::to_string(run.options.max_errors) + last);
}

FoldWorker::FoldWorker(FoldRun* run)
    : run_(*run),
      folder_(run->pipeline),
      spare_(std::make_unique<GroupTable>(run->pipeline->Monoids())),
      batch_(run->pipeline->projection()),
      last_commit_(run->options.clock->Steady()) {
  if (run_.pending_ids || run_.options.overlap_until) id_reader_.emplace(run->pipeline);
}

Status FoldWorker::Count(SplitWork* work) {
  if (run_.pending_ids) MURMUR_TRY(DropDuplicates(work));
  if (run_.skip_known_ids) MURMUR_TRY(DropKnown(work));
  Fold(work);
  NoteMoved(work);
  if (run_.TooManyErrors()) return TooManyErrors();
  return CommitIfDue();
}

void FoldWorker::End(SplitWork* work) {
  work->progress.done = true;
  NoteMoved(work);
  run_.progress.splits_done.fetch_add(1, std::memory_order_relaxed);
}

Status FoldWorker::DropDuplicates(SplitWork* work) {
  id_reader_->Read(&batch_, &batch_ids_);
  MURMUR_ASSIGN(const auto claimed, run_.pending_ids->Claim(batch_ids_));
  for (size_t row = 0; row < claimed.size(); ++row) {
    if (!claimed[row]) {
      ++work->progress.duplicates;
      continue;
    }
    id_bytes_ += batch_ids_[row].size() + kIdOverhead;
    ids_.push_back(std::move(batch_ids_[row]));
  }
  KeepRows(claimed, &batch_);
  return {};
}

Status FoldWorker::DropKnown(SplitWork* work) {
  id_reader_->Read(&batch_, &batch_ids_);
  MURMUR_ASSIGN(auto keep, run_.table->HasIds(batch_ids_));
  keep.flip();
  work->progress.duplicates += static_cast<uint64_t>(std::count(keep.begin(), keep.end(), false));
  KeepRows(keep, &batch_);
  return {};
}

void FoldWorker::Fold(SplitWork* work) {
  const FoldOptions& options = run_.options;
  const int64_t ahead = std::chrono::microseconds(options.max_ahead).count();
  const Folder::Context context{.latest_time = options.clock->WallMicros() + ahead,
                                .newest_known = run_.newest_time.load(std::memory_order_relaxed),
                                .times = options.times};
  SplitProgress& progress = work->progress;
  const uint64_t records = progress.records;
  const size_t dead = dead_letters_.size();
  folder_.Fold(context, &batch_, &progress, &dead_letters_);
  progress.position = batch_.after;

  for (size_t i = dead; i < dead_letters_.size(); ++i) dead_bytes_ += dead_letters_[i].raw.size();
  int64_t newest = run_.newest_time.load(std::memory_order_relaxed);
  while (progress.newest_time > newest &&
         !run_.newest_time.compare_exchange_weak(newest, progress.newest_time)) {
  }
  FoldProgress& counters = run_.progress;
  counters.bytes.fetch_add(batch_.bytes, std::memory_order_relaxed);
  counters.bytes_this_run.fetch_add(batch_.bytes, std::memory_order_relaxed);
  counters.records.fetch_add(progress.records - records, std::memory_order_relaxed);
  counters.records_this_run.fetch_add(progress.records - records, std::memory_order_relaxed);
  counters.dead.fetch_add(dead_letters_.size() - dead, std::memory_order_relaxed);
}

void FoldWorker::NoteMoved(SplitWork* work) {
  if (work->moved) return;
  work->moved = true;
  moved_.push_back(work);
}

bool FoldWorker::IsCommitDue() const {
  const FoldOptions& options = run_.options;
  return folder_.table().bytes() + id_bytes_ >= options.delta_bytes / options.threads / kTables ||
         dead_bytes_ >= kPendingDeadLetterBytes ||
         options.clock->Steady() - last_commit_ >= options.commit_every;
}

Status FoldWorker::CommitIfDue() { return IsCommitDue() ? BeginCommit() : Status(); }

std::optional<std::chrono::steady_clock::time_point> FoldWorker::CommitDue() const {
  if (moved_.empty()) return std::nullopt;
  return last_commit_ + run_.options.commit_every;
}

// Hands everything since the last commit to a thread that commits it, after the one before.
Status FoldWorker::BeginCommit() {
  MURMUR_TRY(FinishCommit());
  last_commit_ = run_.options.clock->Steady();
  if (moved_.empty()) return {};
  Commit commit{.moves = {},
                .deltas = nullptr,
                .dead_letters = std::move(dead_letters_),
                .ids = std::move(ids_)};
  for (SplitWork* work : moved_) {
    commit.moves.push_back(
        {.split = work->split.id, .from = std::move(work->committed), .to = work->progress});
    work->committed = work->progress.position;
    work->moved = false;
  }
  moved_.clear();
  dead_letters_.clear();
  dead_bytes_ = 0;
  ids_.clear();
  id_bytes_ = 0;
  committing_ = folder_.ExchangeTable(std::move(spare_));
  commit_ = std::async(std::launch::async, [this, commit = std::move(commit)]() mutable {
    TableCursor cursor(committing_.get());
    commit.deltas = &cursor;
    commit.delta_count = committing_->size();
    MURMUR_TRY(run_.table->Apply(commit));
    if (run_.pending_ids) run_.pending_ids->Forget(commit.ids);
    committing_->Clear();
    run_.progress.commits.fetch_add(1, std::memory_order_relaxed);
    if (run_.on_commit) run_.on_commit(commit.moves);
    return Status();
  });
  return {};
}

Status FoldWorker::FinishCommit() {
  if (!commit_.valid()) return {};
  Status status = commit_.get();
  commit_failed_ = !status.ok();
  spare_ = std::move(committing_);
  return status;
}

Status FoldWorker::CommitAll() {
  if (commit_failed_) return {};
  MURMUR_TRY(BeginCommit());
  return FinishCommit();
}

// What led here is committed first, the dead letters themselves included: a later run goes on
// behind them once the limit allows it.
Status FoldWorker::TooManyErrors() {
  std::string last;
  if (!dead_letters_.empty()) {
    const DeadLetter& letter = dead_letters_.back();
    last = "; last: " + letter.object + " at " + std::to_string(letter.offset) + ": " +
           std::string(DeadReasonName(letter.reason)) + ": " + letter.detail;
  }
  MURMUR_TRY(CommitAll());
  return TooManyDeadLetters(run_, last);
}

}  // namespace murmur
