#include "fold/folder.h"

#include <algorithm>
#include <utility>

#include "base/shown.h"
#include "base/time_text.h"
#include "fold/id_reader.h"

namespace murmur {
namespace {

constexpr int64_t kNoTime = INT64_MIN;  // for a record that may have no time
constexpr KindSet kTimeOnly = KindBit(Kind::kTime);

std::string WhyBadTime(const Cell& cell, TimeUnit unit) {
  switch (cell.kind) {
    case Kind::kNull: return "it is null or missing";
    case Kind::kTime: return FormatTime(cell.i) + " lies outside the years 0001 to 9999";
    case Kind::kString: return Shown(cell) + ": " + WhyNoTime(cell.text());
    case Kind::kInt:
    case Kind::kDouble:
    case Kind::kDecimal:
      return Shown(cell) + (unit == TimeUnit::kNone
                                ? "; a number needs a unit: time: {field: …, unit: ms}"
                                : "; expected a number of up to 38 digits");
    case Kind::kBool:
    case Kind::kJson: break;
  }
  return Shown(cell) + "; expected RFC 3339, or a number with a unit";
}

std::string NameOf(const Pipeline& pipeline, const Operand& operand) {
  if (operand.computed) return pipeline.computed()[operand.index].expression->canonical();
  return pipeline.projection().fields[operand.index].path.ToString();
}

// Per field: whether it is read once the rows that `where` refuses have left.
std::vector<bool> AfterWhere(const Pipeline& pipeline) {
  std::vector<bool> read(pipeline.projection().fields.size(), false);
  const auto add = [&](const Operand& operand) {
    if (!operand.computed) read[operand.index] = true;
  };
  for (size_t i = 0; i < pipeline.computed().size(); ++i) {
    if (pipeline.where() == Operand{.computed = true, .index = i}) continue;
    for (const size_t field : pipeline.computed()[i].inputs) read[field] = true;
  }
  for (const Pipeline::Rollup& rollup : pipeline.rollups()) {
    for (const Pipeline::KeyColumn& part : rollup.parts) add(part.operand);
  }
  for (const Pipeline::Aggregate& aggregate : pipeline.aggregates()) {
    for (const Operand& operand : aggregate.args) add(operand);
  }
  if (pipeline.time_column()) read[*pipeline.time_column()] = true;
  if (pipeline.id()) add(*pipeline.id());
  return read;
}

}  // namespace

Folder::Folder(std::shared_ptr<const Pipeline> pipeline)
    : pipeline_(std::move(pipeline)),
      declared_(pipeline_->projection()),
      table_(std::make_unique<GroupTable>(pipeline_->Monoids())),
      group_finder_(*pipeline_),
      computed_(pipeline_->computed().size()),
      truths_(kBatchRows),
      fates_(kBatchRows),
      after_where_(AfterWhere(*pipeline_)),
      kept_(kBatchRows),
      times_(kBatchRows),
      buckets_(kBatchRows),
      groups_(kBatchRows),
      bucket_finder_(&pipeline_->buckets()) {
  for (const ComputedColumn& column : pipeline_->computed()) {
    evaluators_.emplace_back(column.expression, column.inputs, pipeline_->zones());
  }
  std::set<size_t> columns;
  for (const Evaluator& evaluator : evaluators_) {
    columns.insert(evaluator.ColumnsByEntry().begin(), evaluator.ColumnsByEntry().end());
  }
  for (const size_t column : columns) text_columns_.emplace_back(column);
  for (const Pipeline::Aggregate& aggregate : pipeline_->aggregates()) {
    has_states_ = has_states_ || aggregate.monoid->state_size() > 0;
  }
}

void Folder::Fold(const Context& context, RecordBatch* batch, SplitProgress* progress,
                  std::vector<DeadLetter>* dead) {
  dead_ = dead;
  progress_ = progress;
  progress->bytes += batch->bytes;
  for (DeadLetter& letter : batch->dead_letters) {
    ++progress->dead[static_cast<size_t>(letter.reason)];
    dead->push_back(std::move(letter));
  }
  if (batch->rows == 0) return;

  std::fill_n(fates_.begin(), batch->rows, Fate::kCount);
  all_count_ = true;
  declared_.Apply(batch, [&](uint32_t row, std::string detail) {
    Kill(*batch, row, DeadReason::kWrongType, std::move(detail));
  });
  EncodeTexts(batch);
  if (pipeline_->where()) {
    ApplyWhere(batch);
    Compact(batch, /*are_computed=*/false, progress);
    if (batch->rows == 0) return;
  }
  EvaluateComputed(batch, /*where=*/false);
  CheckTimes(*batch, context);
  CheckKeys(*batch);
  CheckArguments(*batch);
  FindBuckets(*batch, context);
  Compact(batch, /*are_computed=*/true, progress);
  if (batch->rows == 0) return;

  progress->records += batch->rows;
  if (pipeline_->time_column()) {
    const auto* newest = std::max_element(times_.data(), times_.data() + batch->rows);
    progress->newest_time = std::max(progress->newest_time, *newest);
  }
  if (!context.counts) return;
  group_finder_.StartBatch();
  for (size_t rollup = 0; rollup < pipeline_->rollups().size(); ++rollup) {
    CountRollup(*batch, rollup);
    if (!context.on_counted) continue;
    for (uint32_t row = 0; row < batch->rows; ++row) {
      context.on_counted(batch->numbers[row], table_->Key(groups_[row]));
    }
  }
}

// Texts repeat, and expressions over texts are costly: computed once for each text instead of for
// each row.
void Folder::EncodeTexts(RecordBatch* batch) {
  for (auto& [index, encoder] : text_columns_) {
    Column& column = batch->columns[index];
    const bool texts = (column.kinds & KindBit(Kind::kString)) != 0 &&
                       (column.kinds & ~(KindBit(Kind::kString) | KindBit(Kind::kNull))) == 0;
    if (column.dictionary_id != 0 || !texts || !encoder.Encode(column, batch->rows)) continue;
    column.indices.assign(encoder.codes(), encoder.codes() + kBatchRows);
    column.dictionary = encoder.values().data();
    column.dictionary_size = encoder.size();
    column.dictionary_id = encoder.generation();
  }
}

const Column& Folder::ColumnOf(const RecordBatch& batch, const Operand& operand) const {
  return operand.computed ? computed_[operand.index] : batch.columns[operand.index];
}

std::string Folder::IdOf(const RecordBatch& batch, uint32_t row) const {
  if (!pipeline_->id()) return "";
  // A computed id is not available if another expression failed.
  if (pipeline_->id()->computed) return "";
  return IdText(CellAt(ColumnOf(batch, *pipeline_->id()), row));
}

void Folder::Kill(const RecordBatch& batch, uint32_t row, DeadReason reason, std::string detail) {
  if (fates_[row] != Fate::kCount) return;  // the first reason is kept
  fates_[row] = Fate::kDead;
  all_count_ = false;
  ++progress_->dead[static_cast<size_t>(reason)];
  dead_->push_back({.object = std::string(batch.object),
                    .offset = batch.offsets[row],
                    .reason = reason,
                    .detail = std::move(detail),
                    .id = IdOf(batch, row),
                    .raw = std::string(batch.raw[row].substr(0, kDeadLetterRawBytes))});
  if (batch.describe) batch.describe(batch.numbers[row], &dead_->back());
}

// `where` is evaluated first, so that other expressions do not see rows that it refuses.
void Folder::EvaluateComputed(RecordBatch* batch, bool where) {
  for (size_t i = 0; i < evaluators_.size(); ++i) {
    const bool is_where = pipeline_->where() == Operand{.computed = true, .index = i};
    if (is_where != where) continue;
    errors_.clear();
    evaluators_[i].Evaluate(*batch, &computed_[i], &errors_);
    KillFailed(batch);
  }
}

void Folder::KillFailed(RecordBatch* batch) {
  for (EvaluationError& error : errors_) {
    Kill(*batch, error.row, error.reason, std::move(error.detail));
  }
}

void Folder::ApplyWhere(RecordBatch* batch) {
  const Operand& where = *pipeline_->where();
  if (where.computed && evaluators_[where.index].is_condition()) {
    errors_.clear();
    evaluators_[where.index].EvaluateCondition(*batch, truths_.data(), &errors_);
    KillFailed(batch);
    return FilterByTruths(batch->rows);
  }
  EvaluateComputed(batch, /*where=*/true);
  const Column& column = ColumnOf(*batch, where);
  for (uint32_t row = 0; row < batch->rows; ++row) {
    const Cell& cell = CellAt(column, row);
    truths_[row] = cell.kind == Kind::kBool && cell.i != 0 ? Truth::kYes : Truth::kNo;
    if (cell.kind == Kind::kBool || cell.is_null()) continue;
    Kill(*batch, row, DeadReason::kWrongType,
         "where: expected true or false, found " + Shown(cell));
  }
  FilterByTruths(batch->rows);
}

// Of the rows that still count, those whose truth is not kYes are filtered.
void Folder::FilterByTruths(uint32_t rows) {
  uint8_t any = 0;
  for (uint32_t row = 0; row < rows; ++row) {
    const bool filtered = fates_[row] == Fate::kCount && truths_[row] != Truth::kYes;
    fates_[row] = filtered ? Fate::kFiltered : fates_[row];
    any |= static_cast<uint8_t>(filtered);
  }
  all_count_ = all_count_ && any == 0;
}

// Fills times_; a record without a usable time is dead, or gets kNoTime.
void Folder::ReadTimes(const RecordBatch& batch) {
  const Column& column = batch.columns[*pipeline_->time_column()];
  bool all_good = column.kinds == kTimeOnly;
  if (all_good) {
    for (uint32_t row = 0; row < batch.rows; ++row) {
      times_[row] = CellAt(column, row).i;
      all_good &= IsEventTime(times_[row]);
    }
  }
  if (all_good) return;
  for (uint32_t row = 0; row < batch.rows; ++row) {
    const Cell& cell = CellAt(column, row);
    const bool good = cell.kind == Kind::kTime && IsEventTime(cell.i);
    times_[row] = good ? cell.i : kNoTime;
    if (good || fates_[row] != Fate::kCount || !pipeline_->time_required()) continue;
    Kill(batch, row, DeadReason::kBadTime,
         NameOf(*pipeline_, {.computed = false, .index = *pipeline_->time_column()}) +
             ": no usable event time: " + WhyBadTime(cell, pipeline_->definition().time->unit));
  }
}

void Folder::CheckTimes(const RecordBatch& batch, const Context& context) {
  if (!pipeline_->time_column()) return;
  ReadTimes(batch);
  if (!context.times.unbounded()) {
    for (uint32_t row = 0; row < batch.rows; ++row) {
      const bool inside = times_[row] != kNoTime && context.times.Contains(times_[row]);
      if (inside || fates_[row] != Fate::kCount) continue;
      fates_[row] = Fate::kFiltered;
      all_count_ = false;
    }
  }
  const int64_t latest = *std::max_element(times_.begin(), times_.begin() + batch.rows);
  if (latest <= context.latest_time) return;
  for (uint32_t row = 0; row < batch.rows; ++row) {
    if (times_[row] <= context.latest_time || fates_[row] != Fate::kCount) continue;
    Kill(batch, row, DeadReason::kFutureTime,
         "event time " + FormatTime(times_[row]) + " is more than max_ahead in the future");
  }
}

void Folder::CheckKeys(const RecordBatch& batch) {
  const bool keep_null = pipeline_->definition().keep_null_keys;
  const KindSet accepted = kScalarKinds | (keep_null ? KindBit(Kind::kNull) : 0);
  for (const Pipeline::Rollup& rollup : pipeline_->rollups()) {
    for (const Pipeline::KeyColumn& part : rollup.parts) {
      const Column& column = ColumnOf(batch, part.operand);
      if ((column.kinds & ~accepted) == 0) continue;
      for (uint32_t row = 0; row < batch.rows; ++row) {
        const Cell& cell = CellAt(column, row);
        if ((KindBit(cell.kind) & accepted) != 0) continue;
        if (cell.is_null()) {
          Kill(batch, row, DeadReason::kMissingKey,
               "key " + part.name + " is null or missing; null_key: keep would count it");
        } else {
          Kill(batch, row, DeadReason::kWrongType,
               "key " + part.name + ": expected a single value, found " + Shown(cell));
        }
      }
    }
  }
}

LiftInput Folder::InputOf(const RecordBatch& batch, const Pipeline::Aggregate& aggregate) {
  args_.clear();
  for (const Operand& operand : aggregate.args) args_.push_back(&ColumnOf(batch, operand));
  return {.rows = batch.rows,
          .groups = groups_.data(),
          .args = args_,
          .times = pipeline_->time_column() ? times_.data() : nullptr,
          .object = !batch.table ? batch.object : std::string_view(),
          .offsets = batch.row_ids.empty() ? batch.offsets.data() : batch.row_ids.data()};
}

void Folder::CheckArguments(const RecordBatch& batch) {
  for (const Pipeline::Aggregate& aggregate : pipeline_->aggregates()) {
    for (size_t i = 0; i < aggregate.args.size(); ++i) {
      const KindSet accepted = aggregate.monoid->Accepts(i) | KindBit(Kind::kNull);
      const Column& column = ColumnOf(batch, aggregate.args[i]);
      if ((column.kinds & ~accepted) == 0) continue;
      for (uint32_t row = 0; row < batch.rows; ++row) {
        const Cell& cell = CellAt(column, row);
        if ((KindBit(cell.kind) & accepted) != 0) continue;
        Kill(batch, row, DeadReason::kWrongType,
             aggregate.name + ": " + NameOf(*pipeline_, aggregate.args[i]) + " is " + Shown(cell) +
                 ", which this aggregate can't take");
      }
    }
    bad_rows_.clear();
    aggregate.monoid->Check(InputOf(batch, aggregate), &bad_rows_);
    for (Monoid::BadRow& bad : bad_rows_) {
      Kill(batch, bad.row, bad.reason, aggregate.name + ": " + bad.detail);
    }
  }
}

void Folder::FindBuckets(const RecordBatch& batch, const Context& context) {
  const BucketRule& rule = pipeline_->buckets();
  if (!rule.windowed()) return;
  const int64_t first_kept = rule.FirstKept(context.newest_known);
  for (uint32_t row = 0; row < batch.rows; ++row) {
    if (fates_[row] != Fate::kCount) continue;
    buckets_[row] = bucket_finder_.Find(times_[row]);
    if (buckets_[row] < first_kept) {
      fates_[row] = Fate::kExpired;
      all_count_ = false;
    }
  }
}

void Folder::CountFates(uint32_t rows, SplitProgress* progress) const {
  uint32_t filtered = 0;
  uint32_t expired = 0;
  for (uint32_t row = 0; row < rows; ++row) {
    filtered += fates_[row] == Fate::kFiltered ? 1 : 0;
    expired += fates_[row] == Fate::kExpired ? 1 : 0;
  }
  progress->filtered += filtered;
  progress->records += filtered;
  progress->expired += expired;
}

void Folder::FindKept(uint32_t rows) {
  uint32_t count = 0;
  uint32_t ranges = 0;
  bool was_kept = false;
  for (uint32_t row = 0; row < rows; ++row) {
    const bool is_kept = fates_[row] == Fate::kCount;
    kept_[count] = row;
    count += is_kept ? 1 : 0;
    ranges += is_kept && !was_kept ? 1 : 0;
    was_kept = is_kept;
  }
  kept_count_ = count;
  kept_ranges_.clear();
  constexpr uint32_t kRowsPerRangeMin = 8;
  if (ranges == 0 || count / ranges < kRowsPerRangeMin) return;
  for (uint32_t i = 0; i < count; ++i) {
    if (i == 0 || kept_[i] != kept_[i - 1] + 1) kept_ranges_.push_back({kept_[i], kept_[i]});
    kept_ranges_.back().end = kept_[i] + 1;
  }
}

// Moves what lies in the rows to keep to the first rows.
template <class T>
void Folder::KeepRows(T* values) const {
  if (kept_ranges_.empty()) {
    for (uint32_t to = 0; to < kept_count_; ++to) values[to] = values[kept_[to]];
    return;
  }
  for (T* to = values; const Range& range : kept_ranges_) {
    to = std::copy(values + range.begin, values + range.end, to);
  }
}

void Folder::KeepRows(Column* column) const {
  if (column->dictionary_id != 0) {
    KeepRows(column->indices.data());
  } else {
    KeepRows(column->cells.data());
  }
}

void Folder::Compact(RecordBatch* batch, bool are_computed, SplitProgress* progress) {
  if (all_count_) return;
  CountFates(batch->rows, progress);
  FindKept(batch->rows);
  // What a row of a table was is for others to see, too.
  const bool all_fields = batch->table.has_value();
  for (size_t i = 0; i < batch->columns.size(); ++i) {
    if (all_fields || after_where_[i]) KeepRows(&batch->columns[i]);
  }
  KeepRows(batch->offsets.data());
  if (!batch->field_names) KeepRows(batch->raw.data());  // else there is none
  if (!batch->numbers.empty()) KeepRows(batch->numbers.data());
  if (!batch->row_ids.empty()) KeepRows(batch->row_ids.data());
  if (are_computed) {
    for (Column& column : computed_) KeepRows(&column);
    if (pipeline_->time_column()) KeepRows(times_.data());
    if (pipeline_->buckets().windowed()) KeepRows(buckets_.data());
  }
  batch->rows = kept_count_;
  std::fill_n(fates_.begin(), batch->rows, Fate::kCount);
  all_count_ = true;
}

void Folder::CountRollup(const RecordBatch& batch, size_t rollup) {
  parts_.clear();
  for (const Pipeline::KeyColumn& part : pipeline_->rollups()[rollup].parts) {
    parts_.push_back(&ColumnOf(batch, part.operand));
  }
  group_finder_.Find(rollup, parts_, buckets_.data(), batch.rows, table_.get(), groups_.data());
  if (has_states_ && group_runs_.Sort(groups_.data(), batch.rows)) {
    for (const GroupRun& run : group_runs_.runs())
      table_->Records(run.group) += run.end - run.begin;
  } else {
    for (uint32_t row = 0; row < batch.rows; ++row) ++table_->Records(groups_[row]);
  }
  for (size_t i = 0; i < pipeline_->aggregates().size(); ++i) {
    const Pipeline::Aggregate& aggregate = pipeline_->aggregates()[i];
    LiftInput input = InputOf(batch, aggregate);
    if (has_states_) {
      input.runs = group_runs_.runs();
      input.ordered = group_runs_.rows();
    }
    aggregate.monoid->AddBatch(input, table_->States(i), table_->scratch(i));
  }
}

}  // namespace murmur
