#include "runtime/loop/event_worker.h"

#include <algorithm>

#include "runtime/loop/delta_cursors.h"

namespace murmur {
namespace {

constexpr size_t kPendingDeadLetterBytes = size_t{8} << 20;

}  // namespace

EventWorker::EventWorker(FoldRun* run)
    : FoldWorker(run),
      folder_(run->pipeline),
      absent_(*run->pipeline),
      spare_(std::make_unique<GroupTable>(run->pipeline->Monoids())),
      committer_(run->options.clock) {
  if (run_.pending_ids || run_.options.overlap_until) id_reader_.emplace(run->pipeline);
}

Status EventWorker::Count(SplitWork* work) {
  absent_.Note(batch_, &work->progress);
  if (run_.pending_ids) MURMUR_TRY(DropDuplicates(work));
  if (run_.skip_known_ids) MURMUR_TRY(DropKnown(work));
  Fold(work);
  NoteMoved(work);
  if (run_.TooManyErrors()) return TooManyErrors();
  return CommitIfDue();
}

Status EventWorker::End(SplitWork* work) {
  work->progress.done = true;
  NoteMoved(work);
  run_.progress.splits_done.fetch_add(1, std::memory_order_relaxed);
  return {};
}

Status EventWorker::DropDuplicates(SplitWork* work) {
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

Status EventWorker::DropKnown(SplitWork* work) {
  id_reader_->Read(&batch_, &batch_ids_);
  MURMUR_ASSIGN(auto keep, run_.table->HasIds(batch_ids_));
  keep.flip();
  work->progress.duplicates += static_cast<uint64_t>(std::count(keep.begin(), keep.end(), false));
  KeepRows(keep, &batch_);
  return {};
}

void EventWorker::Fold(SplitWork* work) {
  const SplitProgress before = work->progress;
  const size_t dead = dead_letters_.size();
  folder_.Fold(run_.Context(), &batch_, &work->progress, &dead_letters_);
  work->progress.position = batch_.after;
  for (size_t i = dead; i < dead_letters_.size(); ++i) dead_bytes_ += dead_letters_[i].raw.size();
  if (run_.options.dead_news && dead < dead_letters_.size()) {
    run_.options.dead_news->Note(std::span(dead_letters_).subspan(dead));
  }
  run_.NoteFolded(before, work->progress);
}

void EventWorker::NoteMoved(SplitWork* work) {
  if (work->moved) return;
  work->moved = true;
  moved_.push_back(work);
}

bool EventWorker::IsCommitDue() const {
  const FoldOptions& options = run_.options;
  return folder_.table().bytes() + id_bytes_ >= options.delta_bytes / options.threads / kTables ||
         dead_bytes_ >= kPendingDeadLetterBytes ||
         options.clock->Steady() - committer_.last_start() >= options.commit_every;
}

Status EventWorker::CommitIfDue() { return IsCommitDue() ? BeginCommit() : Status(); }

std::optional<std::chrono::steady_clock::time_point> EventWorker::CommitDue() const {
  if (moved_.empty()) return std::nullopt;
  return committer_.last_start() + run_.options.commit_every;
}

// Starts committing everything since the last commit, after the commit before it.
Status EventWorker::BeginCommit() {
  MURMUR_TRY(FinishCommit());
  committer_.NoteStart();
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
  committer_.Start(
      [this, commit = std::move(commit)]() mutable { return Store(std::move(commit)); });
  return {};
}

// In the committer's thread.
Status EventWorker::Store(Commit commit) {
  TableCursor cursor(committing_.get());
  commit.deltas = &cursor;
  commit.delta_count = committing_->size();
  MURMUR_TRY(run_.table->Apply(commit));
  if (run_.pending_ids) run_.pending_ids->Forget(commit.ids);
  committing_->Clear();
  run_.progress.commits.fetch_add(1, std::memory_order_relaxed);
  if (run_.on_commit) run_.on_commit(commit.moves);
  return {};
}

Status EventWorker::FinishCommit() {
  if (!committer_.HasStarted()) return committer_.failure();
  MURMUR_TRY(committer_.Finish());
  spare_ = std::move(committing_);
  return {};
}

Status EventWorker::CommitAll() {
  if (!committer_.failure().ok()) return {};  // reported when it failed
  MURMUR_TRY(BeginCommit());
  return FinishCommit();
}

// First commits everything up to here, with the dead letters: a later run goes on after them once
// the limit allows it.
Status EventWorker::TooManyErrors() {
  const std::string last = dead_letters_.empty() ? "" : ShownLast(dead_letters_.back());
  MURMUR_TRY(CommitAll());
  return TooManyDeadLetters(run_, last);
}

}  // namespace murmur
