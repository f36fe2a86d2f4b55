#include "runtime/table/ledger/ledger_method.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "fold/id_reader.h"
#include "fold/row_codec.h"
#include "murmur/row_version.h"
#include "runtime/table/ledger/key_rebuild.h"
#include "runtime/table/ledger/ledger_entry.h"

namespace murmur {
namespace {

constexpr uint32_t kLookTogether = 64;
constexpr size_t kNewestSlots = size_t{4} * kBatchRows;

Status Damaged() { return Status(Code::kDataLoss, "an entry of the ledger is damaged"); }

bool HasOtherKey(const RecordBatch& batch, uint32_t row) {
  return !batch.table->other_keys.empty() && !batch.table->other_keys[row].empty() &&
         !batch.table->versions[row].empty();
}

bool IsMissing(const std::vector<TakenCell>& taken, uint32_t field) {
  return std::any_of(taken.begin(), taken.end(), [field](const TakenCell& cell) {
    return cell.field == field && cell.is_missing;
  });
}

bool KnowsCells(const std::optional<std::string_view>& known) {
  return known && (HasCells(*known) || HoldsCells(*known));
}

void SetCell(const Cell& cell, uint32_t row, Column* column) {
  column->cells[row] = cell;
  column->kinds |= KindBit(cell.kind);
}

}  // namespace

LedgerMethod::LedgerMethod(std::shared_ptr<const Pipeline> pipeline, const StateTable* table,
                           Phase phase, size_t cache_bytes, RowDeltas* deltas)
    : pipeline_(std::move(pipeline)),
      table_(table),
      phase_(phase),
      rebuilds_(NeedsRebuild(*pipeline_)),
      deltas_(*deltas),
      cache_(cache_bytes),
      plans_(kBatchRows),
      known_(pipeline_->projection()),
      checking_(pipeline_->projection()) {}

Status LedgerMethod::Take(const FoldRun& run, SplitWork* work, RecordBatch* batch) {
  const uint32_t rows = batch->rows;
  MURMUR_TRY(FindKnown(*batch));
  MURMUR_TRY(Decide(run, batch, &work->progress));
  MURMUR_TRY(Retract(*batch));
  std::vector<bool> keep(rows);
  for (uint32_t row = 0; row < rows; ++row) keep[row] = plans_[row].action == Action::kPut;
  KeepRows(keep, batch);
  Add(batch, &work->progress);
  NoteEntries(run, *batch, rows);
  if (!moves_.empty()) AddMoves(*batch, &work->progress);
  NoteContributors();
  return {};
}

Status LedgerMethod::Clear() {
  cache_.Clear();
  return {};
}

// Finds the entry of each of the batch's rows: uncommitted, being committed, or stored.
Status LedgerMethod::FindKnown(const RecordBatch& batch) {
  rows_.clear();
  taken_.clear();
  moves_.clear();
  kept_.clear();
  arena_.Reset();
  MURMUR_TRY(cache_.NoteMissing(std::exchange(missing_, 0), *table_));
  std::vector<std::string_view> missing;
  std::vector<uint32_t> missing_rows;
  for (uint32_t begin = 0; begin < batch.rows; begin += kLookTogether) {
    const uint32_t end = std::min(batch.rows, begin + kLookTogether);
    PlanRows(batch, begin, end);
    for (uint32_t row = begin; row < end; ++row) {
      const std::string_view key = batch.table->row_keys[row];
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
    if (!IsWellFormed(*loaded_[i])) return Damaged();
    plans_[missing_rows[i]].known = *loaded_[i];
  }
  return {};
}

// Makes empty plans; prefetches what FindKnown reads.
void LedgerMethod::PlanRows(const RecordBatch& batch, uint32_t begin, uint32_t end) {
  for (uint32_t row = begin; row < end; ++row) {
    RowPlan& plan = plans_[row] = RowPlan();
    if (!batch.table->versions.empty()) plan.version = batch.table->versions[row];
    plan.hash = PendingEntries::Hash(batch.table->row_keys[row]);
    entries_.Prefetch(plan.hash);
    committing_.Prefetch(plan.hash);
    cache_.Prefetch(plan.hash);
  }
  for (uint32_t row = begin; row < end; ++row) cache_.PrefetchRecord(plans_[row].hash);
  for (uint32_t row = begin; row < end; ++row) cache_.PrefetchBytes(plans_[row].hash);
}

Status LedgerMethod::Decide(const FoldRun& run, RecordBatch* batch, SplitProgress* progress) {
  if (pipeline_->definition().on_change == OnChange::kRetract) {
    MURMUR_TRY(DecideByLast(run, batch, progress));
  } else {
    MURMUR_TRY(DecideByFirst(run, batch, progress));
  }
  for (uint32_t row = 0; row < batch->rows; ++row) {
    const RowPlan& plan = plans_[row];
    if (plan.action == Action::kRefuse) Refuse(*batch, row, progress);
    if (run.is_scan && plan.known && SeenLive(*plan.known)) ++progress->duplicates;
    // The fold counts the rows that it gets.
    const bool is_folded = plan.action == Action::kPut || plan.is_superseded;
    const bool counted_here = !is_folded && plan.action != Action::kRefuse && !plan.is_dead;
    progress->records += counted_here ? 1 : 0;
  }
  CheckSuperseded(*batch, progress);
  return {};
}

// A put that the same batch supersedes has no effect, but the numbers of counted, filtered and
// refused records must not depend on where a batch ends.
void LedgerMethod::CheckSuperseded(const RecordBatch& batch, SplitProgress* progress) {
  checking_.Clear();
  for (uint32_t row = 0; row < batch.rows; ++row) {
    if (!plans_[row].is_superseded) continue;
    if (checking_.rows == 0) {
      checking_.object = batch.object;
      checking_.describe = batch.describe;
      checking_.numbers.resize(kBatchRows);
    }
    const uint32_t to = checking_.rows++;
    for (size_t i = 0; i < batch.columns.size(); ++i) {
      checking_.columns[i].cells[to] = CellAt(batch.columns[i], row);
    }
    checking_.offsets[to] = batch.offsets[row];
    checking_.raw[to] = batch.raw[row];
    checking_.numbers[to] = row;
  }
  if (checking_.rows == 0) return;
  for (Column& column : checking_.columns) column.SetTypeFromCells(checking_.rows);
  deltas_.Check(&checking_, progress);
}

// Only the newest change of a row in a batch counts; the others are never visible. Each is
// compared with the newest before it, since versions from several logs have no order.
Status LedgerMethod::DecideByLast(const FoldRun& run, RecordBatch* batch, SplitProgress* progress) {
  if (run.is_scan && batch->table->versions.empty()) {  // its rows differ from each other
    for (uint32_t row = 0; row < batch->rows; ++row) {
      plans_[row].action = ActionOf(run, *batch, row, &plans_[row]);
    }
    return {};
  }
  newest_.assign(kNewestSlots, UINT32_MAX);
  for (uint32_t row = 0; row < batch->rows; ++row) {
    RowPlan& plan = plans_[row];
    uint32_t* const newest = NewestOf(*batch, batch->table->row_keys[row], plan.hash);
    std::optional<uint32_t> before;
    if (*newest != UINT32_MAX) before = *newest;
    const std::string_view known = before       ? plans_[*before].version
                                   : plan.known ? VersionOf(*plan.known)
                                                : std::string_view();
    if (IsOlderRowVersion(plan.version, known)) {
      if (!batch->table->leaves_out) continue;
      MURMUR_ASSIGN(const bool is_newest, FillIn(batch, row, before));
      if (!is_newest) continue;
    } else if (batch->table->leaves_out && batch->table->changes[row] == RowChange::kPut) {
      const bool is_moved = HasOtherKey(*batch, row) && plan.version != known;
      MURMUR_TRY(is_moved ? CompleteMoved(batch, row, progress)
                          : Complete(batch, row, before, progress));
    } else if (HasOtherKey(*batch, row)) {
      MURMUR_TRY(Leave(batch, row, before, progress));
    }
    // Older changes of a deleted row may still come.
    if (batch->table->changes[row] == RowChange::kDelete && plan.version.empty())
      plan.version = known;
    if (before) {
      plans_[*before].is_newest = false;
      plans_[*before].is_superseded =
          batch->table->changes[*before] == RowChange::kPut && !plans_[*before].is_incomplete;
    }
    plan.is_newest = true;
    *newest = row;
  }
  for (uint32_t row = 0; row < batch->rows; ++row) {
    if (plans_[row].is_newest) plans_[row].action = ActionOf(run, *batch, row, &plans_[row]);
  }
  return {};
}

// Reads the cells of the plan's entry into the first row of known_.
Status LedgerMethod::ReadKnown(const RowPlan& plan) {
  return ReadRow(CellsOf(*plan.known), 0, &known_.columns, &arena_) ? Status() : Damaged();
}

// Gives cells that a change omits the values that the row had before it: from the batch's row
// `before`, or else from its entry.
Status LedgerMethod::Complete(RecordBatch* batch, uint32_t row, std::optional<uint32_t> before,
                              SplitProgress* progress) {
  RowPlan& plan = plans_[row];
  std::optional<std::vector<TakenCell>> taken_before;
  for (uint32_t field = 0; field < batch->columns.size(); ++field) {
    Column& column = batch->columns[field];
    if (!column.cells[row].is_unchanged()) continue;
    const bool is_known =
        before ? batch->table->changes[*before] == RowChange::kPut : KnowsCells(plan.known);
    if (!taken_before) {
      taken_before.emplace();
      if (is_known && before && taken_.contains(*before)) taken_before = taken_[*before];
      if (is_known && !before) {
        MURMUR_TRY(ReadKnown(plan));
        taken_before = TakenOf(*plan.known);
      }
    }
    const auto taken = std::find_if(taken_before->begin(), taken_before->end(),
                                    [field](const TakenCell& cell) { return cell.field == field; });
    const bool was_taken = taken != taken_before->end();
    if (!is_known || (was_taken && taken->is_missing)) {
      const bool waits = was_taken && !taken->version.empty();
      if (!waits) TellIncomplete(*batch, row, field, progress);
      plan.is_incomplete = true;
      SetCell(Cell::Null(), row, &column);
      taken_[row].push_back({.field = field,
                             .version = waits ? taken->version : std::string_view(),
                             .is_missing = true});
      continue;
    }
    SetCell(before ? column.cells[*before] : known_.columns[field].cells[0], row, &column);
    const std::string_view told = was_taken ? taken->version
                                  : before  ? plans_[*before].version
                                            : VersionOf(*plan.known);
    if (!told.empty()) taken_[row].push_back({.field = field, .version = told});
  }
  return {};
}

void LedgerMethod::TellIncomplete(const RecordBatch& batch, uint32_t row, uint32_t field,
                                  SplitProgress* progress) {
  if (std::exchange(plans_[row].is_dead, true)) return;
  DeadLetter letter;
  letter.object = batch.object;
  letter.offset = batch.offsets[row];
  letter.detail = pipeline_->projection().fields[field].path.ToString() +
                  ": the message has not got the value, as it is large and did not change, and "
                  "what the row held before is not known. In PostgreSQL, ALTER TABLE … REPLICA "
                  "IDENTITY FULL has it written";
  if (batch.describe) batch.describe(row, &letter);
  ++progress->dead[static_cast<size_t>(letter.reason)];
  deltas_.AddDeadLetter(std::move(letter));
}

// An older change may give cells that the newest change of its row omitted, if it is newer than the
// change they were taken from. This happens if partitions were added, since a row's changes then
// lie in two of them. True: the batch's row now has the newest content of its row; it has no other
// effect.
Result<bool> LedgerMethod::FillIn(RecordBatch* batch, uint32_t row,
                                  std::optional<uint32_t> before) {
  RowPlan& plan = plans_[row];
  if (batch->table->changes[row] != RowChange::kPut) return false;
  if (!before && !KnowsCells(plan.known)) return false;
  if (before && !taken_.contains(*before)) return false;
  std::vector<TakenCell> taken = before ? taken_[*before] : TakenOf(*plan.known);
  std::vector<uint32_t> told;
  bool is_incomplete = false;
  for (TakenCell& cell : taken) {
    const bool tells = !batch->columns[cell.field].cells[row].is_unchanged() &&
                       plan.version != cell.version &&
                       !IsOlderRowVersion(plan.version, cell.version);
    if (tells) {
      cell.version = plan.version;
      cell.is_missing = false;
      told.push_back(cell.field);
    }
    is_incomplete = is_incomplete || cell.is_missing;
  }
  if (told.empty()) return false;
  const uint32_t newest = before.value_or(row);
  if (!before) {
    MURMUR_TRY(ReadKnown(plan));
    plan.version = VersionOf(*plan.known);
    for (uint32_t field = 0; field < batch->columns.size(); ++field) {
      const bool is_told = std::find(told.begin(), told.end(), field) != told.end();
      if (!is_told) SetCell(known_.columns[field].cells[0], row, &batch->columns[field]);
    }
  }
  for (const uint32_t field : told) {
    SetCell(batch->columns[field].cells[row], newest, &batch->columns[field]);
  }
  // The fold counts a row that is now complete, together with the record that told it.
  plan.is_dead = before && plans_[newest].is_dead && !is_incomplete;
  plans_[newest].is_incomplete = is_incomplete;
  taken_[newest] = std::move(taken);
  return !before;
}

// Where the number of the newest row with the same key is, or would go.
uint32_t* LedgerMethod::NewestOf(const RecordBatch& batch, std::string_view key, uint64_t hash) {
  for (size_t slot = hash % kNewestSlots;; slot = (slot + 1) % kNewestSlots) {
    uint32_t* const newest = &newest_[slot];
    if (*newest == UINT32_MAX || batch.table->row_keys[*newest] == key) return newest;
  }
}

// The entry of a row that the batch may not contain.
Result<std::optional<std::string_view>> LedgerMethod::EntryOf(std::string_view key) {
  const uint64_t hash = PendingEntries::Hash(key);
  std::optional<std::string_view> entry;
  if (entries_.Find(key, hash, &entry) || committing_.Find(key, hash, &entry) ||
      cache_.Find(key, hash, &entry)) {
    return entry;
  }
  MURMUR_ASSIGN(auto stored, table_->LedgerEntries({&key, 1}));
  if (!stored[0]) return entry;
  if (!IsWellFormed(*stored[0])) return Damaged();
  entry = kept_.emplace_back(*std::move(stored[0]));
  return entry;
}

// The row's content under its old key, if the same change has deleted it there.
Result<std::optional<LedgerMethod::Left>> LedgerMethod::LeftFor(const RecordBatch& batch,
                                                                uint32_t row) {
  const std::string key = MoveKey(plans_[row].version, batch.table->row_keys[row]);
  MURMUR_ASSIGN(const auto entry, EntryOf(key));
  if (!entry) return std::optional<Left>();
  Left left{std::string(CellsOf(*entry)), TakenOf(*entry)};
  entries_.Put(key, PendingEntries::Hash(key), std::nullopt);
  return std::optional(std::move(left));
}

// As Complete, for a row that had another key. If the delete under that key has not been read yet,
// the row waits for it.
Status LedgerMethod::CompleteMoved(RecordBatch* batch, uint32_t row, SplitProgress* progress) {
  RowPlan& plan = plans_[row];
  const auto leaves_out = [row](const Column& column) { return column.cells[row].is_unchanged(); };
  if (std::none_of(batch->columns.begin(), batch->columns.end(), leaves_out)) return {};
  MURMUR_ASSIGN(auto left, LeftFor(*batch, row));
  if (left) {
    const std::string& cells = kept_.emplace_back(std::move(left->cells));
    if (!ReadRow(cells, 0, &known_.columns, &arena_)) return Damaged();
  }
  for (uint32_t field = 0; field < batch->columns.size(); ++field) {
    Column& column = batch->columns[field];
    if (!column.cells[row].is_unchanged()) continue;
    if (left && !IsMissing(left->taken, field)) {
      SetCell(known_.columns[field].cells[0], row, &column);
      continue;
    }
    SetCell(Cell::Null(), row, &column);
    if (left) TellIncomplete(*batch, row, field, progress);
    plan.is_incomplete = true;
    taken_[row].push_back(
        {.field = field, .version = left ? std::string_view() : plan.version, .is_missing = true});
  }
  return {};
}

// The row's content before a change, if the batch tells it.
std::optional<LedgerMethod::Left> LedgerMethod::LastOf(const RecordBatch& batch, uint32_t row,
                                                       std::optional<uint32_t> before) const {
  if (!before) {
    const auto& known = plans_[row].known;
    if (!KnowsCells(known)) return std::nullopt;
    return Left{std::string(CellsOf(*known)), TakenOf(*known)};
  }
  if (batch.table->changes[*before] != RowChange::kPut) return std::nullopt;
  Left last;
  AppendRow(batch, *before, &last.cells);
  if (const auto taken = taken_.find(*before); taken != taken_.end()) last.taken = taken->second;
  return last;
}

// Deletes a row that gets another key by the same change. Its content is for the message that puts
// it under the new key: that message waits for it, or is still to come.
Status LedgerMethod::Leave(RecordBatch* batch, uint32_t row, std::optional<uint32_t> before,
                           SplitProgress* progress) {
  const std::string_view key = batch->table->other_keys[row];
  const std::string_view version = plans_[row].version;
  const bool is_done = std::any_of(moves_.begin(), moves_.end(), [&](const Move& move) {
    return move.key == key && plans_[move.row].version == version;
  });
  if (is_done) return {};
  const auto last = LastOf(*batch, row, before);
  MURMUR_ASSIGN(const auto entry, EntryOf(key));
  const auto taken = entry ? TakenOf(*entry) : std::vector<TakenCell>();
  const bool waits = std::any_of(taken.begin(), taken.end(), [version](const TakenCell& cell) {
    return cell.is_missing && cell.version == version;
  });
  const bool has_come = entry && VersionOf(*entry) == version;
  if (waits) {
    MURMUR_TRY(FinishMove(batch, row, *entry, last, progress));
  } else if (!has_come && last) {
    const std::string move = MoveKey(version, key);
    std::string left;
    SetEntry({.live = true, .cells = last->cells, .cells_are = kLeftCells, .taken = last->taken},
             &left);
    entries_.Put(move, PendingEntries::Hash(move), left);
  }
  return {};
}

// Gives the row under its new key, which has an entry, the cells that it waits for.
Status LedgerMethod::FinishMove(RecordBatch* batch, uint32_t row, std::string_view entry,
                                const std::optional<Left>& left, SplitProgress* progress) {
  RecordBatch cells(pipeline_->projection());
  Arena arena;
  if (!ReadRow(CellsOf(entry), 0, &cells.columns, &arena)) return Damaged();
  if (left && !ReadRow(left->cells, 0, &known_.columns, &arena_)) return Damaged();
  EntryParts parts = {.live = true, .version = VersionOf(entry), .cells_are = kHoldsCells};
  bool is_complete = true;
  for (TakenCell cell : TakenOf(entry)) {
    const bool waits = cell.is_missing && cell.version == plans_[row].version;
    if (waits && left && !IsMissing(left->taken, cell.field)) {
      cells.columns[cell.field].cells[0] = known_.columns[cell.field].cells[0];
      cell.is_missing = false;  // that change gave it
    } else if (waits) {
      TellIncomplete(*batch, row, cell.field, progress);
      cell.version = {};
    }
    is_complete = is_complete && !cell.is_missing;
    parts.taken.push_back(cell);
  }
  std::string row_now;
  AppendRow(cells, 0, &row_now);
  parts.cells = row_now;
  Move& move = moves_.emplace_back();
  move.row = row;
  move.key = batch->table->other_keys[row];
  move.offset = batch->offsets[row];
  move.is_complete = is_complete;
  SetEntry(parts, &move.entry);
  const std::string& known = kept_.emplace_back(move.entry);
  for (uint32_t later = row + 1; later < batch->rows; ++later) {
    if (batch->table->row_keys[later] == move.key) plans_[later].known = known;
  }
  return {};
}

// Adds the rows that FinishMove has completed, except those of which the batch tells more.
void LedgerMethod::AddMoves(const RecordBatch& batch, SplitProgress* progress) {
  std::erase_if(moves_, [&](const Move& move) {
    return *NewestOf(batch, move.key, PendingEntries::Hash(move.key)) != UINT32_MAX;
  });
  StoredRows moved(pipeline_->projection());
  moved.Clear(batch.object);
  std::vector<uint64_t> row_ids(kBatchRows);
  for (uint32_t i = 0; i < moves_.size(); ++i) {
    if (!moves_[i].is_complete) continue;
    row_ids[moved.size()] = RowId(moves_[i].key);
    (void)moved.Add(CellsOf(moves_[i].entry), moves_[i].offset, i);  // FinishMove wrote it
  }
  RecordBatch& rows = *moved.Batch();
  rows.row_ids = std::move(row_ids);
  rows.describe = [&](uint32_t number, DeadLetter* letter) {
    if (batch.describe) batch.describe(moves_[number].row, letter);
  };
  SplitProgress folded = *progress;  // they were counted as records when they arrived
  deltas_.Add(deltas_.LatestTime(), &rows, &folded, [&](uint32_t number, std::string_view key) {
    if (rebuilds_) joined_.insert(ContributorKey(key, moves_[number].key));
  });
  progress->dead = folded.dead;
  progress->newest_time = folded.newest_time;
  for (uint32_t row = 0; row < rows.rows; ++row) {
    std::string& entry = moves_[rows.numbers[row]].entry;
    entry.front() = static_cast<char>((entry.front() & ~kHoldsCells) | kHasCells);
  }
  for (const Move& move : moves_) {
    entries_.Put(move.key, PendingEntries::Hash(move.key), move.entry);
  }
}

// If rows are only added, the first content that arrives for a row counts.
Status LedgerMethod::DecideByFirst(const FoldRun& run, RecordBatch* batch,
                                   SplitProgress* progress) {
  std::unordered_map<std::string_view, std::string> first;
  const bool ignores = pipeline_->definition().on_change == OnChange::kIgnore;
  for (uint32_t row = 0; row < batch->rows; ++row) {
    RowPlan& plan = plans_[row];
    const auto before = first.find(batch->table->row_keys[row]);
    if (before != first.end()) plan.known = before->second;
    const bool looks = !ignores || !plan.known;
    if (looks && batch->table->leaves_out && batch->table->changes[row] == RowChange::kPut) {
      MURMUR_TRY(Complete(batch, row, std::nullopt, progress));
    }
    if (!plan.is_incomplete) plan.action = ActionOfFixedRow(run, *batch, row, &plan);
    if (plan.action == Action::kPut) {
      first.emplace(batch->table->row_keys[row], NewEntry(true, plan.version, RowOf(plan)));
    }
    if (before != first.end()) plan.known.reset();  // it becomes invalid here
  }
  taken_.clear();  // a row that may not change does not need its old cells
  return {};
}

LedgerMethod::Action LedgerMethod::ActionOfFixedRow(const FoldRun& run, const RecordBatch& batch,
                                                    uint32_t row, RowPlan* plan) {
  const bool may_change = pipeline_->definition().on_change == OnChange::kIgnore;
  if (batch.table->changes[row] == RowChange::kDelete) {
    return may_change || !plan->known ? Action::kNothing : Action::kRefuse;
  }
  if (!may_change) NoteCells(batch, row, plan);
  if (!plan->known) return Action::kPut;
  // If a scan finds a change, live tells it too.
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
  if (batch.table->changes[row] == RowChange::kDelete) return Action::kDelete;
  NoteCells(batch, row, plan);
  if (plan->is_incomplete) return Action::kHold;
  const bool same = plan->known && HasCells(*plan->known) && CellsOf(*plan->known) == RowOf(*plan);
  if (!same) return Action::kPut;
  const bool marks = !run.is_scan && !seen_live && phase_ == Phase::kScanning;
  return marks || !plan->version.empty() ? Action::kTouch : Action::kNothing;
}

// Subtracts the contributions of rows that are put or deleted.
Status LedgerMethod::Retract(const RecordBatch& batch) {
  deltas_.BeginTaking();
  for (uint32_t row = 0; row < batch.rows; ++row) {
    const RowPlan& plan = plans_[row];
    const bool changes = plan.action == Action::kPut || plan.action == Action::kDelete ||
                         plan.action == Action::kHold;
    if (!changes || !plan.known || !HasCells(*plan.known)) continue;
    MURMUR_TRY(deltas_.Take(CellsOf(*plan.known), batch.row_ids[row], row));
  }
  if (!rebuilds_) return deltas_.EndTaking();
  return deltas_.EndTaking([&](uint32_t row, std::string_view key) {
    parted_.insert(ContributorKey(key, batch.table->row_keys[row]));
  });
}

void LedgerMethod::Add(RecordBatch* batch, SplitProgress* progress) {
  RowDeltas::OnCounted on_counted;
  if (rebuilds_) {
    on_counted = [&](uint32_t row, std::string_view key) {
      joined_.insert(ContributorKey(key, batch->table->row_keys[row]));
    };
  }
  deltas_.Add(deltas_.LatestTime(), batch, progress, std::move(on_counted));
  for (uint32_t row = 0; row < batch->rows; ++row) plans_[batch->numbers[row]].counts = true;
}

// The row's entry after the change; *entry is the new entry if kSet.
LedgerMethod::Change LedgerMethod::EntryAfter(const FoldRun& run, const RecordBatch& batch,
                                              uint32_t row, std::string* entry) const {
  const RowPlan& plan = plans_[row];
  const bool live = !run.is_scan;
  // A deleted row is remembered while a scan or an older change may still bring it.
  const bool keeps_marks = phase_ == Phase::kScanning || !plan.version.empty();
  const OnChange on_change = pipeline_->definition().on_change;
  const auto taken = taken_.find(row);
  const auto set = [&](std::optional<std::string_view> cells, char cells_are = kHasCells) {
    EntryParts parts = {
        .live = live, .version = plan.version, .cells = cells, .cells_are = cells_are};
    if (cells && taken != taken_.end()) parts.taken = taken->second;
    SetEntry(parts, entry);
    return Change::kSet;
  };
  switch (plan.action) {
    case Action::kNothing:
    case Action::kRefuse: return Change::kNone;
    case Action::kTouch: return set(CellsOf(*plan.known));
    case Action::kPut:
      if (on_change == OnChange::kIgnore) return set({});
      if (plan.counts || on_change == OnChange::kError) return set(RowOf(plan));
      if (batch.table->leaves_out) return set(RowOf(plan), kHoldsCells);
      [[fallthrough]];
    case Action::kDelete:
      if (live && keeps_marks) return set({});
      return plan.known ? Change::kForget : Change::kNone;
    case Action::kHold: return set(RowOf(plan), kHoldsCells);
  }
  return Change::kNone;
}

// Notes rows that contribute to other keys than before.
void LedgerMethod::NoteContributors() {
  const auto note = [this](const std::string& key, PendingEntries::Entry entry) {
    entries_.Put(key, PendingEntries::Hash(key), entry);
  };
  for (const std::string& contributor : joined_) {
    if (parted_.erase(contributor) == 0) note(contributor, "");
  }
  for (const std::string& contributor : parted_) note(contributor, std::nullopt);
  joined_.clear();
  parted_.clear();
}

void LedgerMethod::NoteEntries(const FoldRun& run, const RecordBatch& batch, uint32_t rows) {
  std::string entry;
  for (uint32_t row = 0; row < rows; ++row) {
    const Change change = EntryAfter(run, batch, row, &entry);
    if (change == Change::kNone) continue;
    entries_.Put(batch.table->row_keys[row], plans_[row].hash,
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

// The new values of all keys from which something was subtracted.
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
