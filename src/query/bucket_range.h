// The buckets that a range of windows means.
#pragma once

#include <cstdint>
#include <string>

#include "fold/pipeline.h"
#include "murmur/query.h"
#include "murmur/state.h"
#include "murmur/status.h"

namespace murmur {

struct BucketRange {
  int64_t from = -kBucketBias;
  int64_t until = kBucketBias - 1;  // exclusive; after the last bucket of an event time

  bool Holds(int64_t bucket) const noexcept { return from <= bucket && bucket < until; }
};

// Of a pipeline without windows: the default. Errors: kInvalidArgument (a range of windows that
// the definition doesn't have), kNotFound (the last windows, and nothing is counted yet).
Result<BucketRange> BucketsOf(const Pipeline& pipeline, const StateSnapshot& snapshot,
                              const WindowRange& range);

// Calendar units have no fixed number of hours. `what` begins the message.
// Errors: kInvalidArgument.
Status CheckWindowLength(const BucketRule& rule, const TimeLength& length, const std::string& what);

}  // namespace murmur
