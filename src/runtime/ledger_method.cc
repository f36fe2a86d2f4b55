#include "runtime/ledger_method.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "fold/id_reader.h"
#include "fold/row_codec.h"
#include "murmur/row_version.h"
#include "runtime/key_rebuild.h"
#include "runtime/ledger_entry.h"

namespace murmur {
namespace {

constexpr uint32_t kLookTogether = 64;
constexpr size_t kNewestSlots = size_t{4} * kBatchRows;

}  // namespace

LedgerMethod::LedgerMethod(std::shared_ptr<const Pipeline> pipeline, const StateTable* table,
                           Phase phase, size_t cache_bytes, RowDeltas* deltas)
    : pipeline_(std::move(pipeline)),
      table_(table),
      phase_(phase),
      rebuilds_(NeedsRebuild(*pipeline_)),
      deltas_(*deltas),
      cache_(cache_bytes),
      plans_(kBatchRows) {}

Status LedgerMethod::Take(const FoldRun& run, SplitWork* work, RecordBatch* batch) {
  const uint32_t rows = batch->rows;
  MURMUR_TRY(FindKnown(*batch));
  Decide(run, *batch, &work->progress);
  MURMUR_TRY(Retract(*batch));
  std::vector<bool> keep(rows);
  for (uint32_t row = 0; row < rows; ++row) keep[row] = plans_[row].action == Action::kPut;
  KeepRows(keep, batch);
  Add(batch, &work->progress);
  NoteEntries(run, *batch, rows);
  NoteContributors();
  return {};
}

// What is known of each of the batch's rows: not committed yet, being committed, or stored.
Status LedgerMethod::FindKnown(const RecordBatch& batch) {
  rows_.clear();
  MURMUR_TRY(cache_.NoteMissing(std::exchange(missing_, 0), *table_));
  std::vector<std::string_view> missing;
  std::vector<uint32_t> missing_rows;
  for (uint32_t begin = 0; begin < batch.rows; begin += kLookTogether) {
    const uint32_t end = std::min(batch.rows, begin + kLookTogether);
    PlanRows(batch, begin, end);
    for (uint32_t row = begin; row < end; ++row) {
      const std::string_view key = batch.row_keys[row];
      RowPlan& plan = plans_[row];
      if (entries_.Find(key, plan.hash, &plan.known)) continue;
      if (committing_.Find(key, plan.hash, &plan.known)) continue;
      if (cache_.Find(key, plan.hash, &plan.known)) continue;
      missing.push_back(key);
      missing_rows.push_back(row);
    }
  }
  if (missing.empty()) return {};
  missing_ = missing.size();
  MURMUR_ASSIGN(loaded_, table_->LedgerEntries(missing));
  for (size_t i = 0; i < missing.size(); ++i) {
    if (!loaded_[i]) continue;
    if (!IsWellFormed(*loaded_[i]))
      return Status(Code::kDataLoss, "an entry of the ledger is damaged");
    plans_[missing_rows[i]].known = *loaded_[i];
  }
  return {};
}

// Empty plans; fetches what FindKnown looks at.
void LedgerMethod::PlanRows(const RecordBatch& batch, uint32_t begin, uint32_t end) {
  for (uint32_t row = begin; row < end; ++row) {
    RowPlan& plan = plans_[row] = RowPlan();
    if (!batch.versions.empty()) plan.version = batch.versions[row];
    plan.hash = PendingEntries::Hash(batch.row_keys[row]);
    entries_.Prefetch(plan.hash);
    committing_.Prefetch(plan.hash);
    cache_.Prefetch(plan.hash);
  }
  for (uint32_t row = begin; row < end; ++row) cache_.PrefetchRecord(plans_[row].hash);
  for (uint32_t row = begin; row < end; ++row) cache_.PrefetchBytes(plans_[row].hash);
}

void LedgerMethod::Decide(const FoldRun& run, const RecordBatch& batch, SplitProgress* progress) {
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
void LedgerMethod::DecideByLast(const FoldRun& run, const RecordBatch& batch) {
  if (run.is_scan && batch.versions.empty()) {  // its rows differ
    for (uint32_t row = 0; row < batch.rows; ++row) {
      plans_[row].action = ActionOf(run, batch, row, &plans_[row]);
    }
    return;
  }
  newest_.assign(kNewestSlots, UINT32_MAX);
  for (uint32_t row = 0; row < batch.rows; ++row) {
    RowPlan& plan = plans_[row];
    uint32_t* const newest = NewestOf(batch, row);
    const bool is_first = *newest == UINT32_MAX;
    const std::string_view known = !is_first    ? plans_[*newest].version
                                   : plan.known ? VersionOf(*plan.known)
                                                : std::string_view();
    if (IsOlderRowVersion(plan.version, known)) continue;
    // Older changes of a row that is gone may still come.
    if (batch.changes[row] == RowChange::kDelete && plan.version.empty()) plan.version = known;
    if (!is_first) plans_[*newest].is_newest = false;
    plan.is_newest = true;
    *newest = row;
  }
  for (uint32_t row = 0; row < batch.rows; ++row) {
    if (plans_[row].is_newest) plans_[row].action = ActionOf(run, batch, row, &plans_[row]);
  }
}

// Where the number of the newest row of the same key is, or would be.
uint32_t* LedgerMethod::NewestOf(const RecordBatch& batch, uint32_t row) {
  for (size_t slot = plans_[row].hash % kNewestSlots;; slot = (slot + 1) % kNewestSlots) {
    uint32_t* const newest = &newest_[slot];
    if (*newest == UINT32_MAX || batch.row_keys[*newest] == batch.row_keys[row]) return newest;
  }
}

// Where rows don't change, the first that is said of one counts.
void LedgerMethod::DecideByFirst(const FoldRun& run, const RecordBatch& batch) {
  std::unordered_map<std::string_view, std::string> first;
  for (uint32_t row = 0; row < batch.rows; ++row) {
    RowPlan& plan = plans_[row];
    const auto before = first.find(batch.row_keys[row]);
    if (before != first.end()) plan.known = before->second;
    plan.action = ActionOfFixedRow(run, batch, row, &plan);
    if (plan.action == Action::kPut) {
      first.emplace(batch.row_keys[row], NewEntry(true, plan.version, RowOf(plan)));
    }
    if (before != first.end()) plan.known.reset();  // it does not outlive this
  }
}

LedgerMethod::Action LedgerMethod::ActionOfFixedRow(const FoldRun& run, const RecordBatch& batch,
                                                    uint32_t row, RowPlan* plan) {
  const bool may_change = pipeline_->definition().on_change == OnChange::kIgnore;
  if (batch.changes[row] == RowChange::kDelete) {
    return may_change || !plan->known ? Action::kNothing : Action::kRefuse;
  }
  if (!may_change) NoteCells(batch, row, plan);
  if (!plan->known) return Action::kPut;
  // What a scan finds changed, live says too.
  const bool same = may_change || run.is_scan || CellsOf(*plan->known) == RowOf(*plan);
  return same ? Action::kNothing : Action::kRefuse;
}

void LedgerMethod::NoteCells(const RecordBatch& batch, uint32_t row, RowPlan* plan) {
  plan->row_begin = rows_.size();
  AppendRow(batch, row, &rows_);
  plan->row_size = rows_.size() - plan->row_begin;
}

void LedgerMethod::Refuse(const RecordBatch& batch, uint32_t row, SplitProgress* progress) {
  ++progress->dead[static_cast<size_t>(DeadReason::kChanged)];
  DeadLetter letter;
  letter.object = batch.object;
  letter.offset = batch.offsets[row];
  letter.reason = DeadReason::kChanged;
  letter.detail =
      "the row has changed or is gone; by on_change: error it counts as it was first seen";
  if (batch.describe) batch.describe(row, &letter);
  deltas_.AddDeadLetter(std::move(letter));
}

LedgerMethod::Action LedgerMethod::ActionOf(const FoldRun& run, const RecordBatch& batch,
                                            uint32_t row, RowPlan* plan) {
  const bool seen_live = plan->known && SeenLive(*plan->known);
  if (run.is_scan && seen_live) return Action::kNothing;
  if (batch.changes[row] == RowChange::kDelete) return Action::kDelete;
  NoteCells(batch, row, plan);
  const bool same = plan->known && HasCells(*plan->known) && CellsOf(*plan->known) == RowOf(*plan);
  if (!same) return Action::kPut;
  const bool marks = !run.is_scan && !seen_live && phase_ == Phase::kScanning;
  return marks || !plan->version.empty() ? Action::kTouch : Action::kNothing;
}

// Takes away what the rows contributed that are put or deleted.
Status LedgerMethod::Retract(const RecordBatch& batch) {
  deltas_.BeginTaking();
  for (uint32_t row = 0; row < batch.rows; ++row) {
    const RowPlan& plan = plans_[row];
    const bool changes = plan.action == Action::kPut || plan.action == Action::kDelete;
    if (!changes || !plan.known || !HasCells(*plan.known)) continue;
    MURMUR_TRY(deltas_.Take(CellsOf(*plan.known), batch.offsets[row], row));
  }
  if (!rebuilds_) return deltas_.EndTaking();
  return deltas_.EndTaking([&](uint32_t row, std::string_view key) {
    left_.insert(ContributorKey(key, batch.row_keys[row]));
  });
}

void LedgerMethod::Add(RecordBatch* batch, SplitProgress* progress) {
  RowDeltas::OnCounted on_counted;
  if (rebuilds_) {
    on_counted = [&](uint32_t row, std::string_view key) {
      joined_.insert(ContributorKey(key, batch->row_keys[row]));
    };
  }
  deltas_.Add(deltas_.LatestTime(), batch, progress, std::move(on_counted));
  for (uint32_t row = 0; row < batch->rows; ++row) plans_[batch->numbers[row]].counts = true;
}

// What the row's entry is from now on: as *entry says, if it is set.
LedgerMethod::Change LedgerMethod::EntryAfter(const FoldRun& run, const RowPlan& plan,
                                              std::string* entry) const {
  const bool live = !run.is_scan;
  // What is gone is remembered while somebody may still bring it: a scan, or an old version.
  const bool keeps_marks = phase_ == Phase::kScanning || !plan.version.empty();
  const OnChange on_change = pipeline_->definition().on_change;
  const auto set = [&](std::optional<std::string_view> cells) {
    SetEntry(live, plan.version, cells, entry);
    return Change::kSet;
  };
  switch (plan.action) {
    case Action::kNothing:
    case Action::kRefuse: return Change::kNone;
    case Action::kTouch: return set(CellsOf(*plan.known));
    case Action::kPut:
      if (on_change == OnChange::kIgnore) return set({});
      if (plan.counts || on_change == OnChange::kError) return set(RowOf(plan));
      [[fallthrough]];
    case Action::kDelete:
      if (live && keeps_marks) return set({});
      return plan.known ? Change::kForget : Change::kNone;
  }
  return Change::kNone;
}

// Rows that contribute to other keys than before.
void LedgerMethod::NoteContributors() {
  const auto note = [this](const std::string& key, PendingEntries::Entry entry) {
    entries_.Put(key, PendingEntries::Hash(key), entry);
  };
  for (const std::string& contributor : joined_) {
    if (left_.erase(contributor) == 0) note(contributor, "");
  }
  for (const std::string& contributor : left_) note(contributor, std::nullopt);
  joined_.clear();
  left_.clear();
}

void LedgerMethod::NoteEntries(const FoldRun& run, const RecordBatch& batch, uint32_t rows) {
  std::string entry;
  for (uint32_t row = 0; row < rows; ++row) {
    const RowPlan& plan = plans_[row];
    const Change change = EntryAfter(run, plan, &entry);
    if (change == Change::kNone) continue;
    entries_.Put(batch.row_keys[row], plan.hash,
                 change == Change::kSet ? PendingEntries::Entry(entry) : std::nullopt);
  }
}

void LedgerMethod::BeginCommit() { std::swap(committing_, entries_); }

void LedgerMethod::EndCommit() {
  cache_.NoteCommitted(committing_);
  committing_.Clear();
}

Result<RowMethod::Values> LedgerMethod::FillCommit(RowDeltas::Tables* deltas, Commit* commit) {
  commit->ledger = committing_.Rows();
  if (rebuilds_) return RebuiltKeys(*deltas->taken, commit->ledger);
  deltas->added->Subtract(deltas->taken.get());
  return Values();
}

// What every key has that something was taken away from.
Result<RowMethod::Values> LedgerMethod::RebuiltKeys(const GroupTable& taken,
                                                    const std::vector<LedgerRow>& changes) const {
  Values rebuilt;
  if (taken.size() == 0) return rebuilt;
  KeyRebuild rebuild(pipeline_);
  MURMUR_ASSIGN(const auto now, table_->Snapshot());
  for (uint32_t group = 0; group < taken.size(); ++group) {
    const std::string_view key = taken.Key(group);
    MURMUR_ASSIGN(rebuilt[std::string(key)], rebuild.Value(key, *table_, *now, changes));
  }
  return rebuilt;
}

}  // namespace murmur
