// Running a pipeline and reading its state, as the program does; for C++ programs.
//
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

// How far a run is, earlier runs of the same version included unless it says otherwise.
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
  std::optional<uint64_t> lag_records;  // live: that are there and not counted; as last seen
  double seconds = 0;                   // of this run
};

struct RunOptions {
  uint32_t threads = 0;                // 0: as the definition says
  std::optional<uint64_t> max_errors;  // empty: as the definition says
  std::stop_token stop;
  // Called about five times a second, one call at a time, by a thread of the run or by the
  // caller's, and once at the end.
  std::function<void(const RunProgress&)> on_progress;
  // Told, in the same way, what a user should know at once: where live begins, the first dead
  // letter of a kind.
  std::function<void(const std::string&)> on_note;
  // Reads this instead of what the definition names. Outlives the call.
  SnapshotSource* source = nullptr;
};

struct BootstrapOptions : RunOptions {
  // Builds a version beside the serving one, from the start, and swaps to it when it is complete.
  bool fresh = false;
};

// Which part of history, half-open. Empty text: from its start, to its end.
struct ReplayOptions : RunOptions {
  // RFC 3339 times, or positions of each partition such as "0:1500,1:1480".
  std::string from;
  std::string to;
  bool swap = true;  // when the version is complete
  // Swap also from a version that serves to one that has a range only.
  bool partial = false;
};

struct LiveOptions : RunOptions {
  bool until_caught_up = false;  // ends when everything is counted that is there when it starts
};

// A field of the definition that no record of the version had a value for: misspelt, perhaps.
struct UnknownField {
  std::string name;
  uint64_t records = 0;      // that it was looked for in
  std::string did_you_mean;  // a field that they have; empty: none is near
};

struct RunSummary {
  uint64_t version = 0;
  bool already_complete = false;     // nothing was to be read
  std::string range;                 // of a replay, as understood
  std::string inexact;               // why records may count more than once; empty: they don't
  std::vector<std::string> notes;    // what a user should know of the source: what was left out
  std::optional<uint64_t> replaced;  // the version that the swap replaced
  bool swapped = false;              // this run made the version the serving one
  std::vector<UnknownField> unknown_fields;
  std::vector<uint64_t> dropped;  // old versions that went with the swap
  RunProgress progress;
  std::array<uint64_t, kDeadReasonCount> dead_letters_by_reason{};
  uint64_t filtered = 0;
  uint64_t expired = 0;
  uint64_t duplicates = 0;  // records whose id had been read already
};

// Reads the definition's bootstrap source into the serving version of its state, from where an
// earlier run left off, or into a first version, or (fresh) into a new one. While it runs, it
// answers the reading verbs of other processes.
// Errors: kCancelled (stopped; run again to go on), kInvalidArgument (the definition),
// kFailedPrecondition (another definition, with the differences; in use by another process;
// max_errors), kNotFound, kResourceExhausted, kDataLoss. *summary is filled in as far as it went.
Status Bootstrap(const Definition& definition, const BootstrapOptions& options,
                 RunSummary* summary);

// Reads the range of the definition's replay source into a new version beside the serving one, or
// goes on with the one that an earlier run of the same range began, and swaps to it when it is
// complete. A range takes no serving version's place, unless `partial`: what lies outside it would
// be gone. The definition may have changed since the serving version was built.
// Errors: as Bootstrap.
Status Replay(const Definition& definition, const ReplayOptions& options, RunSummary* summary);

// The whole life: Bootstrap, unless that is done; then follows the live source, from where the
// version left off, else from the token of its bootstrap or replay, else from where the definition
// says. Meanwhile it answers the reading verbs of other processes and swaps versions for them.
// Ends when it is stopped or has caught up. Errors: as Bootstrap; kOutOfRange (the source no longer
// has what comes next), kUnavailable (it doesn't answer).
Status Run(const Definition& definition, const LiveOptions& options, RunSummary* summary);

// Reading, from the process that owns the state where there is one, else from the files.
// Errors: kNotFound (no state yet, no such key), kInvalidArgument, kUnavailable, kDataLoss.
Status Query(const Definition& definition, const QueryRequest& request, RowFormat format,
             const WriteText& write);
Status Dump(const Definition& definition, RowFormat format, const WriteText& write);
// Ends what stores' client libraries have going in the background. Call it once, when everything
// else of Murmur has returned, before a program that may have read from S3 ends; nothing can be
// read from S3 afterwards.
void Shutdown() noexcept;

// One JSON object.
Result<std::string> StateStatus(const Definition& definition);

}  // namespace murmur
