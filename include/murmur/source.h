// Where records come from. A source is cut into splits; a worker opens a split at a position and
// reads batches until it ends. Snapshot sources, replay drivers and live sources give the same kind
// of stream, so one loop folds them all.
// Contract, tested by murmur/testing/snapshot_source_contract.h (tables: table_source_contract.h):
//  - Every record of the source is in exactly one split, and is read exactly once when each split
//    is read from its start to its end, in any order of splits, by any number of threads.
//  - Reading a split again from any position of a batch (`after`) gives exactly the records after
//    that batch, with the same objects and offsets.
//  - Every call that takes a std::stop_token returns within a second of a stop, whatever it waits
//    for; with kCancelled if it was not finished. Such a Read has emitted nothing, and no later
//    Read does.
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

// The live positions captured before a snapshot: stream name → partition → position. Made durable
// before the first row is read; captured once per version of the state.
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

// How to tell what a scan of a table already includes from what live adds (docs/tables.md).
enum class TableMethod : uint8_t {
  kLedger,  // by what is stored for each row
  kCut,     // by the read point of each cut of rows
};

// A range of a table's rows by key, in byte order.
struct RowRange {
  std::string from;                  // the first row
  std::optional<std::string> until;  // the first row after the range; none: no upper bound
  // Its rows have no names but their numbers in one read, and in no order of the log's: a change
  // waits for the end of the read.
  bool is_one_read = false;
};

// How what a read of a table saw lies to the changes in the table's log. Only the source knows:
// where reads see changes in the order of the log, both are places in that order
// (ReadPointsInOrder); where they don't, as in PostgreSQL, a read point says which transactions it
// saw. All arguments are bytes that the source made (TableRows). Threads: all functions may be
// called at once.
class ReadPoints {
 public:
  virtual ~ReadPoints() = default;
  // Whether the read saw the change at `place`.
  virtual bool Saw(std::string_view read_point, std::string_view place) const = 0;
  // Whether the read saw every change that live has passed. `passed` was made by Pass; empty: none.
  virtual bool Covers(std::string_view read_point, std::string_view passed) const = 0;
  // Whether every change that the read saw lies before this place of live: TableRows::watermark, or
  // LiveSource::PlaceOf a position. True stays true as live goes on.
  virtual bool IsPassed(std::string_view read_point, std::string_view watermark) const = 0;
  // Adds the change at `place` to those that live has passed. What *passed holds must stay small.
  virtual void Pass(std::string_view place, std::string* passed) const = 0;
};

// Places and read points are ordered by their bytes: a read saw the changes up to its own place.
class ReadPointsInOrder final : public ReadPoints {
 public:
  bool Saw(std::string_view read_point, std::string_view place) const override {
    return place <= read_point;
  }
  bool Covers(std::string_view read_point, std::string_view passed) const override {
    return passed <= read_point;
  }
  bool IsPassed(std::string_view read_point, std::string_view watermark) const override {
    return read_point <= watermark;
  }
  void Pass(std::string_view place, std::string* passed) const override {
    if (place > *passed) *passed = place;
  }
};
inline const ReadPointsInOrder kReadPointsInOrder;

// What a scan will read, frozen when it starts: a restart gives the same splits, even if the source
// has changed. Stored in the state before the first row. Plan and positions of its splits are the
// marker that a scan resumes from.
struct ScanPlan {
  std::string source;  // Name() of the source that made it
  std::vector<Split> splits;
  std::string payload;  // frozen facts of the source (objects with size and mtime); text
  std::string inexact;  // why a record may be read more than once; empty: none is
  // A record may be read more than once. Records are then identified by the definition's id, and of
  // those with one id the first that is read counts.
  bool deduplicate = false;
  TableMethod method = TableMethod::kLedger;  // for a table
};

struct ScanEnd {
  // Where live goes on, if the history ends at known positions; else empty.
  HandoffToken live_from;
  std::string inexact;  // why records may have been counted more than once; empty: none was
  // Keep the ids of a plan with `deduplicate`, so that live can skip those records.
  bool keep_ids = false;
  // Of a table: ends of live that are only assumed to be reached (LiveSource::IsSure), by split.
  std::map<std::string, Position> assumed_ends;
};

enum class ReadState { kRecords, kIdle, kEnd };

// A forward-only reader of one split. One thread at a time. Must not outlive its source.
class RecordStream {
 public:
  RecordStream() = default;
  RecordStream(const RecordStream&) = delete;
  RecordStream& operator=(const RecordStream&) = delete;
  virtual ~RecordStream() = default;

  // Replaces *batch with the next 0 to kBatchRows records, in the split's order, and the dead
  // letters among them. kRecords: the batch advanced (it may hold only dead letters). kIdle:
  // nothing yet; read again. kEnd: the split is finished; the batch has no rows. `batch` must have
  // been made with the projection that the stream was opened with.
  // Errors: kCancelled (stop), kUnavailable (try again), kDataLoss and others name the object.
  // After an error the stream can't be read any more.
  virtual Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) = 0;

  // False until the stream has verified that its source still is the one read before (live only).
  virtual bool Checked() const { return true; }
};

// One pass over what a datastore holds now.
// Threads: Open from many at once; the other methods from one.
class SnapshotSource {
 public:
  SnapshotSource() = default;
  SnapshotSource(const SnapshotSource&) = delete;
  SnapshotSource& operator=(const SnapshotSource&) = delete;
  virtual ~SnapshotSource() = default;

  // "jsonl:data/*.jsonl". The same for all hosts, ports and credentials, and without secrets; the
  // state stores positions under it.
  virtual std::string_view Name() const noexcept = 0;

  // Where live must start to miss nothing that is written from now on; it may be too early, never
  // too late. A Scan after it reads what there is then, or later. It only asks, as often as one
  // likes. An empty token: this source has no live side. Errors: kFailedPrecondition (the origin
  // keeps no change log), kCancelled.
  virtual Result<HandoffToken> HandoffNow(std::stop_token stop) = 0;

  // Freezes what will be read. Errors: kNotFound (nothing matches; names the pattern).
  virtual Result<ScanPlan> Scan(std::stop_token stop) = 0;

  // Resumes a plan of this source, made by this process or an earlier one, after checking that
  // everything it froze is still there. Errors: kInvalidArgument (not this source's plan),
  // kFailedPrecondition (an object changed or is gone; names it), kUnimplemented (a reader that
  // can't seek: stdin), kCancelled.
  virtual Status Resume(const ScanPlan& plan, std::stop_token stop) = 0;

  // A stream over `split`, from its start (`after` empty) or from the position `after`. Errors:
  // kCancelled.
  // REQUIRES: Scan or Resume succeeded, and `split` belongs to that plan.
  virtual Result<std::unique_ptr<RecordStream>> Open(const Split& split, const Position& after,
                                                     const Projection& projection,
                                                     std::stop_token stop) = 0;

  // For a table: the reason and the remedy if its live side can't give rows as they were before
  // each change, from now on. Empty: it can (Projection::before), and reads give their read point
  // (TableRows::read_point). Errors: kUnavailable.
  virtual Result<std::string> WhyNoBefore(std::stop_token /*stop*/) {
    return std::string("this source does not tell what rows were before a change");
  }
  // For a table: the reason if the rows of a split don't come in the order of their keys' bytes
  // (TableRows::row_keys), each split a range of that order. Empty: they do. A server that orders
  // by a collation doesn't; docs/architecture.md tells what its source can do. Cuts are ranges of
  // keys, so where there is a reason the ledger is used. Errors: kUnavailable.
  virtual Result<std::string> WhyNotInKeyOrder(std::stop_token /*stop*/) { return std::string(); }
  // For a table: the reason and the remedy if its rows have no keys that tell them apart, so that
  // no ledger can be kept. Empty: they have. Errors: kUnavailable.
  virtual Result<std::string> WhyNoLedger(std::stop_token /*stop*/) { return std::string(); }
  // For a table: whether its split can't be read on from its middle, since its rows have no order.
  // What was counted of an unfinished read is then removed, and the scan begins anew.
  // REQUIRES: as Open
  virtual bool IsInOneRead() const { return false; }
  // For a table that can: how its read points lie to the places of its live side, which is then one
  // split.
  virtual const ReadPoints& read_points() const { return kReadPointsInOrder; }
  // The rows of `split`. REQUIRES: as Open, and WhyNoBefore and WhyNotInKeyOrder are empty
  virtual Result<RowRange> RowsOf(const Split& split) const {
    return Status(Code::kUnimplemented, split.id + ": has no row keys");
  }

  // What a user should know of the last Scan or Resume: what was left out, and why.
  virtual std::vector<std::string> Notes() const { return {}; }
  // What a user should know while it goes on; each note is given once. Threads: any.
  virtual std::vector<std::string> TakeNotes() { return {}; }

  // Splits that are known only after all earlier splits have been read to their ends, as `progress`
  // shows. Called until it gives none. The same progress gives the same splits, also after a
  // restart.
  using ProgressMap = std::map<std::string, SplitProgress>;
  virtual Result<std::vector<Split>> More(const ScanPlan& /*plan*/, const ProgressMap& /*progress*/,
                                          std::stop_token /*stop*/) {
    return std::vector<Split>();
  }

  // The result of the scan. `progress` has all splits, read to their ends. Errors:
  // kFailedPrecondition (what was read is not what was frozen), kCancelled.
  virtual Result<ScanEnd> Finish(const ScanPlan& plan, const ProgressMap& /*progress*/,
                                 std::stop_token /*stop*/) {
    return ScanEnd{.live_from = {}, .inexact = plan.inexact};
  }

  virtual Status Close() = 0;  // idempotent; streams must be gone
};

// How much of a change log is still kept.
struct LogReach {
  // In µs since the Unix epoch by the origin's clock.
  struct Times {
    int64_t oldest = 0;  // of its first change
    int64_t read_up_to = 0;
    int64_t now = 0;
  };
  struct Bytes {
    uint64_t kept = 0;             // for this reader
    std::optional<uint64_t> left;  // until it is not kept any more; empty: there is no limit
  };
  std::optional<Times> times;
  std::optional<Bytes> bytes;
  std::string remedy;  // how to keep more of it; one sentence
};

// What happens after a snapshot: an open-ended stream, cut into splits (partitions, shards) that
// are read in parallel, each in its order. Contract suite: murmur/testing/live_source_contract.h.
// Threads: Open, Distance and NoteCommitted from many at once; the other methods from one.
class LiveSource {
 public:
  LiveSource() = default;
  LiveSource(const LiveSource&) = delete;
  LiveSource& operator=(const LiveSource&) = delete;
  virtual ~LiveSource() = default;

  // As SnapshotSource::Name.
  virtual std::string_view Name() const noexcept = 0;

  // Positions such that all records written from now on come after them; they may be too early. It
  // only asks. Errors: kUnavailable, kNotFound.
  virtual Result<HandoffToken> HandoffNow(std::stop_token stop) = 0;

  // An origin that forgets its log unless it is asked to keep it (replication slots) keeps it for
  // holds. A hold has a name, keeps the log from a place on, and admits one reader: each version
  // has its own, and records its name before the hold is made, so that none is ever forgotten.
  // Whether this is such an origin.
  virtual bool NeedsHold() const { return false; }
  // A hold that somebody made for this source before, and the definition names: the first version
  // takes it over. It never ends here. Empty: there is none.
  virtual std::string GivenHold() const { return {}; }
  // Makes the hold, or takes over the one that is given. The token is as that of HandoffNow: what
  // is written from now on is kept. If there is one of this name, nothing was read through it yet,
  // and it may be made anew. Errors: as HandoffNow; kResourceExhausted (the origin admits no more
  // holds).
  virtual Result<HandoffToken> Hold(const std::string& /*name*/, std::stop_token stop) {
    return HandoffNow(std::move(stop));
  }
  // Reads through this hold. Call it before Begin and Open.
  virtual void ReadThrough(const std::string& /*hold*/) {}
  // Ends a hold; OK if there is none. Errors: kUnavailable, kFailedPrecondition (it has a reader).
  virtual Status LetGo(const std::string& /*hold*/, std::stop_token /*stop*/) { return {}; }
  // The holds whose names begin so. Errors: kUnavailable.
  virtual Result<std::vector<std::string>> Holds(const std::string& /*prefix*/,
                                                 std::stop_token /*stop*/) {
    return std::vector<std::string>();
  }

  // The present splits. Ids never change and no split disappears. Errors: kUnavailable (no answer;
  // says to what), kNotFound, kFailedPrecondition (it can't be counted exactly; says why).
  virtual Result<std::vector<Split>> Splits(std::stop_token stop) = 0;

  using PositionMap = std::map<std::string, Position>;  // by split id
  // The first position of each of `splits`: from `token`, or, if that has no position of this
  // source, from the definition's `start`. Splits that appear later are read from their start,
  // Position "".
  // Errors: kFailedPrecondition (neither has one), kUnavailable.
  virtual Result<PositionMap> Begin(const std::vector<Split>& splits, const HandoffToken& token,
                                    std::stop_token stop) = 0;
  // The positions after the last record that each of `splits` has now. Errors: kUnavailable.
  virtual Result<PositionMap> Ends(const std::vector<Split>& splits, std::stop_token stop) = 0;
  // About how many records lie between two positions of a split; 0: `position` has reached `end`.
  virtual uint64_t Distance(const Position& position, const Position& end) const = 0;
  // Where the end of a log can't be asked for, it may be assumed to be reached, after some time
  // without records, before that is sure. Whether it is. REQUIRES: Distance of these is 0
  virtual bool IsSure(const Position& /*position*/, const Position& /*end*/) const { return true; }

  // The place in the change log up to which `position` has read everything, as
  // TableRows::watermark. Empty: this source has no places.
  virtual Result<std::string> PlaceOf(const Position& /*position*/) const { return std::string(); }

  // A stream over `split` from the position `after`. Its Read does not wait. After a kIdle, any
  // thread may call `wake` when records may have come; the caller reads again then at the latest.
  // Errors of Open or of a Read: kOutOfRange (the records after `after` are gone; says what is left
  // and what to do), kFailedPrecondition (it is another stream by now).
  virtual Result<std::unique_ptr<RecordStream>> Open(const Split& split, const Position& after,
                                                     const Projection& projection,
                                                     std::function<void()> wake,
                                                     std::stop_token stop) = 0;

  // How much of the log is kept, for a reader at `positions`. Empty: the log is kept for ever, or
  // the source can't tell. Errors: kPermissionDenied (says which right is missing), kUnavailable.
  virtual Result<std::optional<LogReach>> Reach(const PositionMap& /*positions*/,
                                                std::stop_token /*stop*/) {
    return std::optional<LogReach>();
  }

  // Reports durable positions to the source, for those who monitor its readers. Never read back.
  virtual void NoteCommitted(const PositionMap& /*positions*/) {}

  // The RecordBatch::object of the split's records.
  virtual std::string ObjectOf(const Split& split) const { return split.id; }

  // What a user should know of what was read; each note is given once. Threads: any.
  virtual std::vector<std::string> TakeNotes() { return {}; }

  // For a definition that names a place for dead letters besides the state's own file: sends them
  // there and returns when they are safe. After a crash the same letters may come again. Errors:
  // kUnavailable (some may have arrived; try again).
  virtual bool TakesDeadLetters() const { return false; }
  virtual Status PublishDeadLetters(const std::vector<DeadLetter>& /*letters*/,
                                    std::stop_token /*stop*/) {
    return {};
  }

  virtual Status Close() = 0;  // idempotent; streams must be gone
};

}  // namespace murmur
