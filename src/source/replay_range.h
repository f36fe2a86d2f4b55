// The part of history that a replay reads.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "murmur/record.h"
#include "murmur/status.h"
#include "murmur/window.h"

namespace murmur {

// Half-open: by event time, or by the offsets of each partition, or all.
struct ReplayRange {
  TimeSpan times;
  std::map<int64_t, int64_t> from_offsets;   // partition → first offset
  std::map<int64_t, int64_t> until_offsets;  // partition → first offset after the range

  bool by_offset() const noexcept { return !from_offsets.empty() || !until_offsets.empty(); }
  // As understood; empty: all.
  std::string ToString() const;
};

// Each is empty, a time, or "0:1500,1:1480". A time without a zone is in the zone of `buckets`.
// Errors: kInvalidArgument.
Result<ReplayRange> ParseReplayRange(const BucketRule& buckets, std::string_view from,
                                     std::string_view to);

}  // namespace murmur
