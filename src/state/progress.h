// The combined progress of all splits of a version.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "murmur/state.h"

namespace murmur {

uint64_t DeadCount(const SplitProgress& progress);

// The number of records that could be decoded, whatever happened to them.
uint64_t LookedAt(const SplitProgress& progress);

struct TotalProgress {
  // Sums of the counters; the newest of the times; fields that are absent in all splits; no
  // position.
  SplitProgress sum;
  uint64_t splits_done = 0;
};
TotalProgress TotalOf(const std::map<std::string, SplitProgress>& progress);

// How much of a plan's splits has been read: 0 to 1, where 1 means all of them to their ends.
// Measured in bytes, if these are known.
double ShareRead(const ScanPlan& plan, const std::map<std::string, SplitProgress>& progress);

// Whether the progress is that of a part of a source that has been read to its end.
inline bool IsReadToEnd(const SplitProgress& progress) {
  return progress.done && progress.role != SplitRole::kMark;
}

SplitMove MoveOfMark(std::string mark, Position from, Position to);
// Moves a mark to the next number: for a commit that moves no split of a source, so that it is
// fenced as every commit is. Errors: those of the table.
Result<SplitMove> NextOfMark(std::string_view mark, const StateTable& table);

}  // namespace murmur
