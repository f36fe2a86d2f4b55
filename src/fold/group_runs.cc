#include "fold/group_runs.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace murmur {

GroupRuns::GroupRuns() : all_rows_(kBatchRows), sorted_(kBatchRows) {
  std::iota(all_rows_.begin(), all_rows_.end(), 0);
  runs_.reserve(kGroupsMax);
}

bool GroupRuns::Sort(const uint32_t* groups, uint32_t rows) {
  runs_.clear();
  uint32_t first = UINT32_MAX;
  uint32_t last = 0;
  for (uint32_t row = 0; row < rows; ++row) {
    first = std::min(first, groups[row]);
    last = std::max(last, groups[row]);
  }
  if (rows == 0 || last - first >= kGroupsMax) return false;
  const uint32_t count = last - first + 1;
  if (count == 1) {
    rows_ = all_rows_.data();
    runs_.push_back({.group = first, .begin = 0, .end = rows});
    return true;
  }
  if (rows / count < kRowsPerGroupMin) return false;
  SortLanes(groups, rows, first, count);
  return true;
}

// A counting sort.
void GroupRuns::SortLanes(const uint32_t* groups, uint32_t rows, uint32_t first, uint32_t count) {
  for (auto& places : places_) std::fill_n(places.begin(), count, 0);
  const uint32_t part = rows / kLanes;
  for (uint32_t row = 0; row < part; ++row) {
    for (uint32_t lane = 0; lane < kLanes; ++lane) {
      ++places_[lane][groups[lane * part + row] - first];
    }
  }
  for (uint32_t row = kLanes * part; row < rows; ++row) ++places_[kLanes - 1][groups[row] - first];

  uint32_t place = 0;
  for (uint32_t group = 0; group < count; ++group) {
    const uint32_t begin = place;
    for (auto& places : places_) place += std::exchange(places[group], place);
    if (place > begin) runs_.push_back({.group = first + group, .begin = begin, .end = place});
  }

  uint32_t* const sorted = sorted_.data();
  for (uint32_t row = 0; row < part; ++row) {
    for (uint32_t lane = 0; lane < kLanes; ++lane) {
      const uint32_t at = lane * part + row;
      sorted[places_[lane][groups[at] - first]++] = at;
    }
  }
  for (uint32_t row = kLanes * part; row < rows; ++row) {
    sorted[places_[kLanes - 1][groups[row] - first]++] = row;
  }
  rows_ = sorted;
}

}  // namespace murmur
