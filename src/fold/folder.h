// The fold: batches of records → deltas per key. Pure: no I/O, no clock, no randomness. What it
// needs from outside (the present time, the newest known event time) is passed to it.
//
// Threads: one worker.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "fold/column_encoder.h"
#include "fold/declared_columns.h"
#include "fold/group_finder.h"
#include "fold/group_runs.h"
#include "fold/group_table.h"
#include "fold/pipeline.h"
#include "murmur/record.h"
#include "murmur/state.h"

namespace murmur {

class Folder {
 public:
  explicit Folder(std::shared_ptr<const Pipeline> pipeline);

  // What the fold is given from outside.
  struct Context {
    // False: only finds out what happens to each record, for *progress and *dead.
    bool counts = true;
    int64_t latest_time = INT64_MAX;   // µs; a later event time is a dead letter
    int64_t newest_known = INT64_MIN;  // µs; expires buckets
    TimeSpan times;                    // records outside are filtered, as by `where`
    // Called for each row that counts: its number (RecordBatch::numbers) and each of its keys.
    std::function<void(uint32_t number, std::string_view key)> on_counted = {};
  };

  // Folds the batch's records into the table, appends those that can't be counted to *dead, and
  // adds the outcome to *progress (counters and newest time; not the position). The batch is
  // consumed: rows may have been moved.
  void Fold(const Context& context, RecordBatch* batch, SplitProgress* progress,
            std::vector<DeadLetter>* dead);

  GroupTable& table() noexcept { return *table_; }
  const GroupTable& table() const noexcept { return *table_; }
  // Continues with `table`, which is empty; returns the one that was filled.
  std::unique_ptr<GroupTable> ExchangeTable(std::unique_ptr<GroupTable> table) noexcept {
    return std::exchange(table_, std::move(table));
  }

 private:
  // What happens to a row. All except kCount leave the batch early.
  enum class Fate : uint8_t { kCount, kFiltered, kDead, kExpired };

  // A column of texts that gets a dictionary here.
  struct TextColumn {
    explicit TextColumn(size_t column) : index(column), encoder(ColumnEncoder::Keep::kValues) {}
    size_t index;
    ColumnEncoder encoder;
  };

  void EncodeTexts(RecordBatch* batch);
  const Column& ColumnOf(const RecordBatch& batch, const Operand& operand) const;
  std::string IdOf(const RecordBatch& batch, uint32_t row) const;
  void Kill(const RecordBatch& batch, uint32_t row, DeadReason reason, std::string detail);
  void EvaluateComputed(RecordBatch* batch, bool where);
  void KillFailed(RecordBatch* batch);
  void ApplyWhere(RecordBatch* batch);
  void FilterByTruths(uint32_t rows);
  void ReadTimes(const RecordBatch& batch);
  void CheckTimes(const RecordBatch& batch, const Context& context);
  void CheckKeys(const RecordBatch& batch);
  void CheckArguments(const RecordBatch& batch);
  void FindBuckets(const RecordBatch& batch, const Context& context);
  // Drops the rows whose fate is not kCount, and counts them. `are_computed`: keys, arguments and
  // times are.
  void Compact(RecordBatch* batch, bool are_computed, SplitProgress* progress);
  void CountFates(uint32_t rows, SplitProgress* progress) const;
  void FindKept(uint32_t rows);
  template <class T>
  void KeepRows(T* values) const;
  void KeepRows(Column* column) const;
  void CountRollup(const RecordBatch& batch, size_t rollup);
  LiftInput InputOf(const RecordBatch& batch, const Pipeline::Aggregate& aggregate);

  std::shared_ptr<const Pipeline> pipeline_;
  DeclaredColumns declared_;
  std::unique_ptr<GroupTable> table_;
  GroupFinder group_finder_;
  std::deque<Evaluator> evaluators_;
  std::deque<TextColumn> text_columns_;
  std::vector<Column> computed_;
  std::vector<Truth> truths_;  // what `where` says
  std::vector<Fate> fates_;
  std::vector<bool> after_where_;  // per field: whether anything but `where` reads it
  // While a batch is compacted: the rows to keep; where they are many, as ranges.
  struct Range {
    uint32_t begin;
    uint32_t end;
  };
  std::vector<uint32_t> kept_;
  uint32_t kept_count_ = 0;
  std::vector<Range> kept_ranges_;
  bool all_count_ = true;
  std::vector<int64_t> times_;
  std::vector<int64_t> buckets_;
  std::vector<uint32_t> groups_;
  GroupRuns group_runs_;
  bool has_states_ = false;  // an aggregate is more than the record count
  BucketFinder bucket_finder_;
  std::vector<const Column*> parts_;  // of one rollup's key
  std::vector<const Column*> args_;
  std::vector<EvaluationError> errors_;
  std::vector<Monoid::BadRow> bad_rows_;
  std::vector<DeadLetter>* dead_ = nullptr;
  SplitProgress* progress_ = nullptr;
};

}  // namespace murmur
