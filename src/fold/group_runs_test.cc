#include "fold/group_runs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace murmur {
namespace {

constexpr uint64_t kSeed = 20261130;

TEST(GroupRuns, EachGroupHasItsRowsInTheirOrder) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  std::mt19937_64 random(kSeed);
  GroupRuns runs;
  int sorted = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto rows = static_cast<uint32_t>(1 + random() % kBatchRows);
    const auto first = static_cast<uint32_t>(random() % 1000);
    const uint64_t count = 1 + random() % 80;
    std::vector<uint32_t> groups(rows);
    for (uint32_t& group : groups) group = first + static_cast<uint32_t>(random() % count);
    if (!runs.Sort(groups.data(), rows)) {
      ASSERT_TRUE(runs.runs().empty());
      continue;
    }
    ++sorted;
    std::vector<uint32_t> order;
    uint32_t end = 0;
    for (const GroupRun& run : runs.runs()) {
      ASSERT_EQ(run.begin, end);
      ASSERT_LT(run.begin, run.end);
      end = run.end;
      for (uint32_t place = run.begin; place < run.end; ++place) {
        ASSERT_EQ(groups[runs.rows()[place]], run.group);
        order.push_back(runs.rows()[place]);
      }
    }
    ASSERT_EQ(end, rows);
    std::vector<uint32_t> expected(rows);
    for (uint32_t row = 0; row < rows; ++row) expected[row] = row;
    std::stable_sort(expected.begin(), expected.end(),
                     [&](uint32_t a, uint32_t b) { return groups[a] < groups[b]; });
    ASSERT_EQ(order, expected);
  }
  EXPECT_GT(sorted, 500);
  EXPECT_LT(sorted, 1900);
}

}  // namespace
}  // namespace murmur
