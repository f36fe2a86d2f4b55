#include "source/archive/proof.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <random>
#include <set>
#include <vector>

namespace murmur {
namespace {

using testing::ElementsAre;

// Objects of one partition by the offsets that they hold, holes or not. Each offset is a record of
// its own, but those in `alike`, which look like the first of the next object.
struct Written {
  std::vector<std::vector<int64_t>> objects;
  std::vector<int64_t> alike;
};

struct Outcome {
  std::multiset<int64_t> given;  // offsets that were read
  bool proven = false;
};

Archive ArchiveOf(const Written& written) {
  std::vector<ListedObject> listing;
  for (const auto& offsets : written.objects) {
    char name[64];
    std::snprintf(name, sizeof(name), "t/partition=0/t+0+%010lld.json",
                  static_cast<long long>(offsets.front()));
    listing.push_back({.name = name, .size = offsets.size() * 10});
  }
  return ReadLayout(listing, {}).value();
}

ReadObject ReadOf(const Written& written, const std::vector<int64_t>& offsets,
                  std::optional<size_t> next) {
  ReadObject read{.records = offsets.size()};
  if (!next) return read;
  const int64_t wanted = written.objects[*next].front();
  for (size_t i = 0; i < offsets.size(); ++i) {
    const bool alike =
        std::find(written.alike.begin(), written.alike.end(), offsets[i]) != written.alike.end();
    if (offsets[i] != wanted && !alike) continue;
    read.next_found_more |= read.next_found.has_value();
    if (!read.next_found) read.next_found = i;
  }
  return read;
}

// The result of a replay of it.
Outcome Replay(const Written& written) {
  const Archive archive = ArchiveOf(written);
  const auto next = NextObjects(archive);
  std::vector<ReadObject> read;
  std::vector<uint64_t> counts;
  std::vector<RecordRange> ranges;
  for (size_t i = 0; i < archive.objects.size(); ++i) {
    const ArchiveObject& object = archive.objects[i];
    const auto it = next.find(object.listed);
    read.push_back(ReadOf(written, written.objects[object.listed],
                          it == next.end() ? std::nullopt : std::optional(it->second.listed)));
    if (it != next.end()) read.back().span = it->second.span;
    counts.push_back(read.back().records);
    ranges.push_back({.object = i, .begin = object.begin, .end = object.end});
  }
  const Proof proof = Prove(archive, read, CheckCoverage(archive, counts).more);
  Outcome outcome{.given = {}, .proven = proof.unproven.empty()};
  for (const MoreRecords& more : proof.more) {
    ranges.push_back(more.range);
    if (!more.next) continue;
    const auto& offsets = written.objects[archive.objects[more.range.object].listed];
    outcome.proven &=
        IsEndProven(more, ReadOf(written, offsets, archive.objects[*more.next].listed));
  }
  for (const RecordRange& range : ranges) {
    const auto& offsets = written.objects[archive.objects[range.object].listed];
    for (uint64_t i = range.begin; i < std::min<uint64_t>(range.end, offsets.size()); ++i) {
      outcome.given.insert(offsets[i]);
    }
  }
  return outcome;
}

TEST(Prove, WhatHasNoHolesIsProvenHoweverItOverlaps) {
  for (const Written& written :
       {Written{{{0, 1, 2}, {3, 4, 5}}, {}}, Written{{{0, 1, 2, 3, 4}, {3, 4, 5}}, {}},
        Written{{{0, 1, 2, 3, 4}, {1, 2}}, {}}, Written{{{0, 1, 2, 3, 4}, {1, 2}, {5, 6}}, {}}}) {
    const Outcome outcome = Replay(written);
    EXPECT_TRUE(outcome.proven);
    EXPECT_EQ(std::set<int64_t>(outcome.given.begin(), outcome.given.end()).size(),
              outcome.given.size());
  }
}

TEST(Prove, HolesWithoutAnOverlapAreProven) {
  const Outcome outcome = Replay({{{0, 2}, {3, 5, 9}, {12}}, {}});
  EXPECT_TRUE(outcome.proven);
  EXPECT_THAT(outcome.given, ElementsAre(0, 2, 3, 5, 9, 12));
}

TEST(Prove, CountsThatFitByAccidentAreNotBelieved) {
  EXPECT_FALSE(Replay({{{0, 2, 3}, {3, 4, 5}}, {}}).proven);
  EXPECT_FALSE(Replay({{{0, 2, 3, 4}, {3, 4, 5}}, {}}).proven);
  EXPECT_FALSE(Replay({{{0, 1, 2}, {3, 4}}, {1}}).proven);  // 1 looks like 3
}

TEST(Prove, RandomPartitionsLoseNothingAndWhatIsProvenCountsOnce) {
  const unsigned seed = testing::UnitTest::GetInstance()->random_seed();
  std::mt19937 random(seed == 0 ? 20261129 : seed);
  int proven = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<int64_t> log;
    const unsigned holes = random() % 4;
    for (int64_t offset = 0; offset < 40; ++offset) {
      if (offset == 0 || random() % 16 >= holes) log.push_back(offset);
    }
    std::map<int64_t, std::vector<int64_t>> by_start;
    std::set<int64_t> all;
    for (size_t at = 0; at < log.size();) {  // the sink's way, and at times one step back
      const size_t end = std::min(log.size(), at + 1 + random() % 12);
      by_start[log[at]].assign(log.begin() + static_cast<ptrdiff_t>(at),
                               log.begin() + static_cast<ptrdiff_t>(end));
      at = random() % 3 == 0 ? at + 1 + random() % (end - at) : end;
    }
    Written written;
    for (auto& [start, offsets] : by_start) {
      all.insert(offsets.begin(), offsets.end());
      written.objects.push_back(std::move(offsets));
    }
    const Outcome outcome = Replay(written);
    const std::set<int64_t> once(outcome.given.begin(), outcome.given.end());
    ASSERT_EQ(once, all) << "round " << round;
    if (outcome.proven) {
      ASSERT_EQ(outcome.given.size(), all.size()) << "round " << round;
    }
    ASSERT_TRUE(outcome.proven || holes > 0) << "round " << round;
    proven += outcome.proven ? 1 : 0;
  }
  EXPECT_GT(proven, 5000);
}

}  // namespace
}  // namespace murmur
