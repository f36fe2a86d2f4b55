// Where records come from. A source is cut into splits; a worker opens a split at a position and
// reads batches until it ends. Snapshot sources, replay drivers and live sources give the same
// kind of stream, so that one loop folds them all.
//
// Contract, tested for every implementation by testing/snapshot_source_contract.h:
//  - Every record of the source is in exactly one split, and is read exactly once when each split
//    is read from its start to its end, in any order of splits, by any number of threads.
//  - Reading a split again from any position that a batch of it carried (`after`) gives exactly
//    the records behind that batch, with the same objects and offsets.
//  - Every call that takes a std::stop_token returns within a second of a stop, whatever it waits
//    for, with kCancelled if it had not come to its end; a Read has emitted nothing then, and no
//    later one does.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/record.h"
#include "murmur/status.h"

namespace murmur {

struct SplitProgress;  // murmur/state.h

// The live positions captured before a snapshot: stream name → partition → position.
// Durable before the first row is read, captured once per generation.
struct HandoffToken {
  std::map<std::string, std::map<std::string, std::string>> streams;
  bool operator==(const HandoffToken&) const = default;
};

// An independently readable piece of a source: a byte range, a row group, a partition.
struct Split {
  std::string id;       // unique in its scan, stable over restarts: "data/a.jsonl#0"
  uint64_t bytes = 0;   // for progress; an estimate is fine
  std::string payload;  // what the source needs to open it again; text
};

// How what a scan of a table finds is told from what live brings (docs/tables.md).
enum class TableMethod : uint8_t {
  kLedger,  // by what is known of each row
  kCut,     // by when each stretch of rows was read
};

// Rows of a table by their keys, in the order of bytes.
struct RowRange {
  std::string from;                  // the first
  std::optional<std::string> until;  // the first behind it; none: all
};

// What a scan will read, frozen when it starts: the same splits after a restart, whatever the
// source looks like by then. Stored in the state before the first row; with the positions of its
// splits it is the marker that resume takes.
struct ScanPlan {
  std::string source;  // Name() of the source that made it
  std::vector<Split> splits;
  std::string payload;  // frozen facts of the source (objects with size and mtime); text
  std::string inexact;  // why a record may be in it more than once; empty: none is
  // A record may be in it more than once, and the definition's id tells: of those with one id the
  // first that is read counts.
  bool deduplicate = false;
  TableMethod method = TableMethod::kLedger;  // of a table
};

struct ScanEnd {
  // Where live goes on, for history that ends at known positions; else empty.
  HandoffToken live_from;
  std::string inexact;  // why records may have been counted more than once; empty: none was
  // The ids of a plan that says `deduplicate` are kept, for live to skip them.
  bool keep_ids = false;
};

enum class ReadState { kRecords, kIdle, kEnd };

// A forward-only reader of one split. One thread at a time. Must not outlive its source.
class RecordStream {
 public:
  RecordStream() = default;
  RecordStream(const RecordStream&) = delete;
  RecordStream& operator=(const RecordStream&) = delete;
  virtual ~RecordStream() = default;

  // Replaces *batch with the next 0 to kBatchRows records and the dead letters between them, in
  // the split's order. kRecords: the batch advanced (it may hold dead letters only). kIdle:
  // nothing came so far; read again. kEnd: the split is finished; the batch has no rows.
  // `batch` must have been made with the projection that the stream was opened with.
  // Errors: kCancelled (stop), kUnavailable (try again), kDataLoss and others name the object.
  // After an error the stream is dead.
  virtual Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) = 0;

  // False while it is not known yet whether what is there is what was read before (live only).
  virtual bool Checked() const { return true; }
};

// One pass over what a datastore holds now. Open() may be called from many threads at once; the
// other methods from one.
class SnapshotSource {
 public:
  SnapshotSource() = default;
  SnapshotSource(const SnapshotSource&) = delete;
  SnapshotSource& operator=(const SnapshotSource&) = delete;
  virtual ~SnapshotSource() = default;

  // "jsonl:data/*.jsonl": stable over hosts, ports and credentials, holds no secret; keys the
  // positions in the state.
  virtual std::string_view Name() const noexcept = 0;

  // Where live must start so that it misses nothing; early rather than late. Called once per
  // generation, before Scan. An empty token: this source has no live side.
  // Errors: kFailedPrecondition (the origin keeps no change log), kCancelled.
  virtual Result<HandoffToken> CaptureHandoff(std::stop_token stop) = 0;

  // Freezes what will be read. Errors: kNotFound (nothing matches; names the pattern).
  virtual Result<ScanPlan> Scan(std::stop_token stop) = 0;

  // Takes up a plan of this source from this process or an earlier one, and checks that what it
  // froze is still there. Errors: kInvalidArgument (not this source's plan), kFailedPrecondition
  // (an object changed or is gone; names it), kUnimplemented (one-shot readers: stdin), kCancelled.
  virtual Status Resume(const ScanPlan& plan, std::stop_token stop) = 0;

  // A stream over `split`, from its start (`after` empty) or behind `after`. Errors: kCancelled.
  // REQUIRES: Scan or Resume succeeded, and `split` is of that plan.
  virtual Result<std::unique_ptr<RecordStream>> Open(const Split& split, const Position& after,
                                                     const Projection& projection,
                                                     std::stop_token stop) = 0;

  // Of a table: why its live side does not tell what a row was before a change, from now on, and
  // what to do about it; empty: it does (Projection::before), and reads say what they saw
  // (RecordBatch::seen). Errors: kUnavailable.
  virtual Result<std::string> WhyNoBefore(std::stop_token /*stop*/) {
    return std::string("this source does not tell what rows were before a change");
  }
  // The rows that `split` has. REQUIRES: as Open, and WhyNoBefore is empty
  virtual Result<RowRange> RowsOf(const Split& split) const {
    return Status(Code::kUnimplemented, split.id + ": has no row keys");
  }

  // What a user should know of the last Scan or Resume: what was left out, and why.
  virtual std::vector<std::string> Notes() const { return {}; }

  // Splits that only show once all splits so far are read to their ends, as `progress` says; asked
  // for until there are none. The same progress gives the same splits, after a restart too.
  using ProgressMap = std::map<std::string, SplitProgress>;
  virtual Result<std::vector<Split>> More(const ScanPlan& /*plan*/, const ProgressMap& /*progress*/,
                                          std::stop_token /*stop*/) {
    return std::vector<Split>();
  }

  // What came of the scan. `progress` is that of all splits, read to their ends.
  // Errors: kFailedPrecondition (what was read is not what was frozen), kCancelled.
  virtual Result<ScanEnd> Finish(const ScanPlan& plan, const ProgressMap& /*progress*/,
                                 std::stop_token /*stop*/) {
    return ScanEnd{.live_from = {}, .inexact = plan.inexact};
  }

  virtual Status Close() = 0;  // idempotent; streams must be gone
};

// What a log of changes still has, in µs since the Unix epoch by the clock of its origin.
struct LogReach {
  int64_t oldest = 0;  // its first change
  int64_t read_up_to = 0;
  int64_t now = 0;
  std::string remedy;  // how to make it longer; one sentence
};

// What happens after a snapshot: an open-ended stream, cut into splits (partitions, shards) that
// are read side by side, each in its order. Contract suite: testing/live_source_contract.h.
// Threads: Open, Distance and NoteCommitted from many at once; the other methods from one.
class LiveSource {
 public:
  LiveSource() = default;
  LiveSource(const LiveSource&) = delete;
  LiveSource& operator=(const LiveSource&) = delete;
  virtual ~LiveSource() = default;

  // As SnapshotSource::Name.
  virtual std::string_view Name() const noexcept = 0;

  // Positions that all of what is written from now on lies behind, early rather than late: for a
  // snapshot that knows none of its own. Errors: kUnavailable, kNotFound.
  virtual Result<HandoffToken> CaptureHandoff(std::stop_token stop) = 0;

  // The splits that there are now; ids stay, and no split goes. Errors: kUnavailable (nobody
  // answers; what was asked), kNotFound, kFailedPrecondition (it can't be counted exactly; why).
  virtual Result<std::vector<Split>> Splits(std::stop_token stop) = 0;

  using PositionMap = std::map<std::string, Position>;  // by split id
  // Where each of `splits` is read from the first time: as `token` says, or, if that names no
  // position of this source, as the definition's `start` does. A split that shows later is read
  // from its start, Position "". Errors: kFailedPrecondition (neither says), kUnavailable.
  virtual Result<PositionMap> Begin(const std::vector<Split>& splits, const HandoffToken& token,
                                    std::stop_token stop) = 0;
  // Behind the last record that each of `splits` has now. Errors: kUnavailable.
  virtual Result<PositionMap> Ends(const std::vector<Split>& splits, std::stop_token stop) = 0;
  // About how many records lie between two positions of a split; 0: `position` has reached `end`.
  virtual uint64_t Distance(const Position& position, const Position& end) const = 0;

  // The place in the log (RecordBatch::places) up to which all has come at `position`; empty: this
  // source has no places.
  virtual Result<std::string> PlaceOf(const Position& /*position*/) const { return std::string(); }

  // A stream over `split` behind `after`. Its Read does not wait: `wake` is called, by any thread,
  // when records may have come since a Read was kIdle; at the latest then, it is tried again.
  // Errors, of Open or of a Read: kOutOfRange (the records behind `after` are gone: what is there,
  // and what to do), kFailedPrecondition (it is another stream by now).
  virtual Result<std::unique_ptr<RecordStream>> Open(const Split& split, const Position& after,
                                                     const Projection& projection,
                                                     std::function<void()> wake,
                                                     std::stop_token stop) = 0;

  // How far back the log reaches that is read from `positions` on. Empty: it forgets nothing, or
  // does not say. Errors: kPermissionDenied (it may not be asked; what is missing), kUnavailable.
  virtual Result<std::optional<LogReach>> Reach(const PositionMap& /*positions*/,
                                                std::stop_token /*stop*/) {
    return std::optional<LogReach>();
  }

  // These are durable; for those who watch how far the source's readers are. Never read back.
  virtual void NoteCommitted(const PositionMap& /*positions*/) {}

  // RecordBatch::object of what is read of the split.
  virtual std::string ObjectOf(const Split& split) const { return split.id; }

  // What a user should know of what was read, once; from any thread.
  virtual std::vector<std::string> TakeNotes() { return {}; }

  // Where the definition names a place for dead letters beside the state's own file: puts them
  // there and returns when they are safe. After a crash the same ones may come again. Errors:
  // kUnavailable (some may be there; try again).
  virtual bool TakesDeadLetters() const { return false; }
  virtual Status PublishDeadLetters(const std::vector<DeadLetter>& /*letters*/,
                                    std::stop_token /*stop*/) {
    return {};
  }

  virtual Status Close() = 0;  // idempotent; streams must be gone
};

}  // namespace murmur
