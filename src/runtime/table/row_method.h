// Keeps a table's state exact while a scan and live read the same rows: decides what of each
// batch counts. RowFold leaves this to the method with which the version was begun. Called under
// RowFold's lock, except FillCommit.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "murmur/record.h"
#include "murmur/state.h"
#include "murmur/status.h"
#include "runtime/loop/fold_worker.h"
#include "runtime/table/row_deltas.h"

namespace murmur {

class RowMethod {
 public:
  RowMethod() = default;
  RowMethod(const RowMethod&) = delete;
  RowMethod& operator=(const RowMethod&) = delete;
  virtual ~RowMethod() = default;

  // Whether live must also give each row as it was before a change.
  virtual bool needs_before() const noexcept { return false; }

  // As RowFold::settled, if it depends on the method.
  virtual bool settled() const { return true; }

  // All changes up to this place of the log have come, or every read will include them.
  virtual void BeginAfter(std::string_view /*place*/) {}
  // Whether there is room for more changes from live while reads are under way.
  virtual bool HasRoom() const { return true; }
  // Whether live waits for room however long it takes.
  virtual bool MayWait() const { return false; }
  // A read of the rest of a scan's split begins; its read point is not earlier than now.
  virtual void BeginRead(const SplitWork& /*work*/) {}
  // Adds the batch's contribution; the caller moves the position. If a scan's batch can't be
  // counted any more, it sets work->read_again and changes nothing else.
  virtual Status Take(const FoldRun& run, SplitWork* work, RecordBatch* batch) = 0;
  // A scan's split has no more rows. `batch` is empty; its `seen` is the read point.
  virtual Status TakeEnd(SplitWork* /*work*/, const RecordBatch& /*batch*/) { return {}; }

  // All rows of the table are removed, by a commit of its own: nothing that was known of them
  // holds. REQUIRES: what was taken is committed. Errors: kUnavailable (the method can't tell what
  // is left)
  virtual Status Clear() { return {}; }

  // Bytes to be committed besides the deltas.
  virtual size_t PendingBytes() const = 0;
  // Marks what was taken so far as the content of the commit. More may be taken before EndCommit.
  virtual void BeginCommit() = 0;
  // Fills in commit->ledger. Leaves the commit's deltas in deltas->added, except for the keys in
  // the result: these get the values there. Called in the thread that commits.
  using Values = std::map<std::string, std::string>;
  virtual Result<Values> FillCommit(RowDeltas::Tables* deltas, Commit* commit) = 0;
  virtual void EndCommit() = 0;
};

}  // namespace murmur
