#include "runtime/table/cuts/cut_method.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

#include "base/shown.h"
#include "fold/id_reader.h"
#include "fold/row_codec.h"

namespace murmur {
namespace {

// Consecutive reads of one range that brought nothing, because too much changed meanwhile.
constexpr uint32_t kOverfilledMax = 20;

}  // namespace

CutMethod::CutMethod(const std::shared_ptr<const Pipeline>& pipeline, CutMap cuts, RowsAsOf as_of,
                     RowDeltas* deltas)
    : cuts_(std::move(cuts)),
      as_of_(as_of),
      deltas_(*deltas),
      missed_rows_(pipeline->projection()) {}

void CutMethod::BeginAfter(std::string_view place) {
  cuts_.Pass(place);
  cuts_.PassAll(place);
}

Status CutMethod::Take(const FoldRun& run, SplitWork* work, RecordBatch* batch) {
  return run.is_scan ? TakeRead(work, batch) : TakeChanges(work, batch);
}

Status CutMethod::TakeRead(SplitWork* work, RecordBatch* batch) {
  missed_.clear();
  if (batch->rows > 0) {
    MURMUR_TRY(CheckOrder(*work, *batch));
    const std::string_view last = batch->table->row_keys[batch->rows - 1];
    work->read_again = !cuts_.Count(work->split.id, last, batch->table->read_point, &missed_);
    if (work->read_again) return CheckOverfilled(*work);
  }
  MURMUR_TRY(TakeMissed(*batch, &work->progress));
  std::vector<bool> keep(batch->rows);
  for (uint32_t row = 0; row < batch->rows; ++row) {
    keep[row] = batch->table->changes[row] == RowChange::kPut;
  }
  Add(keep, batch, &work->progress);
  return {};
}

Status CutMethod::TakeEnd(SplitWork* work, const RecordBatch& batch) {
  missed_.clear();
  work->read_again = !cuts_.Count(work->split.id, std::nullopt, batch.table->read_point, &missed_);
  return work->read_again ? CheckOverfilled(*work) : TakeMissed(batch, &work->progress);
}

Status CutMethod::Clear() {
  if (as_of_ == RowsAsOf::kPosition) return {};
  return Status(Code::kUnavailable,
                "the table was truncated meanwhile, so that its rows as they were can't be told: "
                "try again");
}

Status CutMethod::CheckOrder(const SplitWork& work, const RecordBatch& batch) const {
  const auto begin = batch.table->row_keys.begin();
  const auto end = begin + batch.rows;
  const bool ascends = std::adjacent_find(begin, end, std::greater_equal<>()) == end;
  if (ascends && cuts_.IsNext(work.split.id, *begin, *(end - 1))) return {};
  return Status(Code::kFailedPrecondition,
                work.split.id +
                    ": its rows don't come in the order of their keys, which the source promises, "
                    "and by which cuts are kept. Set `method: ledger`, and begin anew: murmur "
                    "bootstrap FILE --fresh");
}

Status CutMethod::CheckOverfilled(const SplitWork& work) const {
  const uint32_t times = cuts_.Overfilled(work.split.id);
  if (times < kOverfilledMax) return {};
  return Status(Code::kResourceExhausted,
                work.split.id +
                    ": its rows change faster than they can be read: " + Counted(times, "time") +
                    " what changed before the first of them was here was more than fits "
                    "beside it; go on with more `memory`, or when less is written");
}

Status CutMethod::TakeChanges(SplitWork* work, RecordBatch* batch) {
  std::vector<bool> keep(batch->rows);
  cells_.clear();
  const bool back = as_of_ == RowsAsOf::kBegin;
  deltas_.BeginTaking();
  for (uint32_t row = 0; row < batch->rows; ++row) {
    const RowChange change = batch->table->changes[row];
    cuts_.Pass(batch->table->places[row]);
    if (change == RowChange::kDelete) continue;
    const auto verdict = cuts_.Judge(batch->table->row_keys[row], batch->table->places[row]);
    const bool counts = (verdict == CutMap::Verdict::kCounts) != back;
    const bool held = verdict == CutMap::Verdict::kHeld;
    keep[row] = counts && (change == RowChange::kPut) != back;
    const bool taken = counts && !keep[row];
    if (!taken && !held) continue;
    std::string& cells = cells_.emplace_back();
    AppendRow(*batch, row, &cells);
    if (taken) MURMUR_TRY(deltas_.Take(cells, batch->row_ids[row], row));
    if (held) {
      cuts_.Hold({.row = std::string(batch->table->row_keys[row]),
                  .place = batch->table->places[row],
                  .change = change,
                  .id = batch->row_ids[row],
                  .cells = cells});
    }
  }
  deltas_.EndTakingWhatCounted();
  cuts_.PassAll(batch->table->watermark);
  Add(keep, batch, &work->progress);
  return {};
}

// Counts held changes that the read does not include.
Status CutMethod::TakeMissed(const RecordBatch& batch, SplitProgress* progress) {
  deltas_.BeginTaking();
  uint32_t taking = 0;
  for (const CutMap::Held& held : missed_) {
    if (held.change != RowChange::kRetract) continue;
    MURMUR_TRY(deltas_.Take(held.cells, held.id, taking));
    if (++taking < kBatchRows) continue;
    deltas_.EndTakingWhatCounted();
    deltas_.BeginTaking();
    taking = 0;
  }
  deltas_.EndTakingWhatCounted();
  return AddMissed(batch, progress);
}

Status CutMethod::AddMissed(const RecordBatch& batch, SplitProgress* progress) {
  const auto add = [&] {
    const uint64_t records = progress->records;  // counted when live brought them
    deltas_.Add(INT64_MAX, missed_rows_.Batch(), progress);
    progress->records = records;
    missed_rows_.Clear(batch.object);
  };
  missed_rows_.Clear(batch.object);
  for (const CutMap::Held& held : missed_) {
    if (held.change != RowChange::kPut) continue;
    if (!missed_rows_.Add(held.cells, held.id, missed_rows_.size())) {
      return Status(Code::kInternal, "a change that was held is damaged");
    }
    if (missed_rows_.is_full()) add();
  }
  add();
  return {};
}

// Adds the rows to keep. Of the records of one change, one is counted.
void CutMethod::Add(const std::vector<bool>& keep, RecordBatch* batch, SplitProgress* progress) {
  for (uint32_t row = 0; row < batch->rows; ++row) {
    const bool is_record = batch->table->changes[row] != RowChange::kRetract;
    progress->records += is_record && !keep[row] ? 1 : 0;  // the fold counts the rows that it gets
  }
  KeepRows(keep, batch);
  deltas_.Add(INT64_MAX, batch, progress);
}

Result<RowMethod::Values> CutMethod::FillCommit(RowDeltas::Tables* deltas, Commit* commit) {
  commit->ledger = std::move(committing_);
  deltas->added->Subtract(deltas->taken.get());
  return Values();
}

}  // namespace murmur
