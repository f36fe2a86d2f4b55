// Reading a state table: keys, windows, the keys themselves, those with the greatest values,
// everything.
//
// Of all: REQUIRES: out has begun. The last call to out is End, unless there is an error.
// Errors of all: kInvalidArgument (what is asked doesn't fit the definition), kCancelled,
// kDeadlineExceeded, and those of the snapshot and the sink.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fold/pipeline.h"
#include "murmur/query.h"
#include "murmur/state.h"
#include "murmur/status.h"
#include "query/answer.h"
#include "query/row.h"

namespace murmur {

// What is read, and how long a call may take. All outlive the call.
struct Reading {
  const Pipeline& pipeline;
  const StateSnapshot& snapshot;
  const ScanLimit& limit;
  AggregateSpan wanted;  // the values that the rows have
};

// The rows of each key, in the request's order. `request.aggregates` is resolved already, as
// `wanted`. Errors also: kNotFound: the first key that has nothing in the range; the answer is
// whole, with all the other keys.
Status RunQuery(const Reading& reading, const QueryRequest& request, RowSink* out);

// Every (key, window), by rollup, key, window.
Status RunDump(const Reading& reading, RowSink* out);

// Keys that have a window, ascending. *next: the key to go on after; empty: there are no more.
Status RunKeys(const Reading& reading, const KeysRequest& request, RowSink* out,
               std::vector<KeyValue>* next);

struct TopOutcome {
  uint64_t compared = 0;  // keys
  bool complete = true;   // no key is left out
};
// The keys with the greatest values of the aggregate, descending; those that are alike, by key.
Status RunTop(const Reading& reading, const TopRequest& request, RowSink* out, TopOutcome* outcome);

}  // namespace murmur
