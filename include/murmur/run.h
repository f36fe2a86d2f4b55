// Running a pipeline and reading its state from a C++ program, as the `murmur` program does.
//   murmur::RunSummary summary;
//   murmur::Bootstrap(definition, {}, &summary);
//   murmur::Dump(definition, murmur::RowFormat::kJsonLines, write);
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "murmur/definition.h"
#include "murmur/query.h"
#include "murmur/source.h"
#include "murmur/status.h"

namespace murmur {

// What the servers of the process are told about the versions that a run has open (`murmur run
// --serve`).
class ServedState;

// Progress of a run; includes earlier runs of the same version unless it says otherwise.
struct RunProgress {
  uint64_t bytes = 0;
  uint64_t bytes_total = 0;
  uint64_t bytes_this_run = 0;
  uint64_t records = 0;
  uint64_t records_this_run = 0;
  uint64_t dead_letters = 0;
  uint64_t commits_this_run = 0;
  uint64_t splits_done = 0;
  uint64_t splits_total = 0;
  std::optional<uint64_t> lag_records;  // live: records not counted yet, as last seen
  double seconds = 0;                   // of this run
};

// What every run can be told.
struct RunOptions {
  uint32_t threads = 0;                // 0: as the definition says
  std::optional<uint64_t> max_errors;  // empty: as the definition says
  std::stop_token stop;
  // Called about five times a second and once at the end, one call at a time, by a thread of the
  // run or the caller's.
  std::function<void(const RunProgress&)> on_progress;
  // Called in the same way with what a user should know at once: where live begins, the first dead
  // letter of a kind.
  std::function<void(const std::string&)> on_note;
  // Read by a bootstrap or replay instead of the definition's source. Must outlive the call.
  SnapshotSource* source = nullptr;
  // Is told of the version that serves. Must outlive the call.
  ServedState* served = nullptr;
};

struct BootstrapOptions {
  RunOptions run;
  // Builds a new version beside the serving one, from the start, and swaps to it when complete.
  bool fresh = false;
};

// A part of history, half-open. Empty text: from its start, to its end.
struct ReplayOptions {
  RunOptions run;
  // RFC 3339 times, or a position for each partition, such as "0:1500,1:1480".
  std::string from;
  std::string to;
  bool swap = true;  // when the version is complete
  // Swap to a version that holds only a range, even if another version serves.
  bool partial = false;
};

struct LiveOptions {
  RunOptions run;
  bool until_caught_up = false;  // ends when everything is counted that was there when it started
};

// A field of the definition that no record of the version had a value for; perhaps misspelt.
struct UnknownField {
  std::string name;
  uint64_t records = 0;      // records in which it was looked for
  std::string did_you_mean;  // a similar field that the records have; empty: none
};

struct RunSummary {
  uint64_t version = 0;
  bool already_complete = false;     // there was nothing to read
  std::string range;                 // of a replay, as understood
  std::string inexact;               // why records may count more than once; empty: they don't
  std::vector<std::string> notes;    // what a user should know of the source: what was left out
  std::optional<uint64_t> replaced;  // the version that the swap replaced
  bool swapped = false;              // this run made the version the serving one
  std::vector<UnknownField> unknown_fields;
  std::vector<uint64_t> dropped;  // old versions dropped by the swap
  RunProgress progress;
  std::array<uint64_t, kDeadReasonCount> dead_letters_by_reason{};
  uint64_t filtered = 0;
  uint64_t expired = 0;
  uint64_t duplicates = 0;  // records whose id had been read already
};

// Reads the bootstrap source into the serving version of the state, from where an earlier run
// stopped; or into a first version; or (fresh) into a new one. Meanwhile it answers the reading
// verbs of other processes.
// Errors: kCancelled (stopped; run again to go on), kInvalidArgument (the definition),
// kFailedPrecondition (another definition, with the differences; in use by another process;
// max_errors), kNotFound, kResourceExhausted, kDataLoss. *summary is filled in as far as the run
// went.
Status Bootstrap(const Definition& definition, const BootstrapOptions& options,
                 RunSummary* summary);

// Reads the range of the definition's replay source into a new version beside the serving one, or
// goes on with the version that an earlier run of the same range began. Swaps when it is complete.
// Without `partial`, a range does not replace a serving version, whose data outside the range would
// be lost. The definition may have changed since the serving version was built.
// Errors: as Bootstrap.
Status Replay(const Definition& definition, const ReplayOptions& options, RunSummary* summary);

// The whole life: Bootstrap, unless it is done; then follows the live source from where the version
// stopped, else from the token of its bootstrap or replay, else from where the definition says.
// Meanwhile it answers the reading verbs of other processes and swaps versions for them. Ends when
// it is stopped or has caught up.
// Errors: as Bootstrap; kOutOfRange (the source no longer has the next records), kUnavailable (the
// source doesn't answer).
Status Run(const Definition& definition, const LiveOptions& options, RunSummary* summary);

// Reads from the process that owns the state if there is one, else from the files. Errors:
// kNotFound (no state yet, no such key), kInvalidArgument, kUnavailable, kDataLoss.
Status Query(const Definition& definition, const QueryRequest& request, RowFormat format,
             const WriteText& write);
Status Dump(const Definition& definition, RowFormat format, const WriteText& write);
// Ends background work of the stores' client libraries. A program that may have read from S3 must
// call it once before it ends, after all other calls of Murmur have returned. S3 can't be read
// afterwards.
void Shutdown() noexcept;

// One JSON object.
Result<std::string> StateStatus(const Definition& definition);

}  // namespace murmur
