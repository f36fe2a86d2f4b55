// What came of all splits of a version together.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "murmur/state.h"

namespace murmur {

uint64_t DeadCount(const SplitProgress& progress);

// The records that could be decoded, whatever became of them.
uint64_t LookedAt(const SplitProgress& progress);

struct TotalProgress {
  // Of the counters; the newest of the times; the fields that are absent in all; no position.
  SplitProgress sum;
  uint64_t splits_done = 0;
};
TotalProgress TotalOf(const std::map<std::string, SplitProgress>& progress);

// How much of a plan's splits has been read: 0 to 1, which is all of them to their ends. By their
// bytes, as far as these are known.
double ShareRead(const ScanPlan& plan, const std::map<std::string, SplitProgress>& progress);

}  // namespace murmur
