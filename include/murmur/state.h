// Where the answers live. A StateTable is one version of one pipeline's state:
// (key, bucket) → encoded value, the positions that it has consumed, the dead letters, and for a
// table source the ledger: what each of its rows contributes.
//
// A commit moves all of them, atomically and durably, or none of them.
// Contract suite: testing/state_table_contract.h.
// Threads: every method may be called at once, unless it says otherwise.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/record.h"
#include "murmur/source.h"
#include "murmur/status.h"

namespace murmur {

// A field of the pipeline that no record had a value for.
struct AbsentField {
  std::string name;
  std::string like;  // a field that those records have, and that may be meant; empty: none is near
  bool operator==(const AbsentField&) const = default;
};

// How far one split is read, and what came of it; all counters since the split's start.
struct SplitProgress {
  Position position;  // empty: at the start
  bool done = false;
  uint64_t bytes = 0;
  uint64_t records = 0;     // counted or filtered by `where`: all but dead letters
  uint64_t filtered = 0;    // refused by `where`
  uint64_t expired = 0;     // dropped: their window had expired
  uint64_t duplicates = 0;  // dropped: a record with their id had been read
  std::array<uint64_t, kDeadReasonCount> dead{};
  int64_t newest_time = INT64_MIN;  // µs; of the records counted
  // Of the records that could be decoded, in order of name; none: there was no such record.
  std::optional<std::vector<AbsentField>> absent;
  bool operator==(const SplitProgress&) const = default;
};

struct SplitMove {
  std::string split;
  Position from;  // what the mover believes to be stored; the fence. Empty: nothing yet
  SplitProgress to;
};

// Deltas in ascending order of key, each key once.
class DeltaCursor {
 public:
  virtual ~DeltaCursor() = default;
  // The views are valid until the next call. False at the end.
  virtual bool Next(std::string_view* key, std::string_view* value) = 0;
  // The next Next gives the first again: a commit may have to be tried more than once.
  virtual void Rewind() = 0;
  // The value that Next gave is the whole of what the key has now, rather than what is added to it;
  // empty: it has nothing. REQUIRES: no other commit under way touches the key.
  virtual bool Replaces() const { return false; }
};

// What is known of one row of a table source; the store does not look into it.
struct LedgerRow {
  std::string key;                   // of the row: RecordBatch::row_keys
  std::optional<std::string> entry;  // none: nothing is known of it any more
};

struct Commit {
  std::vector<SplitMove> moves;
  DeltaCursor* deltas = nullptr;  // null: none
  uint64_t delta_count = 0;
  std::vector<DeadLetter> dead_letters;
  std::vector<std::string> ids;   // of the records counted, where a plan says `deduplicate`
  std::vector<LedgerRow> ledger;  // in ascending order of key, each key once
};

enum class VersionStatus : uint8_t { kBuilding, kComplete, kFailed };

// What a version says of itself.
struct VersionInfo {
  uint64_t number = 0;
  VersionStatus status = VersionStatus::kBuilding;
  std::string failure;               // why, when kFailed
  std::string mode;                  // "bootstrap", "replay"
  std::string source;                // SnapshotSource::Name of what it reads
  std::string range;                 // what of the source was asked for; empty: all
  std::string inexact;               // why records may count more than once; empty: they don't
  bool swap_when_complete = false;   // it is to serve then; a run that was killed before goes on so
  int64_t created = 0;               // µs since the Unix epoch
  std::string identity;              // DefinitionIdentity of its definition
  std::string definition;            // what counts, as definition/stored.h writes it
  std::vector<std::string> monoids;  // Monoid::Name of each aggregate, in order
  bool operator==(const VersionInfo&) const = default;
};

// Reads from one instant of a table. Must not outlive it.
class StateSnapshot {
 public:
  virtual ~StateSnapshot() = default;
  // Empty optional: no such key, or expired.
  virtual Result<std::optional<std::string>> Get(std::string_view key) const = 0;
  // Visits keys in [from, until), ascending; `until` empty: to the end. Expired buckets are not
  // visited. The callback returns false to stop.
  using Visitor = std::function<bool(std::string_view key, std::string_view value)>;
  virtual Status Scan(std::string_view from, std::string_view until,
                      const Visitor& visit) const = 0;
  virtual Result<std::map<std::string, SplitProgress>> Progress() const = 0;
  // The greatest newest_time over all splits; INT64_MIN: none.
  virtual Result<int64_t> NewestTime() const = 0;
  // The first bucket that has not expired; INT64_MIN: none has.
  virtual int64_t FirstBucket() const = 0;
  // Visits dead letters by object and offset, ascending; false stops it.
  virtual Status ScanDeadLetters(const std::function<bool(const DeadLetter&)>& visit) const = 0;
  // Those of one object, from an offset on.
  virtual Status ScanDeadLettersOf(std::string_view object, uint64_t from,
                                   const std::function<bool(const DeadLetter&)>& visit) const = 0;
  // Visits the ledger's entries of row keys from `from` on, ascending.
  virtual Status ScanLedger(std::string_view from, const Visitor& visit) const = 0;
};

class StateTable {
 public:
  StateTable() = default;
  StateTable(const StateTable&) = delete;
  StateTable& operator=(const StateTable&) = delete;
  virtual ~StateTable() = default;

  virtual Result<VersionInfo> Info() const = 0;
  virtual Status SetStatus(VersionStatus status, std::string failure) = 0;  // durable on return

  // The version is complete, and as inexact as `end` says. end.live_from, where it names positions,
  // replaces the token. Durable on return, all or nothing. Ids go, unless they are to be kept.
  virtual Status Complete(const ScanEnd& end) = 0;
  virtual Status DropIds() = 0;

  // The token and the plan of what is read, durable on return; set once per generation.
  // Errors: kAlreadyExists.
  virtual Status Begin(const HandoffToken& token, const ScanPlan& plan) = 0;
  virtual Result<std::optional<HandoffToken>> Token() const = 0;
  virtual Result<std::optional<ScanPlan>> Plan() const = 0;

  // If every move's `from` is the stored position of its split: combines the deltas, stores the
  // dead letters and ledger entries, moves the positions; all or nothing, durable on return.
  // REQUIRES: a split is moved by one caller at a time.
  // Errors: kAborted (fenced), kResourceExhausted (disk full), kUnavailable, kDataLoss. On error
  // the table is unchanged, or, after kUnavailable, may have changed wholly: read Progress.
  virtual Status Apply(const Commit& commit) = 0;

  // Which of `ids` earlier commits brought, and no Complete or DropIds has dropped.
  virtual Result<std::vector<bool>> HasIds(std::span<const std::string> ids) const = 0;

  // The ledger's entries of these rows; none where it has none.
  virtual Result<std::vector<std::optional<std::string>>> LedgerEntries(
      std::span<const std::string_view> keys) const = 0;

  virtual Result<std::unique_ptr<StateSnapshot>> Snapshot() const = 0;

  // kDataLoss: stored values are damaged, as far as is known, and what to do. It stays so, and from
  // then on reads of values and Apply answer the same.
  virtual Status Undamaged() const = 0;

  virtual Status Close() = 0;  // idempotent
};

}  // namespace murmur
