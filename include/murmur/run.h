// Running a pipeline and reading its state, as the program does; for C++ programs.
//
//   auto summary = murmur::Bootstrap(definition, {});
//   murmur::Dump(definition, murmur::RowFormat::kJsonLines, write);
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

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
  double seconds = 0;  // of this run
};

struct RunOptions {
  uint32_t threads = 0;                // 0: as the definition says
  std::optional<uint64_t> max_errors;  // empty: as the definition says, else 0
  std::stop_token stop;
  // Called about five times a second from a thread of its own, and once at the end.
  std::function<void(const RunProgress&)> on_progress;
  // Reads this instead of what the definition's `bootstrap:` names. Outlives the call.
  SnapshotSource* source = nullptr;
};

struct RunSummary {
  uint64_t version = 0;
  bool already_complete = false;  // nothing was to be done
  RunProgress progress;
  std::array<uint64_t, kDeadReasonCount> dead_letters_by_reason{};
  uint64_t filtered = 0;
  uint64_t expired = 0;
};

// Reads the definition's bootstrap source into the serving version of its state, from where an
// earlier run left off, or into a first version. While it runs, it answers the reading verbs of
// other processes.
// Errors: kCancelled (stopped; run again to go on), kInvalidArgument (the definition),
// kFailedPrecondition (another definition, with the differences; in use by another process;
// max_errors), kNotFound, kResourceExhausted, kDataLoss. *summary is filled in as far as it went.
Status Bootstrap(const Definition& definition, const RunOptions& options, RunSummary* summary);

// Reading, from the process that owns the state where there is one, else from the files.
// Errors: kNotFound (no state yet, no such key), kInvalidArgument, kUnavailable, kDataLoss.
Status Query(const Definition& definition, const QueryRequest& request, RowFormat format,
             const WriteText& write);
Status Dump(const Definition& definition, RowFormat format, const WriteText& write);
// One JSON object.
Result<std::string> StateStatus(const Definition& definition);

}  // namespace murmur
