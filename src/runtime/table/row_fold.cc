#include "runtime/table/row_fold.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/hex.h"
#include "murmur/row_version.h"
#include "runtime/loop/begin_anew.h"
#include "runtime/loop/delta_cursors.h"
#include "runtime/table/choose_method.h"
#include "runtime/table/ledger/key_rebuild.h"
#include "state/progress.h"

namespace murmur {
namespace {

constexpr size_t kPendingDeadLetterBytes = size_t{8} << 20;
constexpr double kCacheShare = 0.7;  // of the deltas' memory, for a cache of the ledger
constexpr size_t kTables = 4;        // two that are filled, two that are committed
// Under load commits are large and rare: each large one is a table file that slows every look into
// the ledger until it is merged with the others.
constexpr size_t kSmallCommitBytes = size_t{3} << 20;
constexpr std::chrono::seconds kLargeCommitEvery{1};
constexpr std::chrono::milliseconds kCommittingWait{5};
// Live waits at most this long for a read: its next changes may be forgotten after some time.
constexpr std::chrono::seconds kRoomPatience{10};
constexpr std::chrono::milliseconds kRoomWait{20};

// Share of the uncommitted data that may be held changes.
constexpr size_t kHeldShare = 8;
constexpr size_t kHeldBytesMin = size_t{1} << 20;

// Prefix for the place of a topic's snapshot; stored as the progress of a split that is done.
constexpr std::string_view kSnapshotPrefix = "snapshot:";

std::string TopicOf(std::string_view object) {
  return std::string(object.substr(0, object.rfind('/')));
}

// What comes after the rows were removed, of a scan that begins anew.
Status RefuseOld(const FoldRun& run, SplitWork* work) {
  work->read_again = true;
  return run.is_scan ? Status() : Status(Code::kAborted, "the scan of the table begins anew");
}

}  // namespace

void RowWorker::BeginRead(SplitWork* work) {
  work->read_again = false;
  rows_->BeginRead(*work);
}

Status RowWorker::Count(SplitWork* work) {
  if (!run_.is_scan) rows_->WaitForRoom(run_);
  MURMUR_TRY(rows_->Count(&run_, work, &batch_));
  if (!run_.TooManyErrors()) return {};
  MURMUR_TRY(CommitAll());
  return TooManyDeadLetters(run_);
}

std::shared_ptr<RowFold> RowFold::WithLedger(const std::shared_ptr<const Pipeline>& pipeline,
                                             StateTable* table, const FoldOptions& options,
                                             LedgerMethod::Phase phase) {
  const auto make = [&](RowDeltas* deltas) {
    const bool caches = phase == LedgerMethod::Phase::kLive;  // a scan knows next to nothing
    const auto cache_bytes =
        static_cast<size_t>(static_cast<double>(options.delta_bytes) * (caches ? kCacheShare : 0));
    return std::make_unique<LedgerMethod>(pipeline, table, phase, cache_bytes, deltas);
  };
  const bool scans = phase == LedgerMethod::Phase::kScanning;
  return std::shared_ptr<RowFold>(new RowFold(pipeline, table, options, scans, make));
}

std::shared_ptr<RowFold> RowFold::WithCuts(const std::shared_ptr<const Pipeline>& pipeline,
                                           StateTable* table, const FoldOptions& options,
                                           CutMap cuts, RowsAsOf as_of) {
  const bool scans = cuts.has_ranges();
  const auto make = [&](RowDeltas* deltas) {
    return std::make_unique<CutMethod>(pipeline, std::move(cuts), as_of, deltas);
  };
  return std::shared_ptr<RowFold>(new RowFold(pipeline, table, options, scans, make));
}

Result<std::shared_ptr<RowFold>> RowFold::OfScan(const std::shared_ptr<const Pipeline>& pipeline,
                                                 StateTable* table, const FoldOptions& options,
                                                 const SnapshotSource& source, const ScanPlan& plan,
                                                 const SnapshotSource::ProgressMap& progress,
                                                 RowsAsOf as_of) {
  if (plan.method == TableMethod::kLedger) {
    return AtNewestTime(WithLedger(pipeline, table, options, LedgerMethod::Phase::kScanning));
  }
  MURMUR_TRY(CheckCut(pipeline->definition()));
  std::vector<RowRange> ranges;
  std::vector<bool> done;
  for (const Split& split : plan.splits) {
    MURMUR_ASSIGN(ranges.emplace_back(), source.RowsOf(split));
    const auto it = progress.find(split.id);
    done.push_back(it != progress.end() && it->second.done);
  }
  CutMap cuts(std::max<size_t>(kHeldBytesMin, options.delta_bytes / kHeldShare / options.threads),
              source.read_points());
  MURMUR_TRY(cuts.Load(*table, plan.splits, ranges, done));
  return WithCuts(pipeline, table, options, std::move(cuts), as_of);
}

Result<std::shared_ptr<RowFold>> RowFold::OfLive(const std::shared_ptr<const Pipeline>& pipeline,
                                                 StateTable* table, const FoldOptions& options) {
  MURMUR_ASSIGN(const auto plan, table->Plan());
  const TableMethod method = plan ? plan->method : TableMethod::kLedger;
  if (method == TableMethod::kLedger) {
    auto rows = AtNewestTime(WithLedger(pipeline, table, options, LedgerMethod::Phase::kLive));
    if (rows.ok()) MURMUR_TRY((*rows)->LoadSnapshots());
    return rows;
  }
  MURMUR_TRY(CheckCut(pipeline->definition()));
  MURMUR_TRY(CutMap::CheckSettled(*table));
  return WithCuts(pipeline, table, options, CutMap(0));
}

Result<std::shared_ptr<RowFold>> RowFold::AtNewestTime(std::shared_ptr<RowFold> fold) {
  MURMUR_ASSIGN(const auto snapshot, fold->table_->Snapshot());
  MURMUR_ASSIGN(const int64_t newest, snapshot->NewestTime());
  fold->deltas_.BeginAt(newest);
  return fold;
}

RowFold::RowFold(std::shared_ptr<const Pipeline> pipeline, StateTable* table,
                 const FoldOptions& options, bool scans, const MakeMethod& make_method)
    : table_(table),
      options_(options),
      scans_(scans),
      absent_(*pipeline),
      deltas_(std::move(pipeline), options),
      method_(make_method(&deltas_)),
      spare_(deltas_.NewTables()),
      committer_(options_.clock) {}

std::unique_ptr<FoldWorker> RowFold::MakeWorker(FoldRun* run) {
  return std::make_unique<RowWorker>(run, shared_from_this());
}

bool RowFold::settled() const {
  const std::lock_guard lock(mutex_);
  return method_->settled();
}

bool RowFold::begins_anew() const {
  const std::lock_guard lock(mutex_);
  return begins_anew_;
}

void RowFold::BeginRead(const SplitWork& work) {
  const std::lock_guard lock(mutex_);
  method_->BeginRead(work);
}

void RowFold::WaitForRoom(const FoldRun& run) {
  const auto give_up = std::chrono::steady_clock::now() + kRoomPatience;
  std::unique_lock lock(mutex_);
  while (!method_->HasRoom() && committer_.failure().ok() && !run.stop.stop_requested() &&
         !run.abort.stop_requested() &&
         (method_->MayWait() || std::chrono::steady_clock::now() < give_up)) {
    room_.wait_for(lock, kRoomWait);
  }
}

Status RowFold::Count(FoldRun* run, SplitWork* work, RecordBatch* batch) {
  const std::lock_guard lock(mutex_);
  MURMUR_TRY(committer_.failure());
  if (begins_anew_) return RefuseOld(*run, work);
  if (batch->table->cleared) {
    committer_.Fail(CountClear(run, work, *batch));
    MURMUR_TRY(committer_.failure());
    return begins_anew_ ? RefuseOld(*run, work) : Status();
  }
  batch->numbers.resize(kBatchRows);
  std::iota(batch->numbers.begin(), batch->numbers.begin() + batch->rows, 0);
  batch->row_ids.resize(kBatchRows);
  for (uint32_t row = 0; row < batch->rows; ++row) {
    batch->row_ids[row] = RowId(batch->table->row_keys[row]);
  }
  committer_.Fail(NoteSnapshots(*batch));
  MURMUR_TRY(committer_.failure());
  const SplitProgress before = work->progress;
  absent_.Note(*batch, &work->progress);
  committer_.Fail(method_->Take(*run, work, batch));
  if (run->is_scan) room_.notify_all();
  MURMUR_TRY(committer_.failure());
  if (work->read_again) return {};
  work->progress.position = batch->after;
  run->NoteFolded(before, work->progress);
  NoteMoved(run, work);
  return IsCommitDue() ? BeginCommit() : Status();
}

Status RowFold::End(FoldRun* run, SplitWork* work, const RecordBatch& batch) {
  const std::lock_guard lock(mutex_);
  MURMUR_TRY(committer_.failure());
  if (begins_anew_) return RefuseOld(*run, work);
  committer_.Fail(method_->TakeEnd(work, batch));
  MURMUR_TRY(committer_.failure());
  if (work->read_again) return {};
  work->progress.done = true;
  NoteMoved(run, work);
  run->progress.splits_done.fetch_add(1, std::memory_order_relaxed);
  return {};
}

// All rows are gone. A scan may have read rows from before that, and rows from after it, so that it
// begins anew: a read sees no row that was removed once live has passed their removal.
Status RowFold::CountClear(FoldRun* run, SplitWork* work, const RecordBatch& batch) {
  MURMUR_TRY(BeginCommit());
  MURMUR_TRY(FinishCommitUnderLock());
  MURMUR_TRY(method_->Clear());
  work->progress.position = batch.after;
  NoteMoved(run, work);
  Commit commit;
  commit.clear = true;
  const Moves moves = TakeMoves(&commit);
  if (scans_) {
    MURMUR_ASSIGN(const auto anew, MovesToScanAnew(*table_));
    commit.moves.insert(commit.moves.end(), anew.begin(), anew.end());
  }
  MURMUR_TRY(table_->Apply(commit));
  TellOfMoves(moves);
  if (!scans_) return {};
  notes_.push_back("the table was truncated: its scan begins anew");
  begins_anew_ = true;
  return {};
}

Status RowFold::LoadSnapshots() {
  MURMUR_ASSIGN(const auto snapshot, table_->Snapshot());
  MURMUR_ASSIGN(const auto progress, snapshot->Progress());
  for (const auto& [split, stored] : progress) {
    if (!split.starts_with(kSnapshotPrefix)) continue;
    snapshots_[split.substr(kSnapshotPrefix.size())] = {stored.position, stored.position};
  }
  return {};
}

// Snapshot rows at another place than earlier ones are from another snapshot. The log did not tell
// the deletes between the two, or the second would not have been taken.
Status RowFold::NoteSnapshots(const RecordBatch& batch) {
  if (batch.table->of_snapshot.empty()) return {};
  std::string_view last;  // compared as bytes: thousands of rows have one place
  for (uint32_t row = 0; row < batch.rows; ++row) {
    if (!batch.table->of_snapshot[row] || batch.table->versions[row].empty()) continue;
    const std::string_view place = ParseRowVersion(batch.table->versions[row]).place;
    if (place == last) continue;
    last = place;
    const std::string topic = TopicOf(batch.object);
    Position& known = snapshots_[topic].now;
    const Position now = ToHex(place);
    if (!known.empty() && known != now) MURMUR_TRY(TellOfSecondSnapshot(topic));
    known = now;
  }
  return {};
}

// Stored before any of its rows are committed: a killed run must not forget it.
Status RowFold::TellOfSecondSnapshot(const std::string& topic) {
  if (!told_.insert(topic).second) return {};
  MURMUR_ASSIGN(const VersionInfo info, table_->Info());
  if (info.inexact.empty()) {
    MURMUR_TRY(table_->Complete(
        {.live_from = {},
         .inexact = fmt::format("{} holds a second snapshot: rows that were deleted between the "
                                "two may still count",
                                topic)}));
  }
  notes_.push_back(fmt::format(
      "WARNING: {} holds a second snapshot of its table: the connector was stopped before the end "
      "of its first, or had lost its place. Rows that were deleted between the two are not "
      "reported as gone, and still count. To be exact, let the connector write into a new topic, "
      "and count that; or have Murmur read the table itself, where there is a `source:` for it",
      topic));
  return {};
}

std::vector<std::string> RowFold::TakeNotes() {
  const std::lock_guard lock(mutex_);
  return std::exchange(notes_, {});
}

void RowFold::NoteMoved(FoldRun* run, SplitWork* work) {
  const auto [it, is_new] = splits_.try_emplace(work->split.id);
  MovedSplit& split = it->second;
  if (is_new) split.committed = work->committed;
  split.run = run;
  split.pending = work->progress;
}

std::chrono::steady_clock::time_point RowFold::NextCommit() const {
  if (PendingBytes() <= kSmallCommitBytes) return committer_.last_start() + options_.commit_every;
  return committer_.last_start() +
         std::max<std::chrono::milliseconds>(options_.commit_every, kLargeCommitEvery);
}

bool RowFold::IsCommitDue() const {
  if (PendingBytes() >= options_.delta_bytes / kTables) return true;
  if (deltas_.dead_bytes() >= kPendingDeadLetterBytes) return true;
  return options_.clock->Steady() >= NextCommit() && !committer_.IsStoring();
}

Status RowFold::CommitIfDue() {
  const std::lock_guard lock(mutex_);
  MURMUR_TRY(committer_.failure());
  return IsCommitDue() ? BeginCommit() : Status();
}

std::optional<std::chrono::steady_clock::time_point> RowFold::CommitDue() const {
  const std::lock_guard lock(mutex_);
  const bool pending = std::any_of(splits_.begin(), splits_.end(),
                                   [](const auto& split) { return split.second.pending; });
  if (!pending) return std::nullopt;
  if (!committer_.IsStoring()) return NextCommit();
  return std::max(NextCommit(), options_.clock->Steady() + kCommittingWait);
}

// Also adds them to the commit.
RowFold::Moves RowFold::TakeMoves(Commit* commit) {
  Moves moves;
  for (auto& [id, split] : splits_) {
    if (!split.pending) continue;
    SplitMove move{.split = id, .from = split.committed, .to = *std::move(split.pending)};
    split.pending.reset();
    split.committed = move.to.position;
    commit->moves.push_back(move);
    moves.emplace_back(split.run, std::move(move));
  }
  return moves;
}

void RowFold::TellOfMoves(const Moves& moves) {
  std::map<FoldRun*, std::vector<SplitMove>> by_run;
  for (const auto& [run, move] : moves) {
    if (run != nullptr) by_run[run].push_back(move);
  }
  for (const auto& [run, moved] : by_run) {
    run->progress.commits.fetch_add(1, std::memory_order_relaxed);
    if (run->on_commit) run->on_commit(moved);
  }
}

// Starts committing everything since the last commit, after the commit before it.
Status RowFold::BeginCommit() {
  MURMUR_TRY(FinishCommitUnderLock());
  committer_.NoteStart();
  Commit commit;
  Moves moves = TakeMoves(&commit);
  if (moves.empty()) return {};
  for (auto& [topic, place] : snapshots_) {
    if (place.now == place.committed) continue;
    commit.moves.push_back(MoveOfMark(std::string(kSnapshotPrefix) + topic,
                                      std::exchange(place.committed, place.now), place.now));
  }
  commit.dead_letters = deltas_.ExchangeDeadLetters();
  method_->BeginCommit();
  committing_ = deltas_.Exchange(std::move(spare_));
  committer_.Start([this, commit = std::move(commit), moves = std::move(moves)]() mutable {
    return Store(std::move(commit), moves);
  });
  return {};
}

// In the committer's thread, without the mutex: nobody else touches its data before it has ended.
Status RowFold::Store(Commit commit, const Moves& moves) {
  MURMUR_ASSIGN(const auto replaced, method_->FillCommit(&committing_, &commit));
  ReplacingCursor cursor(committing_.added.get(), &replaced);
  commit.deltas = &cursor;
  commit.delta_count = committing_.added->size() + replaced.size();
  MURMUR_TRY(table_->Apply(commit));
  committing_.added->Clear();
  committing_.taken->Clear();
  TellOfMoves(moves);
  return {};
}

Status RowFold::FinishCommit() {
  const std::lock_guard lock(mutex_);
  return FinishCommitUnderLock();
}

Status RowFold::FinishCommitUnderLock() {
  if (!committer_.HasStarted()) return committer_.failure();
  const Status status = committer_.Finish();
  spare_ = std::move(committing_);
  method_->EndCommit();
  return status;
}

Status RowFold::CommitAll() {
  const std::lock_guard lock(mutex_);
  if (!committer_.failure().ok()) return {};  // reported when it failed
  MURMUR_TRY(BeginCommit());
  return FinishCommitUnderLock();
}

void RowFold::Detach(const FoldRun* run) {
  const std::lock_guard lock(mutex_);
  committer_.Wait();
  for (auto& [id, split] : splits_) {
    if (split.run == run) split.run = nullptr;
  }
}

}  // namespace murmur
