// Reading a state table: keys, the last windows, everything.
#pragma once

#include "fold/pipeline.h"
#include "murmur/query.h"
#include "murmur/state.h"
#include "murmur/status.h"
#include "query/answer.h"

namespace murmur {

// The rows of each key, in the request's order, then out->End(). REQUIRES: out has begun
// Errors: kInvalidArgument (a key that doesn't fit, a window without windows), kNotFound (the first
// key that has nothing in the range; the other keys are answered), kCancelled, kDeadlineExceeded,
// and those of the snapshot and the sink.
Status RunQuery(const Pipeline& pipeline, const StateSnapshot& snapshot,
                const QueryRequest& request, const ScanLimit& limit, RowSink* out);

// Every (key, window), by rollup, key, window. REQUIRES and errors: as RunQuery
Status RunDump(const Pipeline& pipeline, const StateSnapshot& snapshot, const ScanLimit& limit,
               RowSink* out);

}  // namespace murmur
