// Where the answers live. A StateTable is one version of one pipeline's state: (key, bucket) →
// encoded value, the positions that it has consumed, the dead letters, and for a table source the
// ledger: what each of its rows contributes.
// A commit moves all of them, atomically and durably, or none of them.
// Contract suite: murmur/testing/state_table_contract.h.
// Threads: every method may be called at once, unless it says otherwise.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/record.h"
#include "murmur/source.h"
#include "murmur/status.h"

namespace murmur {

// A field of the pipeline for which no record had a value.
struct AbsentField {
  std::string name;
  std::string like;  // a field of the records with a similar name; empty: none
  bool operator==(const AbsentField&) const = default;
};

// What a split's progress is about.
enum class SplitRole : uint8_t {
  kUnknown,  // written by a release that did not say
  kScan,     // a part of a scan, which has an end
  kLive,     // a part of a live source, which has none
  kMark,     // no part of a source: a position that a writer moves to be fenced, or to remember
};

// How far one split has been read, and what came of it. Counters start at the split's start.
struct SplitProgress {
  Position position;  // empty: at the start
  SplitRole role = SplitRole::kUnknown;
  bool done = false;
  uint64_t bytes = 0;
  uint64_t records = 0;     // counted, or filtered by `where`: all except dead letters
  uint64_t filtered = 0;    // refused by `where`
  uint64_t expired = 0;     // dropped: their window had expired
  uint64_t duplicates = 0;  // dropped: a record with the same id had been read
  std::array<uint64_t, kDeadReasonCount> dead{};
  int64_t newest_time = INT64_MIN;  // µs; of the records counted
  // Over the records that could be decoded, in order of name; none: there was no such record.
  std::optional<std::vector<AbsentField>> absent;
  bool operator==(const SplitProgress&) const = default;
};

struct SplitMove {
  std::string split;
  Position from;  // the position that the writer believes to be stored; the fence. Empty: none yet
  SplitProgress to;
};

// Deltas in ascending order of key, each key once.
class DeltaCursor {
 public:
  virtual ~DeltaCursor() = default;
  // The views are valid until the next call. False at the end.
  virtual bool Next(std::string_view* key, std::string_view* value) = 0;
  // Makes Next start again with the first delta: a commit may have to be tried more than once.
  virtual void Rewind() = 0;
  // Whether the value that Next gave replaces the key's value rather than being added to it; empty:
  // the key is removed. REQUIRES: no other commit under way touches the key.
  virtual bool Replaces() const { return false; }
};

// The ledger's entry for one row of a table source. The store does not interpret it.
struct LedgerRow {
  std::string key;                   // of the row: RecordBatch::row_keys
  std::optional<std::string> entry;  // none: the entry is removed
};

// What changes a version, in one step. Its conditions, without which nothing of it is stored: the
// epoch, the position that each move comes from, and that none of `ids` is stored. A commit whose
// answer never arrived is settled by reading them (StateTable::Apply).
struct Commit {
  std::vector<SplitMove> moves;   // at least one
  DeltaCursor* deltas = nullptr;  // null: none
  uint64_t delta_count = 0;
  std::vector<DeadLetter> dead_letters;
  std::vector<std::string> ids;   // ids of the records counted, if the plan says `deduplicate`
  std::vector<LedgerRow> ledger;  // in ascending order of key, each key once
  // Changes whose transaction has not ended yet, kept under keys of the writer's choice; as
  // `ledger`, but not cleared.
  std::vector<LedgerRow> held = {};
  // First removes every value and every ledger entry: all rows of the table are gone.
  bool clear = false;
};

// The most that one commit may hold.
struct CommitLimits {
  uint64_t bytes = UINT64_MAX;  // of keys, values, entries and dead letters
};

enum class VersionStatus : uint8_t { kBuilding, kComplete, kFailed };

// What a version stores about itself.
struct VersionInfo {
  uint64_t number = 0;
  VersionStatus status = VersionStatus::kBuilding;
  std::string failure;               // why, when kFailed
  std::string mode;                  // "bootstrap", "replay"
  std::string source;                // SnapshotSource::Name of what it reads
  std::string range;                 // the part of the source that was asked for; empty: all
  std::string inexact;               // why records may count more than once; empty: they don't
  bool swap_when_complete = false;   // also after a killed run goes on
  int64_t created = 0;               // µs since the Unix epoch
  std::string identity;              // DefinitionIdentity of its definition
  std::string definition;            // what counts, as text that only Murmur reads
  std::vector<std::string> monoids;  // Monoid::Name of each aggregate, in order
  std::string log_hold;              // LiveSource::Hold through which it is followed; empty: none
  // Ends of live by split that complete the scan of a table, and are only assumed to be reached.
  std::map<std::string, Position> assumed_ends;
  bool operator==(const VersionInfo&) const = default;
};

// When a read gives up. Reads look at it at their start and every kScanLimitKeys keys.
struct ScanLimit {
  std::stop_token stop = {};
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();

  // Errors: kCancelled, kDeadlineExceeded.
  Status Check() const;
};
inline constexpr uint64_t kScanLimitKeys = 4096;

// Reads one consistent state of a table. Must not outlive it.
class StateSnapshot {
 public:
  virtual ~StateSnapshot() = default;
  // Empty optional: no such key, or expired.
  virtual Result<std::optional<std::string>> Get(std::string_view key) const = 0;
  // Visits keys in [from, until), ascending; `until` empty: to the end. Expired buckets are not
  // visited, but count towards kScanLimitKeys. The callback returns false to stop.
  // Errors: those of ScanLimit::Check, kDataLoss, kUnavailable.
  using Visitor = std::function<bool(std::string_view key, std::string_view value)>;
  virtual Status Scan(std::string_view from, std::string_view until, const Visitor& visit,
                      const ScanLimit& limit = {}) const = 0;
  virtual Result<std::map<std::string, SplitProgress>> Progress() const = 0;
  // The greatest newest_time over all splits; INT64_MIN: none.
  virtual Result<int64_t> NewestTime() const = 0;
  // The first bucket that has not expired; INT64_MIN: none has expired.
  virtual int64_t FirstBucket() const = 0;
  // Visits dead letters by object and offset, ascending, until `visit` returns false.
  virtual Status ScanDeadLetters(const std::function<bool(const DeadLetter&)>& visit) const = 0;
  // The dead letters of one object, from an offset on.
  virtual Status ScanDeadLettersOf(std::string_view object, uint64_t from,
                                   const std::function<bool(const DeadLetter&)>& visit) const = 0;
  // Visits the ledger's entries, ascending by row key, from `from` on.
  virtual Status ScanLedger(std::string_view from, const Visitor& visit) const = 0;
  // The same for Commit::held.
  virtual Status ScanHeld(std::string_view from, const Visitor& visit) const = 0;
  // The number of the last commit that it shows; 0: none. All commits up to it are shown, and none
  // after it.
  virtual Result<uint64_t> CommitNumber() const = 0;
};

// A table that is open for writing belongs to its version's owner. Where a store can't keep a
// second owner out, opening a version for writing begins a new epoch, and every write of a table of
// an earlier epoch returns kAborted and changes nothing.
class StateTable {
 public:
  StateTable() = default;
  StateTable(const StateTable&) = delete;
  StateTable& operator=(const StateTable&) = delete;
  virtual ~StateTable() = default;

  virtual Result<VersionInfo> Info() const = 0;
  virtual Status SetStatus(VersionStatus status, std::string failure) = 0;  // durable on return

  // Marks the version complete, and inexact and assumed as `end` says. end.live_from, if it has
  // positions, replaces the token. Durable on return, all or nothing. Drops stored ids unless
  // end.keep_ids.
  virtual Status Complete(const ScanEnd& end) = 0;
  virtual Status DropIds() = 0;

  // Stores the handoff token and the scan plan, durable on return; once per version. Errors:
  // kAlreadyExists.
  virtual Status Begin(const HandoffToken& token, const ScanPlan& plan) = 0;
  virtual Result<std::optional<HandoffToken>> Token() const = 0;
  virtual Result<std::optional<ScanPlan>> Plan() const = 0;

  // If the commit's conditions hold: combines the deltas, stores the dead letters, ids, ledger
  // entries and held changes, and moves the positions; all or nothing, durable on return. *number:
  // the commit's number, which is greater than that of every commit before it in this version.
  // REQUIRES: a split is moved by one caller at a time.
  // Errors: kAborted (a condition does not hold), kInvalidArgument (no moves), kResourceExhausted
  // (disk full; more than Limits), kUnavailable, kDataLoss. On error the table is unchanged; after
  // kUnavailable the whole commit may have been applied: it has if every move's `to` is stored.
  virtual Status Apply(const Commit& commit, uint64_t* number = nullptr) = 0;
  virtual CommitLimits Limits() const { return {}; }

  // Which of `ids` are stored by earlier commits and not dropped since by Complete or DropIds.
  virtual Result<std::vector<bool>> HasIds(std::span<const std::string> ids) const = 0;

  // The ledger's entries of these rows; none for a row without an entry.
  virtual Result<std::vector<std::optional<std::string>>> LedgerEntries(
      std::span<const std::string_view> keys) const = 0;

  virtual Result<std::unique_ptr<StateSnapshot>> Snapshot() const = 0;

  // Of a table that is open for reading: what is read from now on is at least what its writer had
  // committed when this was called, and never less than before. Until then a reader shows what it
  // did; snapshots already taken always do. Does nothing for a writer, who sees its own commits.
  // Errors: kNotFound (the version has been dropped), kUnavailable, kDataLoss. After an error the
  // next call, whichever it is, tries again.
  virtual Status Refresh() = 0;

  // Returns kDataLoss, with the remedy, once stored values are known to be damaged. From then on
  // reads of values and Apply return the same.
  virtual Status Undamaged() const = 0;

  virtual Status Close() = 0;  // idempotent
};

}  // namespace murmur
