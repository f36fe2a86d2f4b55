// The ledger: what each row contributes, so that an update takes that away and adds what the row
// contributes now, and a delete takes it away. Live replaces; a scanned row counts only where live
// has said nothing of it (K1 to K10 of the ledger rule; docs/tables.md).
//
// A row whose key changes is deleted and put, at one place of the log, by two messages that may be
// read in any order: what the second leaves out, the row held under its old key.
//
// A change may leave out cells that it does not change (Cell::Unchanged): they are what the row
// held before, so that a row's cells are kept though it does not count. Each remembers which change
// told it, as a later message may bring a change that lies between (RowVersion).
//
// Aggregates that nothing can be taken away from (a minimum, a sketch) are counted anew from the
// rows of the key, whenever something is to be taken away from it (key_rebuild.h).
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
#include "runtime/ledger_cache.h"
#include "runtime/ledger_entry.h"
#include "runtime/pending_entries.h"
#include "runtime/row_method.h"

namespace murmur {

class LedgerMethod final : public RowMethod {
 public:
  enum class Phase : uint8_t {
    kScanning,  // a scan may still bring what live has said already: live's deletes leave marks
    kLive,
  };

  // Table and deltas outlive it. `cache_bytes`: of what is kept of the ledger to be found soon.
  LedgerMethod(std::shared_ptr<const Pipeline> pipeline, const StateTable* table, Phase phase,
               size_t cache_bytes, RowDeltas* deltas);

  // The rows of a scan's batch differ from each other.
  Status Take(const FoldRun& run, SplitWork* work, RecordBatch* batch) override;
  size_t PendingBytes() const override { return entries_.bytes(); }
  void BeginCommit() override;
  Result<Values> FillCommit(RowDeltas::Tables* deltas, Commit* commit) override;
  void EndCommit() override;

 private:
  // What a batch's row does.
  enum class Action : uint8_t {
    kNothing,  // it changes nothing
    kTouch,    // nothing but that live has seen it
    kPut,
    kDelete,
    kHold,    // not all that it holds is known: it does not count
    kRefuse,  // a change of a row that may not change
  };
  struct RowPlan {
    Action action = Action::kNothing;
    bool is_newest = false;                 // of what the batch says of its row
    bool is_superseded = false;             // was newest until another came
    bool is_incomplete = false;             // has a cell that nobody told
    bool is_dead = false;                   // told by a dead letter
    bool counts = false;                    // as kPut: it has been folded
    std::optional<std::string_view> known;  // the entry that there is
    std::string_view version;               // empty: order of arrival tells
    uint64_t hash = 0;                      // of its key
    size_t row_begin = 0, row_size = 0;     // as kPut: its cells, in rows_
  };
  // What becomes of a row's entry.
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
    uint32_t row;  // of the batch, which tells that the row has another key now
    uint64_t offset;
    std::string_view key;  // the new one
    std::string entry;     // of that
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

  // Of the batch at hand.
  std::vector<RowPlan> plans_;
  std::vector<uint32_t> newest_;  // an index by hash; UINT32_MAX: free
  std::string rows_;              // cells of one behind the other
  std::vector<std::optional<std::string>> loaded_;
  std::unordered_map<uint32_t, std::vector<TakenCell>> taken_;  // by row, where there are such
  RecordBatch known_;                                           // a row, as ReadKnown read it
  Arena arena_;                                                 // of rows that ReadKnown read
  RecordBatch checking_;
  std::vector<Move> moves_;
  std::deque<std::string> kept_;                     // what views of known cells are into
  std::unordered_set<std::string> joined_, parted_;  // contributors to keys; where keys are rebuilt
};

}  // namespace murmur
