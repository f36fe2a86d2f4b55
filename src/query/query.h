// Reading a state table: one key, the last windows, everything.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fold/pipeline.h"
#include "murmur/state.h"
#include "murmur/status.h"
#include "query/row.h"

namespace murmur {

struct QueryRequest {
  // Each: the key's values in the definition's order, joined by commas; a JSON string where a
  // value has a comma or a quote. "" is the key of a rollup without parts.
  std::vector<std::string> keys;
  std::vector<std::string> rollup;  // the parts' names; empty: the first with as many parts as KEY
  std::optional<std::chrono::seconds> window;  // the last so many, ending at `as_of`
  std::optional<int64_t> as_of;                // µs; default: the newest event time
  std::optional<int64_t> from;                 // µs: windows that begin at or behind its window's start
  std::optional<int64_t> until;                // µs: windows that begin before it
  bool total = false;                          // one row: all those windows combined
};

// Errors: kInvalidArgument (a key that doesn't fit, a window without windows), kNotFound (no such
// key, or nothing in the range), and those of the snapshot.
Status RunQuery(const Pipeline& pipeline, const StateSnapshot& snapshot,
                const QueryRequest& request, RowWriter* out);

// Every (key, window), by rollup, key, window.
Status RunDump(const Pipeline& pipeline, const StateSnapshot& snapshot, RowWriter* out);

// "exact", "converging", or "approximate (visitors: relative error 1.6 %)".
std::string ExactnessOf(const Pipeline& pipeline, const VersionInfo& info);

// What a version says of itself, as one JSON object: version, status, mode, progress, records,
// dead letters by reason, newest event time.
Result<std::string> StatusAsJson(const VersionInfo& info, const StateTable& table);

}  // namespace murmur
