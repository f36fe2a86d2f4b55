// The limits that a `where` sets on the event time, so that row groups outside are skipped.
#pragma once

#include <cstdint>
#include <string_view>

#include "murmur/record.h"

namespace murmur::parquet_source {

// Microseconds since the Unix epoch, both ends included.
struct TimeRange {
  int64_t min = INT64_MIN;
  int64_t max = INT64_MAX;
  bool unbounded() const noexcept { return min == INT64_MIN && max == INT64_MAX; }
  bool operator==(const TimeRange&) const = default;
};

// Outside this range `where` is certainly false. It comes from comparisons of `time_field` with a
// time in quotes that are joined by `and` at the top level ("ts >= '2026-03-01' and ts <
// '2026-04-01'"). It may be too wide, never too narrow; other parts of `where` restrict nothing.
TimeRange TimeRangeOf(std::string_view where, const FieldPath& time_field);

}  // namespace murmur::parquet_source
