// Cuts: live gives each row as it was before a change, and each read tells its read point. So
// nothing is stored per row: a change either counts, or is in what was read, or will be in what is
// read (cut_map.h). At every commit the state is that of the rows read so far, as of the position
// of live.
//
// A version can also be built for the moment where live began, once live has passed all that was
// read. Then a change that would count is skipped, and any other is subtracted from what was read.
//
// A row's contribution must not depend on when it arrived: rows with future times count, and no
// window expires (definition/table_method.h).
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "fold/pipeline.h"
#include "fold/row_codec.h"
#include "runtime/table/cuts/cut_map.h"
#include "runtime/table/row_method.h"

namespace murmur {

// The moment that the counted rows represent, once live has passed all that was read.
enum class RowsAsOf : uint8_t { kPosition, kBegin };  // where live is; where live began

class CutMethod final : public RowMethod {
 public:
  // The deltas outlive it.
  CutMethod(const std::shared_ptr<const Pipeline>& pipeline, CutMap cuts, RowsAsOf as_of,
            RowDeltas* deltas);

  bool needs_before() const noexcept override { return true; }
  bool settled() const override { return cuts_.settled(); }
  void BeginAfter(std::string_view place) override;
  bool HasRoom() const override { return cuts_.HasRoom(); }
  bool MayWait() const override { return cuts_.IsInOneRead(); }
  void BeginRead(const SplitWork& work) override { cuts_.BeginRead(work.split.id); }
  Status Take(const FoldRun& run, SplitWork* work, RecordBatch* batch) override;
  Status TakeEnd(SplitWork* work, const RecordBatch& batch) override;
  Status Clear() override;
  size_t PendingBytes() const override { return 0; }  // that a commit would free
  void BeginCommit() override { committing_ = cuts_.TakeChanges(); }
  Result<Values> FillCommit(RowDeltas::Tables* deltas, Commit* commit) override;
  void EndCommit() override {}

 private:
  Status CheckOverfilled(const SplitWork& work) const;
  // Rows out of order would be counted in the wrong cut, or twice.
  Status CheckOrder(const SplitWork& work, const RecordBatch& batch) const;
  Status TakeRead(SplitWork* work, RecordBatch* batch);
  Status TakeChanges(SplitWork* work, RecordBatch* batch);
  Status TakeMissed(const RecordBatch& batch, SplitProgress* progress);
  Status AddMissed(const RecordBatch& batch, SplitProgress* progress);
  void Add(const std::vector<bool>& keep, RecordBatch* batch, SplitProgress* progress);

  CutMap cuts_;
  const RowsAsOf as_of_;
  RowDeltas& deltas_;
  std::vector<LedgerRow> committing_;

  // For the present batch.
  std::deque<std::string> cells_;
  std::vector<CutMap::Held> missed_;
  StoredRows missed_rows_;
};

}  // namespace murmur
