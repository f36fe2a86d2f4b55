#include "runtime/row_sketch.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>

namespace murmur {
namespace {

RowHash Row(int number) { return HashRow("row " + std::to_string(number)); }

std::set<uint64_t> LowBits(const std::vector<RowHash>& rows) {
  std::set<uint64_t> bits;
  for (const RowHash& row : rows) bits.insert(row.low);
  EXPECT_EQ(bits.size(), rows.size());
  return bits;
}

TEST(RowSketchTest, WhatIsAddedAndRemovedLeavesNoTrace) {
  RowSketch sketch(1000);
  for (int i = 0; i < 1'000'000; ++i) sketch.Add(Row(i));
  for (int i = 999'999; i >= 0; --i) sketch.Remove(Row(i));
  const auto rows = sketch.Take();
  ASSERT_TRUE(rows.has_value());
  EXPECT_TRUE(rows->empty());
}

TEST(RowSketchTest, TellsWhichWereNotRemoved) {
  for (const int left : {1, 2, 10, 100, 1000}) {
    RowSketch sketch(1000);
    std::set<uint64_t> expected;
    for (int i = 0; i < 10'000; ++i) {
      sketch.Add(Row(i));
      if (i < left) {
        expected.insert(Row(i).low);
      } else {
        sketch.Remove(Row(i));
      }
    }
    const auto rows = sketch.Take();
    ASSERT_TRUE(rows.has_value()) << left;
    EXPECT_EQ(LowBits(*rows), expected);
  }
}

TEST(RowSketchTest, WhatWasRemovedAloneIsNotTold) {
  RowSketch sketch(1000);
  for (int i = 0; i < 100; ++i) sketch.Remove(Row(i));
  for (int i = 100; i < 200; ++i) sketch.Add(Row(i));
  const auto rows = sketch.Take();
  ASSERT_TRUE(rows.has_value());
  EXPECT_EQ(rows->size(), 100);
}

TEST(RowSketchTest, SaysWhenItIsTooMuch) {
  RowSketch sketch(1000);
  for (int i = 0; i < 5000; ++i) sketch.Add(Row(i));
  EXPECT_FALSE(sketch.Take().has_value());
}

TEST(RowSketchTest, ManyThreadsMayAddAndRemove) {
  RowSketch sketch(1000);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&sketch, t] {
        for (int i = 0; i < 10'000; ++i) sketch.Add(Row(i * 4 + t));
        for (int i = 1; i < 10'000; ++i) sketch.Remove(Row(i * 4 + t));
      });
    }
  }
  const auto rows = sketch.Take();
  ASSERT_TRUE(rows.has_value());
  EXPECT_EQ(rows->size(), 4);
}

}  // namespace
}  // namespace murmur
