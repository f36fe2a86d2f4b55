// Which offsets and times of an archive are read.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "source/archive/layout.h"
#include "source/archive/layout_testing.h"

namespace murmur {

void PrintTo(const RecordRange& range, std::ostream* out) {
  *out << range.object << "[" << range.begin << ", " << range.end << ")";
}
void PrintTo(const OffsetGap& gap, std::ostream* out) {
  *out << gap.topic << "/" << gap.partition << "[" << gap.from << ", " << gap.until << ")";
}

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Offsets = LayoutOptions::Offsets;
using PathTime = LayoutOptions::PathTime;
using std::chrono::hours;
using std::chrono::seconds;

constexpr int64_t kHourUs = 3'600'000'000;
constexpr int64_t kFive = 1772341200000000;  // 2026-03-01T05:00:00Z

// An object of partition 0 of topic t.
ListedObject At(int64_t start, uint64_t size = kListedBytes, const char* extension = ".json") {
  return {fmt::format("topics/t/partition=0/t+0+{:010}{}", start, extension), size};
}

// "100[0,50)" for each object, in reading order.
std::vector<std::string> RangesOf(const Archive& archive) {
  std::vector<std::string> ranges;
  for (const ArchiveObject& object : archive.objects) {
    ranges.push_back(
        fmt::format("{}[{},{})", object.start_offset, object.begin,
                    object.end == UINT64_MAX ? std::string("all") : std::to_string(object.end)));
  }
  return ranges;
}

TEST(Ranges, AnObjectGivesWhatIsBelowTheNextStart) {
  const std::vector<ListedObject> listing = {At(150), At(0), At(100), At(101)};
  const Archive archive = MustRead(listing);
  EXPECT_THAT(RangesOf(archive), ElementsAre("0[0,100)", "100[0,1)", "101[0,49)", "150[0,all)"));
  EXPECT_EQ(archive.objects[0].expected, 100u);
  EXPECT_EQ(archive.objects[1].expected, 1u);
  EXPECT_FALSE(archive.objects[3].expected.has_value());
}

TEST(Ranges, DirectoriesDoNotMatterWhereOffsetsAreDense) {
  const auto listing = Listing({"topics/t/hour=05/t+0+0.json", "topics/t/hour=06/t+0+100.json",
                                "topics/t/hour=05/t+0+130.json", "topics/u/hour=05/u+0+60.json"});
  EXPECT_THAT(RangesOf(MustRead(listing, {.offsets = Offsets::kDense})),
              ElementsAre("0[0,100)", "100[0,30)", "130[0,all)", "60[0,all)"));
  EXPECT_THAT(RangesOf(MustRead(listing)),
              ElementsAre("0[0,all)", "100[0,all)", "130[0,all)", "60[0,all)"));
}

TEST(Ranges, OfOneStartTheLargestGivesAndTheOthersAreCounted) {
  const std::vector<ListedObject> listing = {At(100, 10, ".avro"), At(100, 900, ".json"),
                                             At(100, 900, ".bin"), At(160)};
  const Archive archive = MustRead(listing);
  EXPECT_THAT(NamesOf(archive, listing),
              ElementsAre(listing[2].name, listing[1].name, listing[0].name, listing[3].name));
  EXPECT_THAT(RangesOf(archive), ElementsAre("100[0,60)", "100[0,0)", "100[0,0)", "160[0,all)"));
  EXPECT_EQ(archive.partitions[0].repeated_starts, 2u);
}

// ---- coverage

TEST(CheckCoverage, NothingIsMissingWhereObjectsReachEachOther) {
  const std::vector<ListedObject> listing = {At(0), At(100), At(101), At(150)};
  const Archive archive = MustRead(listing);
  const Coverage coverage = CheckCoverage(archive, std::vector<uint64_t>{100, 50, 49, 3});
  EXPECT_EQ(coverage.overlaps, 1u);
  EXPECT_THAT(coverage.more, IsEmpty());
  EXPECT_THAT(coverage.gaps, IsEmpty());
}

// +100 holds 100 to 149, +101 only 101 to 120: only +100 has the offsets after that.
TEST(CheckCoverage, ALongerObjectBeforeGivesTheRestOfAShorterOne) {
  const std::vector<ListedObject> listing = {At(100), At(101)};
  const Coverage at_end = CheckCoverage(MustRead(listing), std::vector<uint64_t>{50, 20});
  EXPECT_THAT(at_end.more, ElementsAre(RecordRange{0, 21, 50}));
  EXPECT_THAT(at_end.gaps, IsEmpty());
  const std::vector<ListedObject> followed = {At(100), At(101), At(160)};
  const Coverage inside = CheckCoverage(MustRead(followed), std::vector<uint64_t>{50, 20, 5});
  EXPECT_THAT(inside.more, ElementsAre(RecordRange{0, 21, 50}));
  EXPECT_THAT(inside.gaps, ElementsAre(OffsetGap{"t", 0, 150, 160}));
}

// With compression, sizes do not show which of two holds more.
TEST(CheckCoverage, ARivalOfTheSameStartGivesWhatOnlyItHolds) {
  const std::vector<ListedObject> listing = {At(100, 900), At(100, 10, ".json.gz")};
  const Archive archive = MustRead(listing);
  EXPECT_THAT(CheckCoverage(archive, std::vector<uint64_t>{50, 80}).more,
              ElementsAre(RecordRange{1, 50, 80}));
  EXPECT_THAT(CheckCoverage(archive, std::vector<uint64_t>{80, 50}).more, IsEmpty());
  EXPECT_EQ(CheckCoverage(archive, std::vector<uint64_t>{80, 50}).overlaps, 1u);
}

TEST(CheckCoverage, AGapIsWhatNoObjectHolds) {
  const std::vector<ListedObject> listing = {At(0), At(100)};
  const Coverage coverage = CheckCoverage(MustRead(listing), std::vector<uint64_t>{60, 5});
  EXPECT_THAT(coverage.more, IsEmpty());
  EXPECT_THAT(coverage.gaps, ElementsAre(OffsetGap{"t", 0, 60, 100}));
  EXPECT_EQ(coverage.overlaps, 0u);
}

TEST(CheckCoverage, SaysNothingOfPartitionsThatAreNotDense) {
  const auto listing = Listing({"topics/t/hour=05/t+0+0.json", "topics/t/hour=05/t+0+100.json"});
  const Coverage coverage = CheckCoverage(MustRead(listing), std::vector<uint64_t>{6, 5});
  EXPECT_THAT(coverage.gaps, IsEmpty());
}

// ---- by time

TEST(PruneByTime, WallClockIsNeverBeforeTheRecord) {
  const auto listing = Listing({"t/year=2026/month=03/day=01/hour=04/t+0+0.json",
                                "t/year=2026/month=03/day=01/hour=05/t+0+10.json",
                                "t/year=2026/month=03/day=01/hour=06/t+0+20.json",
                                "t/year=2026/month=03/day=01/hour=07/t+0+30.json"});
  const auto kept = [&](TimeSpan times, seconds lag) {
    Archive archive = MustRead(listing);
    const size_t dropped = PruneByTime(times, lag, &archive);
    EXPECT_EQ(dropped + archive.objects.size(), 4u);
    std::string hours_kept;
    for (const ArchiveObject& object : archive.objects) {
      hours_kept += std::to_string(4 + object.listed);
    }
    return hours_kept;
  };
  EXPECT_EQ(kept({kFive, kFive + kHourUs}, seconds(0)), "5");
  EXPECT_EQ(kept({kFive - 1, kFive + kHourUs + 1}, seconds(0)), "456");
  EXPECT_EQ(kept({kFive, kFive + kHourUs}, seconds(1)), "56");
  EXPECT_EQ(kept({kFive, kFive + kHourUs}, hours(1)), "56");
  EXPECT_EQ(kept({kFive, kFive + kHourUs}, seconds(3601)), "567");
  EXPECT_EQ(kept({}, seconds(0)), "4567");
  EXPECT_EQ(kept({.until = kFive}, seconds(0)), "4");
  EXPECT_EQ(kept({.from = kFive + kHourUs}, hours(9)), "67");
}

TEST(PruneByTime, RecordTimesNeedNoMargins) {
  const auto listing = Listing({"t/year=2026/month=03/day=01/hour=05/t+0+10.json",
                                "t/year=2026/month=03/day=01/hour=06/t+0+20.json"});
  Archive archive = MustRead(listing, {.path_time = PathTime::kRecord});
  EXPECT_EQ(PruneByTime({kFive, kFive + kHourUs}, hours(24), &archive), 1u);
  EXPECT_THAT(NamesOf(archive, listing), ElementsAre(listing[0].name));
}

// Arrivals in [t0, t1) lie in objects with t0 - 900 s - 1 h <= suffix < t1.
TEST(PruneByTime, FirehoseNamesAnObjectByItsOldestRecord) {
  const std::string uuid = "-8a3a12ba-9e5c-4e1d-bb0c-1f6b2a3c4d5e";
  const auto listing =
      Listing({"s-1-2026-03-01-03-44-58" + uuid, "s-1-2026-03-01-03-45-00" + uuid,
               "s-1-2026-03-01-05-59-59" + uuid, "s-1-2026-03-01-06-00-00" + uuid});
  Archive archive = MustRead(listing);
  EXPECT_EQ(PruneByTime({kFive, kFive + kHourUs}, seconds(0), &archive), 2u);
  EXPECT_THAT(NamesOf(archive, listing), ElementsAre(listing[1].name, listing[2].name));
  archive = MustRead(listing);
  EXPECT_EQ(PruneByTime({kFive, kFive + kHourUs}, seconds(1), &archive), 1u);
}

TEST(PruneByTime, OtherSinksGetTheBuffersMarginToo) {
  const auto listing =
      Listing({"dt=2026-03-01/hour=02/a", "dt=2026-03-01/hour=03/a", "dt=2026-03-01/hour=04/a",
               "dt=2026-03-01/hour=05/a", "dt=2026-03-01/hour=06/a"});
  Archive archive = MustRead(listing);
  PruneByTime({kFive, kFive + kHourUs}, seconds(0), &archive);
  EXPECT_THAT(NamesOf(archive, listing),
              ElementsAre(listing[1].name, listing[2].name, listing[3].name));
}

TEST(PruneByTime, WhatHasNoTimeStays) {
  const auto listing = Listing({"a.json", "b.json"});
  Archive archive = MustRead(listing);
  EXPECT_EQ(PruneByTime({kFive, kFive + 1}, seconds(0), &archive), 0u);
}

TEST(PruneByTime, ObjectsLeftGiveWhatTheDroppedOnesGave) {
  const auto listing = Listing({"t/year=2026/month=03/day=01/hour=05/t+0+100.json",
                                "t/year=2026/month=03/day=01/hour=06/t+0+101.json",
                                "t/year=2026/month=03/day=01/hour=07/t+0+100.json.gz"});
  Archive archive = MustRead(listing, {.offsets = Offsets::kDense});
  EXPECT_THAT(RangesOf(archive), ElementsAre("100[0,1)", "100[0,0)", "101[0,all)"));
  PruneByTime({.until = kFive + 1}, seconds(0), &archive);
  EXPECT_THAT(RangesOf(archive), ElementsAre("100[0,all)"));
  archive = MustRead(listing, {.offsets = Offsets::kDense});
  PruneByTime({.from = kFive + 2 * kHourUs}, seconds(0), &archive);
  EXPECT_THAT(RangesOf(archive), ElementsAre("100[0,all)"));
  EXPECT_EQ(archive.objects[0].listed, 2u);
}

// ---- by offsets

Status Cut(Archive* archive, std::optional<int64_t> from, std::optional<int64_t> until) {
  return CutByOffsets(std::vector<PartitionRange>{{"t", 0, from, until}}, archive);
}

TEST(CutByOffsets, DenseObjectsAreCutToTheRecord) {
  const std::vector<ListedObject> listing = {At(0), At(100), At(200), At(300)};
  Archive archive = MustRead(listing);
  ASSERT_TRUE(Cut(&archive, 130, 220).ok());
  EXPECT_THAT(RangesOf(archive), ElementsAre("100[30,100)", "200[0,20)"));
  EXPECT_EQ(archive.objects[1].expected, 20u);
  EXPECT_TRUE(archive.exact);
  archive = MustRead(listing);
  ASSERT_TRUE(Cut(&archive, 100, 200).ok());
  EXPECT_THAT(RangesOf(archive), ElementsAre("100[0,100)"));
  archive = MustRead(listing);
  ASSERT_TRUE(Cut(&archive, {}, 101).ok());
  EXPECT_THAT(RangesOf(archive), ElementsAre("0[0,100)", "100[0,1)"));
  archive = MustRead(listing);
  ASSERT_TRUE(Cut(&archive, 350, {}).ok());
  EXPECT_THAT(RangesOf(archive), ElementsAre("300[50,all)"));
}

TEST(CutByOffsets, AnArchiveThatEndsBeforeTheRangeHasAGap) {
  const std::vector<ListedObject> listing = {At(0), At(100)};
  Archive archive = MustRead(listing);
  ASSERT_TRUE(Cut(&archive, 150, 200).ok());
  EXPECT_THAT(RangesOf(archive), ElementsAre("100[50,100)"));
  EXPECT_EQ(archive.objects[0].expected, 100u);
  EXPECT_THAT(CheckCoverage(archive, std::vector<uint64_t>{80}).gaps,
              ElementsAre(OffsetGap{"t", 0, 180, 200}));
  archive = MustRead(listing);
  ASSERT_TRUE(Cut(&archive, 150, {}).ok());
  EXPECT_THAT(CheckCoverage(archive, std::vector<uint64_t>{20}).gaps,
              ElementsAre(OffsetGap{"t", 0, 120, 150}));
  EXPECT_THAT(CheckCoverage(archive, std::vector<uint64_t>{50}).gaps, IsEmpty());
}

TEST(CutByOffsets, ObjectsThatMayReachIntoTheRangeStayToBeCounted) {
  const std::vector<ListedObject> listing = {At(0), At(50), At(100), At(101), At(140)};
  Archive archive = MustRead(listing);
  ASSERT_TRUE(Cut(&archive, 145, {}).ok());
  ASSERT_THAT(RangesOf(archive), ElementsAre("100[0,0)", "101[0,0)", "140[5,all)"));
  const Coverage coverage = CheckCoverage(archive, std::vector<uint64_t>{50, 30, 7});
  EXPECT_THAT(coverage.more, ElementsAre(RecordRange{0, 47, 50}));
}

TEST(CutByOffsets, RivalsOfAKeptStartStay) {
  const std::vector<ListedObject> listing = {At(0), At(100, 900), At(100, 10, ".json.gz")};
  Archive archive = MustRead(listing);
  ASSERT_TRUE(Cut(&archive, 5000, {}).ok());
  EXPECT_THAT(RangesOf(archive), ElementsAre("100[4900,all)", "100[0,0)"));
}

TEST(CutByOffsets, AnEmptyRangeKeepsNothing) {
  const std::vector<ListedObject> listing = {At(0), At(100)};
  Archive archive = MustRead(listing);
  ASSERT_TRUE(Cut(&archive, 50, 50).ok());
  EXPECT_THAT(archive.objects, IsEmpty());
}

TEST(CutByOffsets, WhereOffsetsAreNotKnownOnlyObjectBordersAreTaken) {
  const auto listing = Listing({"topics/t/hour=05/t+0+100.json", "topics/t/hour=06/t+0+110.json",
                                "topics/t/hour=05/t+0+130.json"});
  Archive archive = MustRead(listing);
  const Status inside = Cut(&archive, 105, {});
  EXPECT_EQ(inside.code(), Code::kInvalidArgument);
  EXPECT_EQ(inside.message(),
            "partition 0 of topic 't': offset 105 lies inside the object that starts at 100, and "
            "its records' offsets aren't known. Cut on object borders: at 100, or at 110; or say "
            "offsets: dense, if record i of an object has its start offset + i");
  EXPECT_EQ(archive.objects.size(), 3u);
  EXPECT_THAT(std::string(Cut(&archive, {}, 131).message()), HasSubstr("or leave the end open"));
  ASSERT_TRUE(Cut(&archive, 110, 130).ok());
  EXPECT_THAT(RangesOf(archive), ElementsAre("110[0,all)"));
  EXPECT_FALSE(archive.exact);
  EXPECT_THAT(archive.inexact_why, HasSubstr("cut on object borders"));
}

TEST(CutByOffsets, CutAndRestAreTheWholeArchive) {
  const auto listing = Listing({"topics/t/hour=05/t+0+100.json", "topics/t/hour=06/t+0+110.json",
                                "topics/t/hour=05/t+0+130.json"});
  Archive below = MustRead(listing);
  Archive above = MustRead(listing);
  ASSERT_TRUE(Cut(&below, {}, 110).ok());
  ASSERT_TRUE(Cut(&above, 110, {}).ok());
  EXPECT_EQ(below.objects.size() + above.objects.size(), 3u);
}

TEST(CutByOffsets, EveryPartitionNeedsOneRange) {
  const auto listing =
      Listing({"topics/t/partition=0/t+0+100.json", "topics/t/partition=1/t+1+100.json"});
  const auto error = [&](std::vector<PartitionRange> ranges) {
    Archive archive = MustRead(listing);
    const Status status = CutByOffsets(ranges, &archive);
    EXPECT_EQ(archive.objects.size(), 2u);
    return status.ToString();
  };
  EXPECT_THAT(error({{"t", 0, 100, 200}}), HasSubstr("none for partition 1 of topic 't'"));
  EXPECT_THAT(error({{"t", 0, {}, {}}, {"t", 0, {}, {}}}), HasSubstr("two ranges of offsets"));
  EXPECT_THAT(error({{"t", 0, {}, {}}, {"", 0, {}, {}}}), HasSubstr("two ranges of offsets"));
  EXPECT_THAT(error({{"t", 7, {}, {}}}), HasSubstr("NOT_FOUND: the archive has no partition 7"));
  EXPECT_THAT(error({{"u", 0, {}, {}}}), HasSubstr("NOT_FOUND"));
  EXPECT_THAT(error({{"t", 0, 99, {}}}),
              HasSubstr("OUT_OF_RANGE: partition 0 of topic 't': the archive begins at offset 100, "
                        "not at 99"));
  EXPECT_THAT(error({{"t", 0, 300, 200}}), HasSubstr("no range of offsets: 300 to 200"));
  EXPECT_THAT(error({{"t", 0, -5, 200}}), HasSubstr("no range of offsets"));
  EXPECT_EQ(error({{"", 0, 100, 300}, {"", 1, {}, {}}}), "OK");
}

TEST(CutByOffsets, SeveralTopicsNeedTheirNames) {
  const auto listing = Listing({"t/partition=0/t+0+100.json", "u/partition=0/u+0+100.json"});
  Archive archive = MustRead(listing);
  EXPECT_THAT(CutByOffsets(std::vector<PartitionRange>{{"", 0, {}, {}}}, &archive).ToString(),
              HasSubstr("several topics"));
  ASSERT_TRUE(
      CutByOffsets(std::vector<PartitionRange>{{"u", 0, 110, {}}, {"t", 0, {}, 105}}, &archive)
          .ok());
  EXPECT_THAT(RangesOf(archive), ElementsAre("100[0,5)", "100[10,all)"));
}

TEST(CutByOffsets, NeedsALayoutWithOffsets) {
  const auto listing = Listing({"a.json"});
  Archive archive = MustRead(listing);
  EXPECT_THAT(Cut(&archive, {}, {}).ToString(), HasSubstr("plain has no offsets in its names"));
}

TEST(CutByOffsets, GoesTogetherWithPruningInAnyOrder) {
  const auto listing = Listing({"t/year=2026/month=03/day=01/hour=05/t+0+100.json",
                                "t/year=2026/month=03/day=01/hour=06/t+0+150.json",
                                "t/year=2026/month=03/day=01/hour=07/t+0+200.json"});
  const TimeSpan times{.until = kFive + 2 * kHourUs};
  for (const bool cut_first : {true, false}) {
    Archive archive = MustRead(listing, {.offsets = Offsets::kDense});
    if (!cut_first) PruneByTime(times, seconds(0), &archive);
    ASSERT_TRUE(Cut(&archive, 120, 190).ok());
    if (cut_first) PruneByTime(times, seconds(0), &archive);
    EXPECT_THAT(RangesOf(archive), ElementsAre("100[20,50)", "150[0,40)"));
  }
}

// ---- a sink that fails and starts again, against what it wrote

struct Written {
  std::vector<ListedObject> listing;
  std::vector<uint64_t> counts;  // of listing
  int64_t end = 0;               // after the last offset that was written
};

// Objects of offsets in a row. After a failure the sink goes back and cuts differently, under
// names that are free: its own, or in another directory, or with another extension.
Written WriteWithFailures(std::mt19937* random) {
  const auto pick = [&](int64_t from, int64_t to) {
    return std::uniform_int_distribution<int64_t>(from, to)(*random);
  };
  Written written;
  std::map<std::string, bool> names;
  int64_t next = pick(0, 50);
  for (int64_t i = 0, objects = pick(1, 12); i < objects; ++i) {
    const int64_t count = pick(1, 30);
    const std::string name = fmt::format("t/hour={:02}/t+0+{:010}{}", pick(0, 3), next,
                                         pick(0, 1) ? ".json" : ".json.gz");
    if (names.emplace(name, true).second) {
      written.listing.push_back({name, static_cast<uint64_t>(pick(1, 500))});
      written.counts.push_back(static_cast<uint64_t>(count));
      written.end = std::max(written.end, next + count);
    }
    next += count;
    if (pick(0, 2) == 0) next = std::max<int64_t>(0, next - pick(0, 40));
    if (pick(0, 9) == 0) next += pick(1, 5);  // lost
  }
  return written;
}

std::vector<uint64_t> CountsOf(const Archive& archive, const Written& written) {
  std::vector<uint64_t> counts;
  for (const ArchiveObject& object : archive.objects)
    counts.push_back(written.counts[object.listed]);
  return counts;
}

// How often each offset is given.
std::map<int64_t, int> GivenBy(const Archive& archive, const Written& written,
                               const Coverage& coverage) {
  std::map<int64_t, int> given;
  const auto counts = CountsOf(archive, written);
  const auto give = [&](size_t object, uint64_t begin, uint64_t end) {
    for (uint64_t i = begin; i < std::min(end, counts[object]); ++i) {
      ++given[archive.objects[object].start_offset + static_cast<int64_t>(i)];
    }
  };
  for (size_t i = 0; i < counts.size(); ++i) {
    give(i, archive.objects[i].begin, archive.objects[i].end);
  }
  for (const RecordRange& range : coverage.more) give(range.object, range.begin, range.end);
  return given;
}

std::map<int64_t, int> Held(const Written& written, const Archive& all) {
  std::map<int64_t, int> held;
  for (const ArchiveObject& object : all.objects) {
    for (uint64_t i = 0; i < written.counts[object.listed]; ++i) {
      held[object.start_offset + static_cast<int64_t>(i)] = 1;
    }
  }
  return held;
}

TEST(Coverage, EveryOffsetThatWasWrittenIsGivenOnceWhateverTheSinkDid) {
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    std::mt19937 random(seed);
    const Written written = WriteWithFailures(&random);
    const Archive archive = MustRead(written.listing, {.offsets = Offsets::kDense});
    const Coverage coverage = CheckCoverage(archive, CountsOf(archive, written));
    const auto held = Held(written, archive);
    ASSERT_EQ(GivenBy(archive, written, coverage), held) << "seed " << seed;
    // Gaps are exactly the offsets, between the first and the last, that no object holds.
    std::map<int64_t, int> missing;
    for (int64_t o = held.begin()->first; o < written.end; ++o) {
      if (!held.contains(o)) missing[o] = 1;
    }
    std::map<int64_t, int> gaps;
    for (const OffsetGap& gap : coverage.gaps) {
      ASSERT_LE(gap.until, written.end) << "seed " << seed;
      for (int64_t o = gap.from; o < gap.until; ++o) ++gaps[o];
    }
    ASSERT_EQ(gaps, missing) << "seed " << seed;
  }
}

TEST(Coverage, NoOffsetOfACutIsLostOrGivenTwice) {
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    std::mt19937 random(seed);
    const Written written = WriteWithFailures(&random);
    Archive archive = MustRead(written.listing, {.offsets = Offsets::kDense});
    // Objects longer than the distance of any two starts may be left out on purpose.
    archive.partitions[0].longest_span = 1000;
    auto held = Held(written, archive);
    const int64_t first = archive.partitions[0].first_start;
    const int64_t from = first + static_cast<int64_t>(random() % 60);
    const int64_t until = from + static_cast<int64_t>(random() % 60);
    ASSERT_TRUE(Cut(&archive, from, until).ok());
    std::erase_if(held, [&](const auto& one) { return one.first < from || one.first >= until; });
    const Coverage coverage = CheckCoverage(archive, CountsOf(archive, written));
    ASSERT_EQ(GivenBy(archive, written, coverage), held) << "seed " << seed;
  }
}

TEST(Coverage, WhatPruningLeavesIsGivenOnce) {
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    std::mt19937 random(seed);
    const Written written = WriteWithFailures(&random);
    Archive archive = MustRead(written.listing, {.offsets = Offsets::kDense});
    // Whichever objects a range of time leaves: the middle of three times.
    for (ArchiveObject& object : archive.objects) {
      const auto time = static_cast<int64_t>(random() % 3);
      object.path_time = TimeSpan{time * 10, time * 10 + 10};
    }
    PruneByTime({.from = 10, .until = 20}, seconds(0), &archive);
    if (archive.objects.empty()) continue;
    const Coverage coverage = CheckCoverage(archive, CountsOf(archive, written));
    ASSERT_EQ(GivenBy(archive, written, coverage), Held(written, archive)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace murmur
