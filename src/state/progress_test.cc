#include "state/progress.h"

#include <gtest/gtest.h>

namespace murmur {
namespace {

ScanPlan PlanOf(const std::vector<uint64_t>& sizes) {
  ScanPlan plan;
  for (const uint64_t bytes : sizes) {
    plan.splits.push_back({.id = std::to_string(plan.splits.size()), .bytes = bytes});
  }
  return plan;
}
SplitProgress Read(uint64_t bytes, bool done = false) {
  SplitProgress progress;
  progress.bytes = bytes;
  progress.done = done;
  return progress;
}

TEST(ShareReadTest, SplitsCountByTheirBytes) {
  const ScanPlan plan = PlanOf({100, 300});
  EXPECT_EQ(ShareRead(plan, {}), 0);
  EXPECT_EQ(ShareRead(plan, {{"0", Read(50)}}), 0.125);
  EXPECT_EQ(ShareRead(plan, {{"0", Read(90, true)}, {"1", Read(150)}}), 0.625);
  EXPECT_EQ(ShareRead(plan, {{"0", Read(90, true)}, {"1", Read(310, true)}}), 1);
}

TEST(ShareReadTest, ASplitThatIsLongerThanItWasSaidToBeCountsNoMore) {
  EXPECT_EQ(ShareRead(PlanOf({100, 100}), {{"0", Read(500)}}), 0.5);
}

TEST(ShareReadTest, SplitsOfUnknownSizeCountWhenTheyAreDone) {
  const ScanPlan plan = PlanOf({0, 0});
  EXPECT_EQ(ShareRead(plan, {{"0", Read(500)}}), 0);
  EXPECT_EQ(ShareRead(plan, {{"0", Read(500, true)}}), 0.5);
}

TEST(ShareReadTest, WhatLiveReadsDoesNotCount) {
  EXPECT_EQ(ShareRead(PlanOf({100}), {{"live", Read(500)}}), 0);
  EXPECT_EQ(ShareRead(PlanOf({}), {{"live", Read(500)}}), 1);
}

}  // namespace
}  // namespace murmur
