#include "runtime/verify/row_sketch.h"

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

// Some of these words are constants that a hash multiplies by: a hash that keeps only the product
// would lose the words before or after them.
TEST(RowSketchTest, KeysWithAWordThatCancelsAnotherDiffer) {
  for (const uint64_t word : {0xe7037ed1a0b428dbull, 0xa0761d6478bd642full, 0x8ebc6af09c88c6e3ull,
                              0x1f83d9abfb41bd6bull, 0x5be0cd19137e2179ull, 0ull}) {
    const std::string constant(reinterpret_cast<const char*>(&word), sizeof word);
    for (size_t at = 0; at < 4; ++at) {
      for (size_t differs = 0; differs < 4; ++differs) {
        if (differs == at) continue;
        std::set<std::pair<uint64_t, uint64_t>> hashes;
        for (int i = 0; i < 100; ++i) {
          std::string key(32, '-');
          key.replace(8 * differs, 8, "word " + std::to_string(100 + i));
          key.replace(8 * at, 8, constant);
          const RowHash hash = HashRow(key);
          hashes.emplace(hash.high, hash.low);
        }
        EXPECT_EQ(hashes.size(), 100u) << "word " << at << " is " << word;
      }
    }
  }
}

// As the reference implementation has it: python-xxhash, xxh3_128_hexdigest.
TEST(RowSketchTest, TheHashIsXxh3) {
  const RowHash empty = HashRow("");
  EXPECT_EQ(empty.high, 0x99aa06d3014798d8ull);
  EXPECT_EQ(empty.low, 0x6001c324468d497full);
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
