#include "runtime/row_fold.h"

#include <algorithm>
#include <numeric>

#include "fold/id_reader.h"
#include "fold/row_codec.h"
#include "murmur/row_version.h"
#include "runtime/key_rebuild.h"
#include "runtime/ledger_entry.h"
#include "runtime/table_cursor.h"

namespace murmur {
namespace {

constexpr size_t kPendingDeadLetterBytes = size_t{8} << 20;
constexpr size_t kTables = 4;           // two that are filled, two that are committed
constexpr size_t kEntryOverhead = 150;  // in a map, and in the list that a commit takes

}  // namespace

Status RowWorker::Count(SplitWork* work) {
  MURMUR_TRY(run_.rows->Count(&run_, work, &batch_));
  if (!run_.TooManyErrors()) return {};
  MURMUR_TRY(CommitAll());
  return TooManyDeadLetters(run_);
}

RowFold::RowFold(std::shared_ptr<const Pipeline> pipeline, StateTable* table, FoldOptions options,
                 Phase phase)
    : pipeline_(std::move(pipeline)),
      table_(table),
      options_(std::move(options)),
      phase_(phase),
      rebuilds_(NeedsRebuild(*pipeline_)),
      folder_(pipeline_),
      retracted_(std::make_unique<GroupTable>(pipeline_->Monoids())),
      last_commit_(options_.clock->Steady()),
      plans_(kBatchRows),
      retract_batch_(pipeline_->projection()),
      spare_(std::make_unique<GroupTable>(pipeline_->Monoids())),
      spare_retracted_(std::make_unique<GroupTable>(pipeline_->Monoids())) {}

Status RowFold::Count(FoldRun* run, SplitWork* work, RecordBatch* batch) {
  const std::lock_guard lock(mutex_);
  MURMUR_TRY(failure_);
  const uint32_t rows = batch->rows;
  batch->numbers.resize(kBatchRows);
  std::iota(batch->numbers.begin(), batch->numbers.begin() + rows, 0);
  for (uint32_t row = 0; row < rows; ++row) batch->offsets[row] = RowId(batch->row_keys[row]);
  const SplitProgress before = work->progress;
  MURMUR_TRY(FindKnown(*batch));
  Decide(*run, *batch, &work->progress);
  MURMUR_TRY(Retract(*batch));
  std::vector<bool> keep(rows);
  for (uint32_t row = 0; row < rows; ++row) keep[row] = plans_[row].action == Action::kPut;
  KeepRows(keep, batch);
  Fold(batch, &work->progress);
  NoteEntries(*run, *batch, rows);
  NoteContributors();
  work->progress.position = batch->after;
  run->NoteFolded(before, work->progress);
  NoteMoved(run, work);
  return IsCommitDue() ? BeginCommit() : Status();
}

void RowFold::End(FoldRun* run, SplitWork* work) {
  const std::lock_guard lock(mutex_);
  work->progress.done = true;
  NoteMoved(run, work);
  run->progress.splits_done.fetch_add(1, std::memory_order_relaxed);
}

// What is known of each of the batch's rows: not committed yet, being committed, or stored.
Status RowFold::FindKnown(const RecordBatch& batch) {
  std::vector<std::string_view> missing;
  std::vector<uint32_t> missing_rows;
  for (uint32_t row = 0; row < batch.rows; ++row) {
    plans_[row] = RowPlan();
    if (!batch.versions.empty()) plans_[row].version = batch.versions[row];
    const std::string_view key = batch.row_keys[row];
    const auto find = [&](const Entries& entries) {
      const auto it = entries.find(key);
      if (it == entries.end()) return false;
      if (it->second) plans_[row].known = *it->second;
      return true;
    };
    if (find(entries_) || find(committing_entries_)) continue;
    missing.push_back(key);
    missing_rows.push_back(row);
  }
  if (missing.empty()) return {};
  MURMUR_ASSIGN(loaded_, table_->LedgerEntries(missing));
  for (size_t i = 0; i < missing.size(); ++i) {
    if (!loaded_[i]) continue;
    if (!IsWellFormed(*loaded_[i]))
      return Status(Code::kDataLoss, "an entry of the ledger is damaged");
    plans_[missing_rows[i]].known = *loaded_[i];
  }
  return {};
}

void RowFold::Decide(const FoldRun& run, const RecordBatch& batch, SplitProgress* progress) {
  if (pipeline_->definition().on_change == OnChange::kRetract) {
    DecideByLast(run, batch);
  } else {
    DecideByFirst(run, batch);
  }
  for (uint32_t row = 0; row < batch.rows; ++row) {
    const RowPlan& plan = plans_[row];
    if (plan.action == Action::kRefuse) Refuse(batch, row, progress);
    if (run.is_scan && plan.known && SeenLive(*plan.known)) ++progress->duplicates;
    // The fold counts those that it gets.
    const bool counted_here = plan.action != Action::kPut && plan.action != Action::kRefuse;
    progress->records += counted_here ? 1 : 0;
  }
}

// Of what a batch says of one row, the newest counts: what came before is not seen by anybody. Each
// is compared with the newest before it, as versions have no order where they are of several logs.
void RowFold::DecideByLast(const FoldRun& run, const RecordBatch& batch) {
  std::unordered_map<std::string_view, uint32_t> last;
  for (uint32_t row = 0; row < batch.rows; ++row) {
    RowPlan& plan = plans_[row];
    const auto before = last.find(batch.row_keys[row]);
    const std::string_view known = before != last.end() ? plans_[before->second].version
                                   : plan.known         ? VersionOf(*plan.known)
                                                        : std::string_view();
    if (IsOlderRowVersion(plan.version, known)) continue;
    // Older changes of a row that is gone may still come.
    if (batch.changes[row] == RowChange::kDelete && plan.version.empty()) plan.version = known;
    last[batch.row_keys[row]] = row;
  }
  for (const auto& newest : last) {
    RowPlan& plan = plans_[newest.second];
    plan.action = ActionOf(run, batch, newest.second, &plan);
  }
}

// Where rows don't change, the first that is said of one counts.
void RowFold::DecideByFirst(const FoldRun& run, const RecordBatch& batch) {
  std::unordered_map<std::string_view, std::string> first;
  for (uint32_t row = 0; row < batch.rows; ++row) {
    RowPlan& plan = plans_[row];
    const auto before = first.find(batch.row_keys[row]);
    if (before != first.end()) plan.known = before->second;
    plan.action = ActionOfFixedRow(run, batch, row, &plan);
    if (plan.action == Action::kPut) {
      first.emplace(batch.row_keys[row], NewEntry(true, plan.version, plan.row));
    }
    if (before != first.end()) plan.known.reset();  // it does not outlive this
  }
}

RowFold::Action RowFold::ActionOfFixedRow(const FoldRun& run, const RecordBatch& batch,
                                          uint32_t row, RowPlan* plan) const {
  const bool may_change = pipeline_->definition().on_change == OnChange::kIgnore;
  if (batch.changes[row] == RowChange::kDelete) {
    return may_change || !plan->known ? Action::kNothing : Action::kRefuse;
  }
  if (!may_change) AppendRow(batch, row, &plan->row);
  if (!plan->known) return Action::kPut;
  // What a scan finds changed, live says too.
  const bool same = may_change || run.is_scan || CellsOf(*plan->known) == plan->row;
  return same ? Action::kNothing : Action::kRefuse;
}

void RowFold::Refuse(const RecordBatch& batch, uint32_t row, SplitProgress* progress) {
  ++progress->dead[static_cast<size_t>(DeadReason::kChanged)];
  DeadLetter& letter = dead_letters_.emplace_back();
  letter.object = batch.object;
  letter.offset = batch.offsets[row];
  letter.reason = DeadReason::kChanged;
  letter.detail =
      "the row has changed or is gone; by on_change: error it counts as it was first seen";
  if (batch.describe) batch.describe(row, &letter);
  dead_bytes_ += letter.raw.size();
}

RowFold::Action RowFold::ActionOf(const FoldRun& run, const RecordBatch& batch, uint32_t row,
                                  RowPlan* plan) {
  const bool seen_live = plan->known && SeenLive(*plan->known);
  if (run.is_scan && seen_live) return Action::kNothing;
  if (batch.changes[row] == RowChange::kDelete) return Action::kDelete;
  AppendRow(batch, row, &plan->row);
  const bool same = plan->known && HasCells(*plan->known) && CellsOf(*plan->known) == plan->row;
  if (!same) return Action::kPut;
  const bool marks = !run.is_scan && !seen_live && phase_ == Phase::kScanning;
  return marks || !plan->version.empty() ? Action::kTouch : Action::kNothing;
}

// Takes away what the rows contributed that are put or deleted.
Status RowFold::Retract(const RecordBatch& batch) {
  retract_batch_.Clear();
  retract_batch_.row_keys.assign(1, {});  // they are rows
  retract_batch_.numbers.resize(kBatchRows);
  arena_.Reset();
  for (uint32_t row = 0; row < batch.rows; ++row) {
    const RowPlan& plan = plans_[row];
    const bool changes = plan.action == Action::kPut || plan.action == Action::kDelete;
    if (!changes || !plan.known || !HasCells(*plan.known)) continue;
    const uint32_t to = retract_batch_.rows++;
    if (!ReadRow(CellsOf(*plan.known), to, &retract_batch_.columns, &arena_)) {
      return Status(Code::kDataLoss, "an entry of the ledger is damaged");
    }
    retract_batch_.offsets[to] = batch.offsets[row];
    retract_batch_.numbers[to] = row;
  }
  return retract_batch_.rows == 0 ? Status() : RetractRows(batch);
}

Status RowFold::RetractRows(const RecordBatch& batch) {
  for (Column& column : retract_batch_.columns) column.SetKindsFromCells(retract_batch_.rows);
  // A row that counted when it came counts now, whatever the clock says.
  Folder::Context context{
      .latest_time = INT64_MAX, .newest_known = newest_time_, .times = options_.times};
  if (rebuilds_) {
    context.on_counted = [&](uint32_t row, std::string_view key) {
      left_.insert(ContributorKey(key, batch.row_keys[row]));
    };
  }
  SplitProgress ignored;
  std::vector<DeadLetter> dead;
  retracted_ = folder_.ExchangeTable(std::move(retracted_));
  folder_.Fold(context, &retract_batch_, &ignored, &dead);
  retracted_ = folder_.ExchangeTable(std::move(retracted_));
  if (dead.empty()) return {};
  return Status(Code::kInternal, "a row that was counted can't be taken away: " + dead[0].detail);
}

void RowFold::Fold(RecordBatch* batch, SplitProgress* progress) {
  const int64_t ahead = std::chrono::microseconds(options_.max_ahead).count();
  Folder::Context context{.latest_time = options_.clock->WallMicros() + ahead,
                          .newest_known = newest_time_,
                          .times = options_.times};
  if (rebuilds_) {
    context.on_counted = [&](uint32_t row, std::string_view key) {
      joined_.insert(ContributorKey(key, batch->row_keys[row]));
    };
  }
  const size_t dead = dead_letters_.size();
  folder_.Fold(context, batch, progress, &dead_letters_);
  for (size_t i = dead; i < dead_letters_.size(); ++i) dead_bytes_ += dead_letters_[i].raw.size();
  newest_time_ = std::max(newest_time_, progress->newest_time);
  for (uint32_t row = 0; row < batch->rows; ++row) plans_[batch->numbers[row]].counts = true;
}

// The entry that a row has now; none: it stays as it is.
std::optional<std::optional<std::string>> RowFold::EntryAfter(const FoldRun& run,
                                                              const RowPlan& plan) const {
  const bool live = !run.is_scan;
  // What is gone is remembered while somebody may still bring it: a scan, or an old version.
  const bool keeps_marks = phase_ == Phase::kScanning || !plan.version.empty();
  const OnChange on_change = pipeline_->definition().on_change;
  std::optional<std::string> none;
  switch (plan.action) {
    case Action::kNothing:
    case Action::kRefuse: return std::nullopt;
    case Action::kTouch: return NewEntry(live, plan.version, CellsOf(*plan.known));
    case Action::kPut:
      if (on_change == OnChange::kIgnore) return NewEntry(live, plan.version, {});
      if (plan.counts || on_change == OnChange::kError) {
        return NewEntry(live, plan.version, plan.row);
      }
      [[fallthrough]];
    case Action::kDelete:
      if (live && keeps_marks) return NewEntry(live, plan.version, {});
      if (plan.known) return std::make_optional(none);
      return std::nullopt;
  }
  return std::nullopt;
}

// Rows that contribute to other keys than before.
void RowFold::NoteContributors() {
  for (const std::string& contributor : joined_) {
    if (left_.erase(contributor) == 0) NoteEntry(contributor, "");
  }
  for (const std::string& contributor : left_) NoteEntry(contributor, std::nullopt);
  joined_.clear();
  left_.clear();
}

void RowFold::NoteEntry(std::string_view key, std::optional<std::string> entry) {
  entry_bytes_ += key.size() + (entry ? entry->size() : 0) + kEntryOverhead;
  if (const auto it = entries_.find(key); it != entries_.end()) {
    it->second = std::move(entry);
  } else {
    entries_.emplace(key, std::move(entry));
  }
}

void RowFold::NoteEntries(const FoldRun& run, const RecordBatch& batch, uint32_t rows) {
  for (uint32_t row = 0; row < rows; ++row) {
    auto entry = EntryAfter(run, plans_[row]);
    if (!entry) continue;
    NoteEntry(batch.row_keys[row], *std::move(entry));
  }
}

void RowFold::NoteMoved(FoldRun* run, SplitWork* work) {
  const auto [it, is_new] = splits_.try_emplace(work->split.id);
  MovedSplit& split = it->second;
  if (is_new) split.committed = work->committed;
  split.run = run;
  split.pending = work->progress;
}

bool RowFold::IsCommitDue() const {
  const size_t bytes = folder_.table().bytes() + retracted_->bytes() + entry_bytes_;
  return bytes >= options_.delta_bytes / kTables || dead_bytes_ >= kPendingDeadLetterBytes ||
         options_.clock->Steady() - last_commit_ >= options_.commit_every;
}

Status RowFold::CommitIfDue() {
  const std::lock_guard lock(mutex_);
  MURMUR_TRY(failure_);
  return IsCommitDue() ? BeginCommit() : Status();
}

std::optional<std::chrono::steady_clock::time_point> RowFold::CommitDue() const {
  const std::lock_guard lock(mutex_);
  const bool pending = std::any_of(splits_.begin(), splits_.end(),
                                   [](const auto& split) { return split.second.pending; });
  if (!pending) return std::nullopt;
  return last_commit_ + options_.commit_every;
}

// Hands everything since the last commit to a thread that commits it, after the one before.
Status RowFold::BeginCommit() {
  MURMUR_TRY(FinishCommitUnderLock());
  last_commit_ = options_.clock->Steady();
  Commit commit;
  std::vector<std::pair<FoldRun*, SplitMove>> moves;
  for (auto& [id, split] : splits_) {
    if (!split.pending) continue;
    SplitMove move{.split = id, .from = split.committed, .to = *std::move(split.pending)};
    split.pending.reset();
    split.committed = move.to.position;
    commit.moves.push_back(move);
    moves.emplace_back(split.run, std::move(move));
  }
  if (moves.empty()) return {};
  commit.dead_letters = std::move(dead_letters_);
  dead_letters_.clear();
  dead_bytes_ = 0;
  committing_entries_.swap(entries_);
  entry_bytes_ = 0;
  committing_ = folder_.ExchangeTable(std::move(spare_));
  committing_retracted_ = std::exchange(retracted_, std::move(spare_retracted_));
  commit_ = std::async(std::launch::async,
                       [this, commit = std::move(commit), moves = std::move(moves)]() mutable {
                         return Apply(std::move(commit), std::move(moves));
                       });
  return {};
}

// In a thread of its own; what it works on changes only when it has ended.
Status RowFold::Apply(Commit commit, std::vector<std::pair<FoldRun*, SplitMove>> moves) {
  commit.ledger.reserve(committing_entries_.size());
  for (const auto& [key, entry] : committing_entries_) commit.ledger.push_back({key, entry});
  std::sort(commit.ledger.begin(), commit.ledger.end(),
            [](const LedgerRow& a, const LedgerRow& b) { return a.key < b.key; });
  std::map<std::string, std::string> replaced;
  if (rebuilds_) {
    MURMUR_ASSIGN(replaced, RebuiltKeys(commit.ledger));
  } else {
    committing_->Subtract(committing_retracted_.get());
  }
  ReplacingCursor cursor(committing_.get(), &replaced);
  commit.deltas = &cursor;
  commit.delta_count = committing_->size() + replaced.size();
  MURMUR_TRY(table_->Apply(commit));
  committing_->Clear();
  committing_retracted_->Clear();
  std::map<FoldRun*, std::vector<SplitMove>> by_run;
  for (auto& [run, move] : moves) {
    if (run != nullptr) by_run[run].push_back(std::move(move));
  }
  for (const auto& [run, moved] : by_run) {
    run->progress.commits.fetch_add(1, std::memory_order_relaxed);
    if (run->on_commit) run->on_commit(moved);
  }
  return {};
}

// What every key has that something was taken away from.
Result<std::map<std::string, std::string>> RowFold::RebuiltKeys(
    std::span<const LedgerRow> changes) {
  std::map<std::string, std::string> rebuilt;
  if (committing_retracted_->size() == 0) return rebuilt;
  KeyRebuild rebuild(pipeline_);
  MURMUR_ASSIGN(const auto now, table_->Snapshot());
  for (uint32_t group = 0; group < committing_retracted_->size(); ++group) {
    const std::string_view key = committing_retracted_->Key(group);
    MURMUR_ASSIGN(rebuilt[std::string(key)], rebuild.Value(key, *table_, *now, changes));
  }
  return rebuilt;
}

Status RowFold::FinishCommit() {
  const std::lock_guard lock(mutex_);
  return FinishCommitUnderLock();
}

Status RowFold::FinishCommitUnderLock() {
  if (!commit_.valid()) return failure_;
  failure_ = commit_.get();
  spare_ = std::move(committing_);
  spare_retracted_ = std::move(committing_retracted_);
  committing_entries_.clear();
  return failure_;
}

Status RowFold::CommitAll() {
  const std::lock_guard lock(mutex_);
  if (!failure_.ok()) return {};  // told when it failed
  MURMUR_TRY(BeginCommit());
  return FinishCommitUnderLock();
}

void RowFold::Detach(const FoldRun* run) {
  const std::lock_guard lock(mutex_);
  if (commit_.valid()) commit_.wait();
  for (auto& [id, split] : splits_) {
    if (split.run == run) split.run = nullptr;
  }
}

}  // namespace murmur
