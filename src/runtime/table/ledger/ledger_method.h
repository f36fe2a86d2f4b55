// The ledger: what each row contributes. An update subtracts the old contribution and adds the new
// one; a delete subtracts it. Live always replaces; a scanned row counts only if live has read
// no change of it (K1 to K10 of the ledger rule; docs/tables.md).
//
// If a row's key changes, the log has a delete and a put at one place, in two messages that may be
// read in any order. Cells that the second message omits keep their values from the old key.
//
// A change may omit cells that it does not change (Cell::Unchanged); they keep their earlier
// values. So a row's cells are stored even if it does not count. Each cell remembers the change
// that gave it, since a later message may bring a change that lies between (RowVersion).
//
// For aggregates that can't subtract (a minimum, a sketch), a key is rebuilt from its rows whenever
// something must be subtracted from it (key_rebuild.h).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "fold/pipeline.h"
#include "murmur/arena.h"
#include "runtime/table/ledger/ledger_cache.h"
#include "runtime/table/ledger/ledger_entry.h"
#include "runtime/table/ledger/pending_entries.h"
#include "runtime/table/row_method.h"

namespace murmur {

class LedgerMethod final : public RowMethod {
 public:
  enum class Phase : uint8_t {
    kScanning,  // a scan may still bring rows that live has changed: a delete by live leaves a mark
    kLive,
  };

  // Table and deltas outlive it. `cache_bytes`: limit of the ledger entries kept in memory.
  LedgerMethod(std::shared_ptr<const Pipeline> pipeline, const StateTable* table, Phase phase,
               size_t cache_bytes, RowDeltas* deltas);

  // The rows of a scan's batch differ from each other.
  Status Take(const FoldRun& run, SplitWork* work, RecordBatch* batch) override;
  Status Clear() override;
  size_t PendingBytes() const override { return entries_.bytes(); }
  void BeginCommit() override;
  Result<Values> FillCommit(RowDeltas::Tables* deltas, Commit* commit) override;
  void EndCommit() override;

 private:
  // The effect of a batch's row.
  enum class Action : uint8_t {
    kNothing,  // it changes nothing
    kTouch,    // only marks that live has read a change of it
    kPut,
    kDelete,
    kHold,    // not all of its cells are known: it does not count
    kRefuse,  // a change of a row that may not change
  };
  struct RowPlan {
    Action action = Action::kNothing;
    bool is_newest = false;                 // the newest change of its row in the batch
    bool is_superseded = false;             // was the newest until another came
    bool is_incomplete = false;             // has a cell that no change gave
    bool is_dead = false;                   // told by a dead letter
    bool counts = false;                    // as kPut: it has been folded
    std::optional<std::string_view> known;  // the present entry
    std::string_view version;               // empty: the order of arrival decides
    uint64_t hash = 0;                      // of its key
    size_t row_begin = 0, row_size = 0;     // as kPut: its cells, in rows_
  };
  // The change of a row's entry.
  enum class Change : uint8_t { kNone, kSet, kForget };

  Status FindKnown(const RecordBatch& batch);
  void PlanRows(const RecordBatch& batch, uint32_t begin, uint32_t end);
  Status Decide(const FoldRun& run, RecordBatch* batch, SplitProgress* progress);
  Status DecideByLast(const FoldRun& run, RecordBatch* batch, SplitProgress* progress);
  uint32_t* NewestOf(const RecordBatch& batch, std::string_view key, uint64_t hash);
  Status DecideByFirst(const FoldRun& run, RecordBatch* batch, SplitProgress* progress);
  Status Complete(RecordBatch* batch, uint32_t row, std::optional<uint32_t> before,
                  SplitProgress* progress);
  struct Left {
    std::string cells;  // as AppendRow
    std::vector<TakenCell> taken;
  };
  struct Move {
    uint32_t row;  // in the batch; it tells that the row has another key now
    uint64_t offset;
    std::string_view key;  // the new key
    std::string entry;     // of the new key
    bool is_complete;
  };
  Result<std::optional<std::string_view>> EntryOf(std::string_view key);
  Result<std::optional<Left>> LeftFor(const RecordBatch& batch, uint32_t row);
  Status CompleteMoved(RecordBatch* batch, uint32_t row, SplitProgress* progress);
  std::optional<Left> LastOf(const RecordBatch& batch, uint32_t row,
                             std::optional<uint32_t> before) const;
  Status Leave(RecordBatch* batch, uint32_t row, std::optional<uint32_t> before,
               SplitProgress* progress);
  Status FinishMove(RecordBatch* batch, uint32_t row, std::string_view entry,
                    const std::optional<Left>& left, SplitProgress* progress);
  void AddMoves(const RecordBatch& batch, SplitProgress* progress);
  Result<bool> FillIn(RecordBatch* batch, uint32_t row, std::optional<uint32_t> before);
  Status ReadKnown(const RowPlan& plan);
  void TellIncomplete(const RecordBatch& batch, uint32_t row, uint32_t field,
                      SplitProgress* progress);
  void CheckSuperseded(const RecordBatch& batch, SplitProgress* progress);
  Action ActionOf(const FoldRun& run, const RecordBatch& batch, uint32_t row, RowPlan* plan);
  Action ActionOfFixedRow(const FoldRun& run, const RecordBatch& batch, uint32_t row,
                          RowPlan* plan);
  void NoteCells(const RecordBatch& batch, uint32_t row, RowPlan* plan);
  std::string_view RowOf(const RowPlan& plan) const {
    return std::string_view(rows_).substr(plan.row_begin, plan.row_size);
  }
  void Refuse(const RecordBatch& batch, uint32_t row, SplitProgress* progress);
  Status Retract(const RecordBatch& batch);
  void Add(RecordBatch* batch, SplitProgress* progress);
  void NoteEntries(const FoldRun& run, const RecordBatch& batch, uint32_t rows);
  void NoteContributors();
  Result<Values> RebuiltKeys(const GroupTable& taken, const std::vector<LedgerRow>& changes) const;
  Change EntryAfter(const FoldRun& run, const RecordBatch& batch, uint32_t row,
                    std::string* entry) const;

  const std::shared_ptr<const Pipeline> pipeline_;
  const StateTable* const table_;
  const Phase phase_;
  const bool rebuilds_;
  RowDeltas& deltas_;

  PendingEntries entries_;  // since the last commit
  PendingEntries committing_;
  LedgerCache cache_;   // of what is committed
  size_t missing_ = 0;  // rows of the last batch that it did not know

  // For the present batch.
  std::vector<RowPlan> plans_;
  std::vector<uint32_t> newest_;  // an index by hash; UINT32_MAX: free
  std::string rows_;              // their cells, one after the other
  std::vector<std::optional<std::string>> loaded_;
  std::unordered_map<uint32_t, std::vector<TakenCell>> taken_;  // by row, if it has any
  RecordBatch known_;                                           // a row, as ReadKnown read it
  Arena arena_;                                                 // of rows that ReadKnown read
  RecordBatch checking_;
  std::vector<Move> moves_;
  std::deque<std::string> kept_;                     // backs the views of known cells
  std::unordered_set<std::string> joined_, parted_;  // contributors to keys, if keys are rebuilt
};

}  // namespace murmur
