#include "state/progress.h"

#include <gtest/gtest.h>

#include "state/records.h"

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

SplitProgress Lacking(std::vector<AbsentField> fields) {
  SplitProgress progress;
  progress.records = 10;
  progress.absent = std::move(fields);
  return progress;
}

TEST(AbsentFieldsOfAllTest, OnlyWhatEverySplitLacksIsAbsent) {
  const auto total = TotalOf({{"a", Lacking({{"x", ""}, {"y", ""}})},
                              {"b", Lacking({{"x", "xx"}, {"z", ""}})},
                              {"not begun", SplitProgress()}});
  EXPECT_EQ(total.sum.absent, (std::vector<AbsentField>{{"x", "xx"}}));
}

TEST(AbsentFieldsOfAllTest, WithoutARecordNothingIsKnown) {
  EXPECT_EQ(TotalOf({}).sum.absent, std::nullopt);
  EXPECT_EQ(TotalOf({{"a", SplitProgress()}}).sum.absent, std::nullopt);
}

TEST(StoredProgressTest, AbsentFieldsAreKept) {
  for (const SplitProgress& progress :
       {SplitProgress(), Lacking({}), Lacking({{"x", "y"}, {"z.z", ""}})}) {
    EXPECT_EQ(DecodeProgress(EncodeProgress(progress)).value(), progress);
  }
}

TEST(StoredProgressTest, WhereAnEarlierVersionSaidNothingOfFieldsNoneIsAbsent) {
  SplitProgress earlier;
  earlier.records = 10;  // and no `absent`, as it was written then
  EXPECT_EQ(DecodeProgress(EncodeProgress(earlier)).value().absent, std::vector<AbsentField>());
}

}  // namespace
}  // namespace murmur
