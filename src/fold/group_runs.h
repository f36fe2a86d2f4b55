// Puts a batch's rows in order of their groups, if the groups are few: then an aggregate adds up a
// group's rows in registers, instead of waiting for its state from row to row. Threads: one worker.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "murmur/monoid.h"

namespace murmur {

class GroupRuns {
 public:
  GroupRuns();

  // False: there are too many groups. runs() is empty then.
  bool Sort(const uint32_t* groups, uint32_t rows);

  // Of the last Sort. Groups ascend, and so do the rows of a group.
  std::span<const GroupRun> runs() const noexcept { return runs_; }
  const uint32_t* rows() const noexcept { return rows_; }

 private:
  static constexpr uint32_t kGroupsMax = 64;
  static constexpr uint32_t kRowsPerGroupMin = 16;
  // Parts of a batch that are counted side by side: the counter of a group that comes again and
  // again is not waited for.
  static constexpr uint32_t kLanes = 4;

  void SortLanes(const uint32_t* groups, uint32_t rows, uint32_t first, uint32_t count);

  std::vector<GroupRun> runs_;
  std::vector<uint32_t> all_rows_;  // 0, 1, …
  std::vector<uint32_t> sorted_;
  const uint32_t* rows_ = nullptr;
  std::array<std::array<uint32_t, kGroupsMax>, kLanes> places_;
};

}  // namespace murmur
