// How the fold of a table tells what a scan has seen from what live brings: what RowFold leaves to
// the method that a version was begun with. Called under RowFold's lock, but for FillCommit.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "murmur/record.h"
#include "murmur/state.h"
#include "murmur/status.h"
#include "runtime/fold_worker.h"
#include "runtime/row_deltas.h"

namespace murmur {

class RowMethod {
 public:
  RowMethod() = default;
  RowMethod(const RowMethod&) = delete;
  RowMethod& operator=(const RowMethod&) = delete;
  virtual ~RowMethod() = default;

  // Live is to tell what a row was before a change, too.
  virtual bool needs_before() const noexcept { return false; }

  // As RowFold::settled, where only the method can tell.
  virtual bool settled() const { return true; }

  // What changed up to this place of the log has come, or is in all reads.
  virtual void BeginBehind(std::string_view /*place*/) {}
  // Live may go on: there is room for what it brings while reads are under way.
  virtual bool HasRoom() const { return true; }
  // A read of what is left of a scan's split begins: what it finds is as of now, or of later.
  virtual void BeginRead(const SplitWork& /*work*/) {}
  // Adds what the batch comes to, all but its position. Where a scan's batch can't be counted any
  // more, nothing changes but work->read_again.
  virtual Status Take(const FoldRun& run, SplitWork* work, RecordBatch* batch) = 0;
  // A scan's split has no more rows; `batch`, which is empty, says as of when.
  virtual Status TakeEnd(SplitWork* /*work*/, const RecordBatch& /*batch*/) { return {}; }

  // Beside the deltas.
  virtual size_t PendingBytes() const = 0;
  // What was taken so far is what is to be committed; until EndCommit, more may be taken.
  virtual void BeginCommit() = 0;
  // Fills in commit->ledger, and leaves in deltas->added what the commit comes to, but for the
  // keys that are to have the values returned. In the thread that commits.
  using Values = std::map<std::string, std::string>;
  virtual Result<Values> FillCommit(RowDeltas::Tables* deltas, Commit* commit) = 0;
  virtual void EndCommit() = 0;
};

}  // namespace murmur
