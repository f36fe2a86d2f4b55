// Reading a state table: one key, the last windows, everything.
#pragma once

#include <string>

#include "fold/pipeline.h"
#include "murmur/query.h"
#include "murmur/state.h"
#include "murmur/status.h"
#include "query/row.h"

namespace murmur {

// Errors: kInvalidArgument (a key that doesn't fit, a window without windows), kNotFound (no such
// key, or nothing in the range), and those of the snapshot.
Status RunQuery(const Pipeline& pipeline, const StateSnapshot& snapshot,
                const QueryRequest& request, RowWriter* out);

// Every (key, window), by rollup, key, window.
Status RunDump(const Pipeline& pipeline, const StateSnapshot& snapshot, RowWriter* out);

// "exact", "converging", or "approximate (visitors: relative error 1.6 %)".
std::string ExactnessOf(const Pipeline& pipeline, const VersionInfo& info);

// What a version stores about itself, as one JSON object: version, status, mode, progress, records,
// dead letters by reason, newest event time.
Result<std::string> StatusAsJson(const VersionInfo& info, const StateTable& table);

}  // namespace murmur
