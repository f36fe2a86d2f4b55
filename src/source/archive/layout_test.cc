#include "source/archive/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "source/archive/layout_testing.h"

namespace murmur {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kUuid = "8a3a12ba-9e5c-4e1d-bb0c-1f6b2a3c4d5e";

std::string Firehose(std::string_view before, std::string_view time, std::string_view after = "") {
  return std::string(before) + "-" + std::string(time) + "-" + std::string(kUuid) +
         std::string(after);
}

struct Place {
  std::string topic;
  int64_t partition;
  int64_t start_offset;
  bool operator==(const Place&) const = default;
};
void PrintTo(const Place& place, std::ostream* out) {
  *out << place.topic << "/" << place.partition << "/" << place.start_offset;
}

std::vector<Place> PlacesOf(const Archive& archive) {
  std::vector<Place> places;
  for (const ArchiveObject& object : archive.objects) {
    places.push_back({object.topic, object.partition, object.start_offset});
  }
  return places;
}

TEST(LayoutName, IsParsedBack) {
  for (const Layout layout : {Layout::kPlain, Layout::kHive, Layout::kKafkaConnect, Layout::kAiven,
                              Layout::kMskDelivery, Layout::kFirehose, Layout::kDynamoDbExport}) {
    auto parsed = ParseLayout(LayoutName(layout));
    ASSERT_TRUE(parsed.ok()) << LayoutName(layout);
    EXPECT_EQ(*parsed, layout);
  }
  EXPECT_EQ(LayoutName(Layout::kKafkaConnect), "kafka-connect");
  auto wrong = ParseLayout("kafka");
  EXPECT_EQ(wrong.status().code(), Code::kInvalidArgument);
  EXPECT_THAT(std::string(wrong.status().message()),
              HasSubstr("'kafka' is no layout; expected one of dynamodb-export, firehose, "
                        "msk-delivery, kafka-connect, aiven, hive, plain"));
}

// ---- kafka-connect

TEST(KafkaConnect, ReadsTheDefaultPartitioner) {
  const auto listing = Listing({
      "topics/page_views/partition=1/page_views+1+0000000000.json.gz",
      "topics/page_views/partition=0/page_views+0+0000000100.json.gz",
      "topics/page_views/partition=0/page_views+0+0000000000.json.gz",
  });
  const Archive archive = MustRead(listing);
  EXPECT_EQ(archive.layout, Layout::kKafkaConnect);
  EXPECT_EQ(archive.why, "kafka-connect: 3 of 3 names are <topic>+<partition>+<offset>");
  EXPECT_THAT(PlacesOf(archive), ElementsAre(Place{"page_views", 0, 0}, Place{"page_views", 0, 100},
                                             Place{"page_views", 1, 0}));
  EXPECT_TRUE(archive.exact) << archive.inexact_why;
  EXPECT_FALSE(archive.concatenated);
  ASSERT_EQ(archive.partitions.size(), 2u);
  EXPECT_TRUE(archive.partitions[0].dense);
}

TEST(KafkaConnect, OffsetsSortAsIntegersBeyondTenDigits) {
  const auto listing = Listing({
      "t/partition=0/t+0+10000000000.json",
      "t/partition=0/t+0+9999999999.json",
      "t/partition=0/t+0+0000000100.json",
      "t/partition=0/t+0+20.json",
  });
  EXPECT_THAT(PlacesOf(MustRead(listing)),
              ElementsAre(Place{"t", 0, 20}, Place{"t", 0, 100}, Place{"t", 0, 9999999999},
                          Place{"t", 0, 10000000000}));
}

TEST(KafkaConnect, PartitionsSortAsIntegers) {
  const auto listing = Listing({"t/partition=10/t+10+0.json", "t/partition=9/t+9+0.json"});
  EXPECT_THAT(PlacesOf(MustRead(listing)), ElementsAre(Place{"t", 9, 0}, Place{"t", 10, 0}));
}

TEST(KafkaConnect, ATopicMayHoldTheDelimiter) {
  const auto listing = Listing({"topics/a+b/partition=0/a+b+0+0000000005.json",
                                "topics/a+1/partition=2/a+1+2+0000000007.json"});
  EXPECT_THAT(PlacesOf(MustRead(listing)), ElementsAre(Place{"a+1", 2, 7}, Place{"a+b", 0, 5}));
}

TEST(KafkaConnect, TakesAnotherDelimiterOfAnyLength) {
  LayoutOptions options{.layout = Layout::kKafkaConnect, .file_delimiter = "-"};
  EXPECT_THAT(PlacesOf(MustRead(Listing({"t/a-1-2-3-0000000004.json.gz"}), options)),
              ElementsAre(Place{"a-1-2", 3, 4}));
  options.file_delimiter = "--";
  EXPECT_THAT(PlacesOf(MustRead(Listing({"t/a--b--3--4.avro"}), options)),
              ElementsAre(Place{"a--b", 3, 4}));
  options.file_delimiter = ".";
  EXPECT_THAT(PlacesOf(MustRead(Listing({"t/a.b.3.0000000004.snappy.parquet"}), options)),
              ElementsAre(Place{"a.b", 3, 4}));
  // The longest topic, though a shorter one would leave numbers as extensions.
  EXPECT_THAT(PlacesOf(MustRead(Listing({"t/a.1.2.3"}), options)), ElementsAre(Place{"a.1", 2, 3}));
}

TEST(KafkaConnect, RefusesADelimiterThatHidesNumbers) {
  for (const char* delimiter : {"", "/", "a/b", "0", "-1"}) {
    const LayoutOptions options{.layout = Layout::kKafkaConnect, .file_delimiter = delimiter};
    EXPECT_THAT(MessageOf(Listing({"t/partition=0/t+0+0.json"}), options),
                HasSubstr("file_delimiter '"))
        << delimiter;
  }
}

TEST(KafkaConnect, TakesEveryExtension) {
  for (const char* extension : {".avro", ".json", ".json.gz", ".bin", ".bin.gz", ".parquet",
                                ".snappy.parquet", ".gz.parquet", ""}) {
    const auto listing = Listing({std::string("t/partition=0/t+0+0000000003") + extension});
    EXPECT_THAT(PlacesOf(MustRead(listing)), ElementsAre(Place{"t", 0, 3})) << extension;
  }
}

TEST(KafkaConnect, KeysAndHeadersAreNotRecords) {
  const auto listing = Listing({
      "topics/t/partition=0/t+0+0000000000.json",
      "topics/t/partition=0/t+0+0000000000.keys.avro",
      "topics/t/partition=0/t+0+0000000000.headers.json.gz",
      "topics/t/partition=0/t+0+0000000000.keys",
      "topics/a.keys/partition=0/a.keys+0+0000000000.json",
  });
  const Archive archive = MustRead(listing);
  EXPECT_THAT(NamesOf(archive, listing), ElementsAre(listing[4].name, listing[0].name));
  EXPECT_EQ(ReasonOf(archive, listing, listing[1].name), "keys of another object");
  EXPECT_EQ(ReasonOf(archive, listing, listing[2].name), "headers of another object");
  EXPECT_EQ(ReasonOf(archive, listing, listing[3].name), "keys of another object");
  EXPECT_EQ(archive.why, "kafka-connect: 5 of 5 names are <topic>+<partition>+<offset>");
}

TEST(KafkaConnect, TombstonesAreExcludedAndTheirPartitionIsNotDense) {
  const auto listing = Listing({
      "topics/t/partition=0/t+0+0000000000.json",
      "topics/t/tombstone/t+0+0000000005.keys.json",
      "topics/t/partition=1/t+1+0000000000.json",
      "topics/tombstone/partition=0/tombstone+0+0000000000.json",
  });
  const Archive archive = MustRead(listing);
  EXPECT_EQ(ReasonOf(archive, listing, listing[1].name), "tombstones");
  ASSERT_EQ(archive.partitions.size(), 3u);
  EXPECT_FALSE(archive.partitions[0].dense);
  EXPECT_TRUE(archive.partitions[1].dense);
  EXPECT_EQ(archive.partitions[2].topic, "tombstone");
  EXPECT_TRUE(archive.partitions[2].dense);
}

TEST(KafkaConnect, ATopicCalledTombstoneHasRecords) {
  const auto listing = Listing({"tombstone/tombstone+0+0000000000.json"});
  EXPECT_EQ(MustRead(listing).objects.size(), 1u);
}

// Where offsets of records are start + i, and where that can't be known.
TEST(KafkaConnect, OnlyAPartitionsOwnDirectoryIsDense) {
  const auto dense = [](std::vector<std::string> names) {
    const Archive archive = MustRead(Listing(names));
    return !archive.partitions.empty() && archive.partitions[0].dense;
  };
  EXPECT_TRUE(dense({"topics/t/partition=3/t+3+0.json"}));
  EXPECT_TRUE(dense({"partition=3/t+3+0.json"}));
  EXPECT_FALSE(dense({"topics/t/year=2026/month=03/day=01/hour=05/t+3+0.json"}));
  EXPECT_FALSE(dense({"topics/t/country=DE/t+3+0.json"}));
  EXPECT_FALSE(dense({"t+3+0.json"}));
  // A field of that name, and a directory of it below another.
  EXPECT_FALSE(dense({"topics/t/partition=3/t+3+0.json", "topics/t/partition=4/t+3+9.json"}));
  EXPECT_FALSE(dense({"topics/t/partition=3/t+3+0.json", "topics/t/partition=x/t+4+9.json"}));
  EXPECT_FALSE(dense({"topics/t/day=1/partition=3/t+3+0.json"}));
  EXPECT_FALSE(dense({"topics/t/schema_name=A/partition=3/t+3+0.json"}));
  EXPECT_FALSE(dense({"topics/t/partition=3/schema_name=A/t+3+0.json"}));
  // The partitioner was changed.
  EXPECT_FALSE(dense({"topics/t/partition=3/t+3+0.json", "topics/t/hour=05/t+3+100.json"}));
  // Two directories, of what may be two clusters.
  EXPECT_TRUE(dense({"a/t/partition=3/t-3-0.json", "a/t/partition=3/t-3-100.json"}));
  EXPECT_FALSE(dense({"a/t/partition=3/t-3-0.json", "b/t/partition=3/t-3-100.json"}));
}

TEST(KafkaConnect, TheOptionDecidesAboutDensity) {
  using Offsets = LayoutOptions::Offsets;
  const auto hours = Listing({"topics/t/hour=05/t+0+0.json", "topics/t/hour=06/t+0+50.json"});
  EXPECT_FALSE(MustRead(hours).partitions[0].dense);
  const Archive dense = MustRead(hours, {.offsets = Offsets::kDense});
  EXPECT_TRUE(dense.partitions[0].dense);
  EXPECT_TRUE(dense.exact);
  const auto partitions = Listing({"topics/t/partition=0/t+0+0.json"});
  const Archive sparse = MustRead(partitions, {.offsets = Offsets::kSparse});
  EXPECT_FALSE(sparse.partitions[0].dense);
  EXPECT_FALSE(sparse.exact);
  EXPECT_THAT(sparse.inexact_why, HasSubstr("aren't known in 1 of 1 partitions"));
}

TEST(KafkaConnect, SaysThatStartsRepeatWhereTheyCantBeResolved) {
  const auto listing = Listing({"topics/t/hour=05/t+0+100.json", "topics/t/hour=06/t+0+100.json"});
  const Archive archive = MustRead(listing);
  EXPECT_EQ(archive.objects.size(), 2u);
  EXPECT_EQ(archive.objects[0].end, UINT64_MAX);
  EXPECT_EQ(archive.objects[1].end, UINT64_MAX);
  EXPECT_FALSE(archive.exact);
  EXPECT_THAT(archive.inexact_why, HasSubstr("1 object starts where another does"));
}

TEST(KafkaConnect, FieldValuesMayHoldSlashes) {
  const auto listing = Listing({"topics/t/url=a/b/c/t+0+5.json", "topics/t/url=null/t+0+7.json"});
  EXPECT_THAT(PlacesOf(MustRead(listing)), ElementsAre(Place{"t", 0, 5}, Place{"t", 0, 7}));
}

TEST(KafkaConnect, TwoArchivesOfATopicAreRefused) {
  const std::string message = MessageOf(
      Listing({"prod/topics/t/partition=0/t+0+0.json", "dev/topics/t/partition=0/t+0+0.json"}));
  EXPECT_THAT(message, StartsWith("INVALID_ARGUMENT: two archives of topic 't'"));
  EXPECT_THAT(message, AllOf(HasSubstr("prod/topics/t/"), HasSubstr("dev/topics/t/")));
  EXPECT_EQ(MustRead(Listing({"prod/topics/t/partition=0/t+0+0.json",
                              "dev/topics/u/partition=0/u+0+0.json"}))
                .objects.size(),
            2u);
}

TEST(KafkaConnect, NumbersThatNoSinkWritesAreNoNames) {
  const LayoutOptions told{.layout = Layout::kKafkaConnect};
  for (const char* name :
       {"t/t+0+99999999999999999999.json", "t/t+2147483648+0.json", "t/t+0+.json", "t/t++5.json",
        "t/+0+5.json", "t/t+0+5.js on", "t/t+0+5.", "t/t+0+5-1.json", "t/t+-1+5.json", "t/0+5"}) {
    EXPECT_THAT(MessageOf(Listing({name}), told), HasSubstr("0 of 1 names")) << name;
  }
  EXPECT_THAT(PlacesOf(MustRead(Listing({"t+2147483647+9223372036854775807"}), told)),
              ElementsAre(Place{"t", 2147483647, INT64_MAX}));
}

// ---- what no layout needs to place

TEST(ReadLayout, HiddenEmptyAndDirectoriesAreExcludedWithTheirReason) {
  auto listing = Listing({"topics/t/partition=0/t+0+0.json", "topics/t/partition=0/", "_SUCCESS",
                          "topics/.git/config", "topics/t/partition=0/.t+0+0.json.crc",
                          "topics/_temporary/t+0+7.json", "topics/t/partition=0/t+0+9.json"});
  listing[6].size = 0;
  const Archive archive = MustRead(listing);
  EXPECT_THAT(NamesOf(archive, listing), ElementsAre(listing[0].name));
  std::vector<std::string> reasons;
  for (const ExcludedObject& object : archive.excluded) {
    EXPECT_FALSE(object.unplaced);
    reasons.push_back(object.reason);
  }
  EXPECT_THAT(reasons, ElementsAre("a directory", "hidden", "hidden", "hidden", "hidden", "empty"));
  EXPECT_EQ(archive.why, "kafka-connect: 1 of 1 names are <topic>+<partition>+<offset>");
}

TEST(ReadLayout, ATopicMayBeginLikeAHiddenFile) {
  const auto listing =
      Listing({"topics/_schemas/partition=0/_schemas+0+0.json", "topics/.t/partition=0/.t+0+0.json",
               "topics/u/partition=0/u+0+0.json"});
  EXPECT_EQ(MustRead(listing).objects.size(), 3u);
  EXPECT_EQ(MustRead(Listing({"_schemas-0-15.gz", "b-0-15.gz"})).objects.size(), 2u);
}

TEST(ReadLayout, AnArchiveWithoutRecordsIsAnError) {
  EXPECT_EQ(MessageOf({}), "NOT_FOUND: the archive has no objects");
  EXPECT_EQ(MessageOf(Listing({"_SUCCESS", "a/"})),
            "NOT_FOUND: none of 2 objects holds records; _SUCCESS: hidden");
  EXPECT_EQ(MessageOf(Listing({"t+0+0.keys.json"})),
            "NOT_FOUND: the one object holds no records; t+0+0.keys.json: keys of another object");
}

TEST(ReadLayout, ANameThatIsListedTwiceIsRefused) {
  EXPECT_EQ(MessageOf(Listing({"a.json", "b.json", "a.json"})),
            "INVALID_ARGUMENT: a.json is listed twice");
}

TEST(ReadLayout, TheOrderOfTheListingDoesNotMatter) {
  auto listing = Listing({"t/partition=0/t+0+0.json", "t/partition=0/t+0+0.json.gz",
                          "t/partition=0/t+0+10.json", "t/partition=1/t+1+0.json",
                          "u/partition=0/u+0+0.json", "u/partition=0/u+0+5.json"});
  const auto expected = NamesOf(MustRead(listing), listing);
  std::mt19937 random(7);
  for (int i = 0; i < 20; ++i) {
    std::shuffle(listing.begin(), listing.end(), random);
    EXPECT_EQ(NamesOf(MustRead(listing), listing), expected);
  }
}

// ---- a few names that don't fit

std::vector<std::string> ManyKafkaNames(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) {
    names.push_back("topics/t/partition=0/t+0+" + std::to_string(i * 100) + ".json");
  }
  return names;
}

TEST(ReadLayout, AFewOtherNamesAreReported) {
  auto names = ManyKafkaNames(1498);
  names.push_back("README.md");
  names.push_back("topics/t/notes.txt");
  const auto listing = Listing(names);
  const Archive archive = MustRead(listing);
  EXPECT_EQ(archive.why, "kafka-connect: 1,498 of 1,500 names are <topic>+<partition>+<offset>");
  ASSERT_EQ(archive.excluded.size(), 2u);
  EXPECT_TRUE(archive.excluded[0].unplaced);
  EXPECT_EQ(ReasonOf(archive, listing, "README.md"),
            "other names are <topic>+<partition>+<offset>");
}

TEST(ReadLayout, MoreThanTheAllowedShareIsAnErrorThatNamesTheFirstFew) {
  for (const bool told : {false, true}) {
    LayoutOptions options;
    if (told) options.layout = Layout::kKafkaConnect;
    auto names = ManyKafkaNames(95);
    for (int i = 0; i < 5; ++i) names.push_back("other" + std::to_string(i) + ".csv");
    EXPECT_EQ(MustRead(Listing(names), options).objects.size(), 95u);
    names.push_back("other5.csv");
    const std::string message = MessageOf(Listing(names), options);
    EXPECT_THAT(message, StartsWith("INVALID_ARGUMENT: "));
    EXPECT_THAT(message, HasSubstr("kafka-connect: 95 of 101 names are"));
    EXPECT_THAT(message, HasSubstr("not: other0.csv, other1.csv, other2.csv and 3 more"));
  }
}

TEST(ReadLayout, TwoSinksBelowOneRootAreAnError) {
  auto names = ManyKafkaNames(50);
  for (int i = 10; i < 60; ++i) {
    names.push_back(Firehose("fire/s-1", "2026-03-01-05-00-" + std::to_string(i)));
  }
  EXPECT_THAT(MessageOf(Listing(names)),
              AllOf(HasSubstr("of no one layout"), HasSubstr("firehose: 50 of 100"),
                    HasSubstr("kafka-connect: 50 of 100")));
  // With the option, each object is read.
  EXPECT_EQ(MustRead(Listing(names), {.layout = Layout::kPlain}).objects.size(), 100u);
}

// ---- msk-delivery

TEST(MskDelivery, ReadsTheDefaultTemplate) {
  const auto listing = Listing({
      "pre/chan-1/orders/year=2026/month=03/day=01/hour=05/"
      "orders+3+000000000000001500-000001-9f8e7d6c.json.gz",
      "pre/chan-1/orders/year=2026/month=03/day=01/hour=06/"
      "orders+3+000000000000001500-000002-0a1b2c3d.json.gz",
      "pre/chan-1/orders/year=2026/month=03/day=01/hour=05/"
      "orders+3+000000000000000900-000001-aabbccdd.json.gz",
  });
  const Archive archive = MustRead(listing);
  EXPECT_EQ(archive.layout, Layout::kMskDelivery);
  EXPECT_THAT(PlacesOf(archive), ElementsAre(Place{"orders", 3, 900}, Place{"orders", 3, 1500},
                                             Place{"orders", 3, 1500}));
  EXPECT_EQ(TimeOf(archive.objects[0]), "2026-03-01T05:00:00Z to 2026-03-01T06:00:00Z");
  EXPECT_FALSE(archive.exact);
}

TEST(MskDelivery, OneStartTwiceGoesByTheIntervalRule) {
  const auto listing = Listing({"c/t/hour=05/t+0+000000000000000100-000001-aaaa1111.json",
                                "c/t/hour=06/t+0+000000000000000100-000002-bbbb2222.json",
                                "c/t/hour=06/t+0+000000000000000150-000001-cccc3333.json"});
  const Archive archive = MustRead(listing, {.offsets = LayoutOptions::Offsets::kDense});
  ASSERT_EQ(archive.objects.size(), 3u);
  EXPECT_EQ(archive.objects[0].end, 50u);
  EXPECT_EQ(archive.objects[1].end, 0u);
  EXPECT_TRUE(archive.exact);
}

TEST(MskDelivery, NamesWithoutAnOffsetAreReadWhenToldSo) {
  const auto listing =
      Listing({"c/t/hour=05/7-000001-aaaa1111.json", "c/t/hour=05/8-000002-bbbb2222.json"});
  const Archive archive = MustRead(listing, {.layout = Layout::kMskDelivery});
  EXPECT_EQ(archive.objects.size(), 2u);
  EXPECT_THAT(archive.partitions, IsEmpty());
  EXPECT_THAT(archive.inexact_why, HasSubstr("hold no offset"));
  EXPECT_NE(MustRead(listing).layout, Layout::kMskDelivery);
}

// ---- aiven

TEST(Aiven, IsParsedFromTheRight) {
  const auto listing = Listing({"logs/page-views-0-0.gz", "logs/page-views-0-1500.gz",
                                "logs/page-views-11-00000000000000000020.gz", "2-3-4"});
  const Archive archive = MustRead(listing);
  EXPECT_EQ(archive.layout, Layout::kAiven);
  EXPECT_THAT(PlacesOf(archive),
              ElementsAre(Place{"2", 3, 4}, Place{"page-views", 0, 0}, Place{"page-views", 0, 1500},
                          Place{"page-views", 11, 20}));
  EXPECT_FALSE(archive.exact);
}

TEST(Aiven, DatesAreNotOffsetsUnlessToldSo) {
  const auto dates =
      Listing({"events-2026-10-11.jsonl", "events-2026-10-12.jsonl", "events-2026-10-13.jsonl"});
  EXPECT_EQ(MustRead(dates).layout, Layout::kPlain);
  EXPECT_EQ(MustRead(Listing({"events-2026-03-01.jsonl"})).layout, Layout::kPlain);
  EXPECT_EQ(MustRead(Listing({"part-00001-12.json"})).layout, Layout::kPlain);
  const Archive told = MustRead(dates, {.layout = Layout::kAiven});
  EXPECT_THAT(PlacesOf(told)[0], (Place{"events-2026", 10, 11}));
}

TEST(Aiven, APaddedTemplateIsRecognised) {
  EXPECT_EQ(MustRead(Listing({"t/t-0000000003-00000000000000001500.jsonl.gz"})).layout,
            Layout::kAiven);
}

// ---- firehose

TEST(Firehose, ReadsTheDefaultPrefix) {
  const auto listing = Listing({
      Firehose("2026/03/01/06/my-stream-2", "2026-03-01-06-00-01", ".gz"),
      Firehose("2026/03/01/05/my-stream-1", "2026-03-01-05-59-58", ".gz"),
  });
  const Archive archive = MustRead(listing);
  EXPECT_EQ(archive.layout, Layout::kFirehose);
  EXPECT_EQ(archive.why, "firehose: 2 of 2 names are <stream>-<version>-<time>-<uuid>");
  EXPECT_THAT(NamesOf(archive, listing), ElementsAre(listing[1].name, listing[0].name));
  EXPECT_TRUE(archive.concatenated);
  EXPECT_FALSE(archive.exact);
  EXPECT_THAT(archive.inexact_why, HasSubstr("at least once"));
  EXPECT_EQ(TimeOf(archive.objects[0]), "2026-03-01T05:59:58Z to 2026-03-01T05:59:59Z");
  EXPECT_EQ(archive.objects[0].start_offset, -1);
}

// AWS's own example of dynamic partitioning: no version, and an hour that is the record's.
TEST(Firehose, TheVersionIsOptionalAndTheSuffixIsTheTime) {
  const auto listing = Listing(
      {Firehose("customer_id=1234567890/year=2019/month=08/day=09/hour=20/my-delivery-stream",
                "2019-08-09-23-55-09")});
  const Archive archive = MustRead(listing);
  EXPECT_EQ(archive.layout, Layout::kFirehose);
  EXPECT_EQ(TimeOf(archive.objects[0]), "2019-08-09T23:55:09Z to 2019-08-09T23:55:10Z");
}

TEST(Firehose, NamesAreReadFromTheRight) {
  for (const std::string& name :
       {Firehose("a-2026-03-01-05-00-00-1", "2026-03-02-07-08-09"),  // digits in the stream
        Firehose("logs-2026/03/02/07/s.v1.2-1", "2026-03-02-07-08-09", ".json.gz"),
        Firehose("prefix-without-slash-s-1", "2026-03-02-07-08-09", ".Parquet"),
        Firehose("x/k3j4h5g6f7d/s-10", "2026-03-02-07-08-09", ".a.b.c")}) {
    const Archive archive = MustRead(Listing({name}));
    EXPECT_EQ(archive.layout, Layout::kFirehose) << name;
    EXPECT_EQ(TimeOf(archive.objects[0]), "2026-03-02T07:08:09Z to 2026-03-02T07:08:10Z") << name;
  }
}

TEST(Firehose, OtherNamesAreNot) {
  for (const std::string& name :
       {Firehose("s-1", "2026-13-02-07-08-09"), Firehose("s-1", "2026-03-02-25-08-09"),
        Firehose("s-1", "2026-03-02-07-08"), Firehose("s-1", "2026-03-02-07-08-09", ".a b"),
        Firehose("s-1", "2026-03-02-07-08-09", "."), Firehose("s-1", "2026-03-02-07-08-09", "x"),
        std::string("s-1-2026-03-02-07-08-09-8A3A12BA-9E5C-4E1D-BB0C-1F6B2A3C4D5E"),
        std::string("s-1-2026-03-02-07-08-09-8a3a12ba-9e5c-4e1d-bb0c-1f6b2a3c4d5"),
        std::string("part-00000-8a3a12ba-9e5c-4e1d-bb0c-1f6b2a3c4d5e-c000.snappy.parquet")}) {
    EXPECT_NE(MustRead(Listing({name})).layout, Layout::kFirehose) << name;
  }
}

TEST(Firehose, ComesBeforeAivenWhoseFormAUuidMayHave) {
  const auto listing = Listing({"s-1-2026-03-02-07-08-09-8a3a12ba-9e5c-4e1d-9876-123456789012.gz"});
  EXPECT_EQ(MustRead(listing).layout, Layout::kFirehose);
  EXPECT_EQ(MustRead(listing, {.layout = Layout::kAiven}).objects[0].start_offset, 123456789012);
}

TEST(Firehose, ErrorOutputIsExcluded) {
  const std::string time = "2026-03-01-05-00-00";
  const auto listing = Listing({
      Firehose("2026/03/01/05/s-1", time),
      Firehose("processing-failed/2026/03/01/05/s-1", time),
      Firehose("errors/format-conversion-failed/2026/03/01/05/s-1", time),
      Firehose("err/result=processing-failed/year=2026/s-1", time),
      Firehose("AmazonOpenSearchService-failed/2026/03/01/05/s-1", time),
      // No '/' before the type, and none after it.
      Firehose("kinesis-processing-errors-metadata-extraction-failed/2026/03/01/s-2", time),
      Firehose("errors/year=2026/month=03/day=01/hour=05/iceberg-faileds-1", time),
  });
  const Archive archive = MustRead(listing);
  EXPECT_THAT(NamesOf(archive, listing), ElementsAre(listing[0].name));
  EXPECT_EQ(ReasonOf(archive, listing, listing[1].name),
            "Firehose error output (processing-failed)");
  EXPECT_EQ(ReasonOf(archive, listing, listing[5].name),
            "Firehose error output (metadata-extraction-failed)");
  EXPECT_EQ(ReasonOf(archive, listing, listing[6].name), "Firehose error output (iceberg-failed)");
  EXPECT_EQ(archive.why, "firehose: 7 of 7 names are <stream>-<version>-<time>-<uuid>");
}

TEST(Firehose, DataWithTheWordsOfErrorsIsKept) {
  const std::string time = "2026-03-01-05-00-00";
  const auto listing = Listing({
      // A stream of that name, a status of that name, a prefix that only this stream has.
      Firehose("2026/03/01/05/processing-failed-1", time),
      Firehose("2026/03/01/05/processing-failed-retries-1", time),
      Firehose("by/status=processing-failed/2026/03/01/05/s-1", time),
      Firehose("by/status=ok/2026/03/01/05/s-1", time),
      Firehose("about-processing-failed/2026/03/01/05/reports-1", time),
      Firehose("processing-failed-events/2026/03/01/05/s-1", time),
  });
  const Archive archive = MustRead(listing);
  EXPECT_THAT(archive.excluded, IsEmpty()) << archive.excluded[0].reason;
  EXPECT_EQ(archive.objects.size(), listing.size());
}

TEST(Firehose, OnlyErrorOutputIsNoArchive) {
  const auto listing =
      Listing({Firehose("processing-failed/2026/03/01/05/s-1", "2026-03-01-05-00-00")});
  EXPECT_THAT(MessageOf(listing), AllOf(StartsWith("NOT_FOUND"),
                                        HasSubstr("Firehose error output (processing-failed)")));
}

// ---- hive and plain

TEST(Hive, NeedsOnlyKeyValueDirectories) {
  const auto listing =
      Listing({"year=2026/month=03/day=02/b.parquet", "year=2026/month=03/day=01/a.parquet"});
  const Archive archive = MustRead(listing);
  EXPECT_EQ(archive.layout, Layout::kHive);
  EXPECT_EQ(archive.why, "hive: 2 of 2 names lie below key=value directories");
  EXPECT_THAT(NamesOf(archive, listing), ElementsAre(listing[1].name, listing[0].name));
  EXPECT_TRUE(archive.exact);
}

TEST(Plain, IsWhatIsLeftAndSaysWhatItIsNot) {
  const auto listing = Listing({"b.jsonl", "dt=2026-03-01/a.jsonl", "c/d.jsonl"});
  const Archive archive = MustRead(listing);
  EXPECT_EQ(archive.layout, Layout::kPlain);
  EXPECT_EQ(archive.why,
            "plain: 3 of 3 names are taken as they are; not hive: 1 of 3 names lie "
            "below key=value directories");
  EXPECT_THAT(NamesOf(archive, listing),
              ElementsAre("b.jsonl", "c/d.jsonl", "dt=2026-03-01/a.jsonl"));
  EXPECT_TRUE(archive.exact);
}

TEST(Plain, AnotherDelimiterOfKafkaConnectIsNotReadAsPlain) {
  for (const char* d : {"_", "-", "=", "."}) {
    const auto name = [&](std::string offset) {
      return std::string("topics/t/partition=0/t") + d + "0" + d + offset + ".json";
    };
    const auto listing = Listing({name("0000000000"), name("0000000100"), name("0000000100.keys")});
    EXPECT_THAT(MessageOf(listing), HasSubstr(std::string("file_delimiter: '") + d + "'")) << d;
    EXPECT_EQ(
        MustRead(listing, {.layout = Layout::kKafkaConnect, .file_delimiter = d}).objects.size(),
        2u);
  }
  EXPECT_EQ(MustRead(Listing({"events_3_1772366400.json"})).layout, Layout::kPlain);
}

// ---- the order of detection

TEST(Detection, ADelimiterThatMakesKafkaConnectLikeAivenIsKafkaConnect) {
  const auto listing = Listing({"t-0-100.json", "t-0-200.json"});
  EXPECT_EQ(MustRead(listing).layout, Layout::kAiven);
  EXPECT_EQ(MustRead(listing, {.file_delimiter = "-"}).layout, Layout::kKafkaConnect);
}

TEST(Detection, MskAndKafkaConnectAreToldApart) {
  EXPECT_EQ(MustRead(Listing({"t/t+0+000000000000000100-000001-1234.json"})).layout,
            Layout::kMskDelivery);
  EXPECT_EQ(MustRead(Listing({"t/t+0+000000000000000100.json"})).layout, Layout::kKafkaConnect);
}

TEST(Options, ThatContradictTheLayoutAreRefused) {
  using Offsets = LayoutOptions::Offsets;
  using PathTime = LayoutOptions::PathTime;
  const auto firehose = Listing({Firehose("s-1", "2026-03-01-05-00-00")});
  EXPECT_THAT(MessageOf(firehose, {.offsets = Offsets::kDense}),
              HasSubstr("offsets: dense: firehose has no offsets"));
  EXPECT_THAT(MessageOf(firehose, {.path_time = PathTime::kRecord}),
              HasSubstr("path_time: record: paths of firehose"));
  EXPECT_THAT(MessageOf(Listing({"dt=2026-03-01/a.json"}), {.path_time = PathTime::kRecord}),
              StartsWith("OK"));
}

// ---- times in paths

std::vector<std::string> TimesOf(const std::vector<std::string>& names,
                                 const LayoutOptions& options = {}) {
  std::vector<std::string> times;
  for (const ArchiveObject& object : MustRead(Listing(names), options).objects) {
    times.push_back(TimeOf(object));
  }
  return times;
}

TEST(PathTimes, EveryFormIsRead) {
  EXPECT_THAT(
      TimesOf({"year=2026/month=03/day=01/hour=05/a", "year=2026/month=03/day=01/hour=06/a"}),
      ElementsAre("2026-03-01T05:00:00Z to 2026-03-01T06:00:00Z",
                  "2026-03-01T06:00:00Z to 2026-03-01T07:00:00Z"));
  EXPECT_THAT(TimesOf({"year=2024/month=2/day=28/a", "year=2024/month=2/day=29/a"}),
              ElementsAre("2024-02-28T00:00:00Z to 2024-02-29T00:00:00Z",
                          "2024-02-29T00:00:00Z to 2024-03-01T00:00:00Z"));
  EXPECT_THAT(TimesOf({"year=2026/month=02/a", "year=2026/month=12/a"}),
              ElementsAre("2026-02-01T00:00:00Z to 2026-03-01T00:00:00Z",
                          "2026-12-01T00:00:00Z to 2027-01-01T00:00:00Z"));
  EXPECT_THAT(
      TimesOf({"dt=2026-03-01/hh=05/a", "dt=2026-03-01/hh=07/a", "dt=2026-03-01/hh=08/a"})[0],
      "2026-03-01T05:00:00Z to 2026-03-01T06:00:00Z");
  EXPECT_THAT(TimesOf({"date=2026-03-01/a", "date=2026-03-02/a"})[1],
              "2026-03-02T00:00:00Z to 2026-03-03T00:00:00Z");
  EXPECT_THAT(TimesOf({"2026/03/01/05/t-0-100", "2026/03/02/05/t-0-200"})[0],
              "2026-03-01T00:00:00Z to 2026-03-02T00:00:00Z");
}

// partition.duration.ms is not in the names: hour=06 may be six hours.
TEST(PathTimes, ADirectoryIsAsWideAsTheTimesAllow) {
  EXPECT_THAT(TimesOf({"t/day=2026-03-01/hour=00/t+0+0", "t/day=2026-03-01/hour=06/t+0+9",
                       "t/day=2026-03-01/hour=18/t+0+20"})[1],
              "2026-03-01T06:00:00Z to 2026-03-01T12:00:00Z");
  EXPECT_THAT(TimesOf({"year=2026/month=03/day=01/hour=05/minute=00/a",
                       "year=2026/month=03/day=01/hour=05/minute=15/a",
                       "year=2026/month=03/day=01/hour=06/minute=00/a"})[1],
              "2026-03-01T05:15:00Z to 2026-03-01T05:30:00Z");
  // Each topic has a duration of its own.
  EXPECT_THAT(TimesOf({"a/dt=2026-03-01/hour=00/a+0+0", "a/dt=2026-03-01/hour=06/a+0+9",
                       "b/dt=2026-03-01/hour=00/b+0+0", "b/dt=2026-03-01/hour=01/b+0+9"}),
              ElementsAre("2026-03-01T00:00:00Z to 2026-03-01T06:00:00Z",
                          "2026-03-01T06:00:00Z to 2026-03-01T12:00:00Z",
                          "2026-03-01T00:00:00Z to 2026-03-01T01:00:00Z",
                          "2026-03-01T01:00:00Z to 2026-03-01T02:00:00Z"));
  // Days and hours below one root.
  EXPECT_THAT(TimesOf({"dt=2026-03-01/a", "dt=2026-03-02/a", "dt=2026-03-03/hour=05/a",
                       "dt=2026-03-03/hour=06/a"})[0],
              "2026-03-01T00:00:00Z to 2026-03-02T00:00:00Z");
}

TEST(PathTimes, OneDirectoryAloneDoesNotSayHowWideItIs) {
  EXPECT_THAT(TimesOf({"dt=2026-03-01/hour=05/a", "dt=2026-03-01/hour=05/b"}),
              ElementsAre("none", "none"));
}

TEST(PathTimes, WhatIsNoTimeIsNone) {
  for (const char* directory :
       {"year=2026/month=13/day=01", "year=2026/month=02/day=30", "year=26/month=02/day=01",
        "dt=2026-03-01/hour=24", "dt=20260301", "x=1/2026/3/1", "x=1/2026/03/32", "month=03/day=01",
        "year=2026", "dt=2026-03-01/x=1/dt=2026-03-02", "year=2026/month=03/day=01/hour=99"}) {
    EXPECT_THAT(TimesOf({std::string(directory) + "/a", "dt=2026-05-05/hour=01/a",
                         "dt=2026-05-05/hour=02/a", "dt=2026-05-05/a", "dt=2026-05-06/a",
                         "year=2026/month=05/day=01/hour=01/a", "2026/05/05/x=1/a"}),
                testing::Contains("none"))
        << directory;
  }
}

TEST(PathTimes, NoneMeansThatPathsHoldNoTimes) {
  EXPECT_THAT(TimesOf({"birth=x/date=1990-03-01/a", "birth=x/date=1990-03-02/a"},
                      {.path_time = LayoutOptions::PathTime::kNone}),
              ElementsAre("none", "none"));
}

// ---- dynamodb-export

constexpr std::string_view kExport = "AWSDynamoDB/01693685827463-2d8752fd/";

std::vector<std::string> ExportNames(const std::string& directory) {
  return {directory + "_started",
          directory + "manifest-summary.json",
          directory + "manifest-summary.md5",
          directory + "manifest-files.json",
          directory + "data/zzz.json.gz",
          directory + "data/aaa.json.gz"};
}

TEST(DynamoDbExport, ReadsWhatItsManifestLists) {
  auto names = ExportNames(std::string(kExport));
  names.push_back(std::string(kExport) + "data/left-over.json.gz");
  const auto listing = Listing(names);
  Archive archive = MustRead(listing);
  EXPECT_EQ(archive.layout, Layout::kDynamoDbExport);
  EXPECT_FALSE(archive.exact);
  ASSERT_TRUE(archive.manifest.has_value());
  EXPECT_EQ(listing[*archive.manifest].name, std::string(kExport) + "manifest-files.json");
  EXPECT_EQ(ReasonOf(archive, listing, names[0]), "the export's own notes");

  // The bucket's prefix is part of the keys, not of the names.
  const auto files = ParseManifest(
      R"({"itemCount":8,"md5Checksum":"sQMSpEILNgoQmarvDFonGQ==","etag":"af83d6f217c19b8b0fff8023d8ca4716-1","dataFileS3Key":"2020-Nov/AWSDynamoDB/01693685827463-2d8752fd/data/zzz.json.gz"})"
      "\n"
      R"({"itemCount":0,"md5Checksum":"bQMSpEILNgoQmarvDFonGQ==","dataFileS3Key":"2020-Nov/AWSDynamoDB/01693685827463-2d8752fd/data/aaa.json.gz"})"
      "\r\n");
  ASSERT_TRUE(files.ok()) << files.status().ToString();
  ASSERT_TRUE(ApplyManifest(*files, listing, &archive).ok());
  EXPECT_THAT(NamesOf(archive, listing), ElementsAre(names[5], names[4]));
  EXPECT_EQ(archive.objects[1].expected, 8u);
  EXPECT_EQ(archive.objects[0].expected, 0u);
  EXPECT_EQ(archive.objects[1].md5, "sQMSpEILNgoQmarvDFonGQ==");
  EXPECT_EQ(ReasonOf(archive, listing, names[6]), "not in the manifest");
  EXPECT_TRUE(archive.exact);
  EXPECT_THAT(archive.inexact_why, IsEmpty());
  EXPECT_THAT(archive.why, HasSubstr("the manifest lists 2 files with 8 items"));
}

TEST(DynamoDbExport, TheRootMayBeTheExportItself) {
  const auto listing = Listing(ExportNames(""));
  Archive archive = MustRead(listing);
  EXPECT_EQ(archive.layout, Layout::kDynamoDbExport);
  const std::vector<ManifestFile> files = {{"p/AWSDynamoDB/x/data/aaa.json.gz", 1, ""},
                                           {"p/AWSDynamoDB/x/data/zzz.json.gz", 1, ""}};
  ASSERT_TRUE(ApplyManifest(files, listing, &archive).ok());
  EXPECT_EQ(archive.objects.size(), 2u);
}

TEST(DynamoDbExport, IncrementalExportsShareTheirData) {
  const auto listing = Listing({"AWSDynamoDB/01693685934212-ac809da5/manifest-files.json",
                                "AWSDynamoDB/data/sgot.json.gz", "AWSDynamoDB/data/u6ld.json.gz"});
  Archive archive = MustRead(listing);
  const std::vector<ManifestFile> files = {{"AWSDynamoDB/data/u6ld.json.gz", 5, ""}};
  ASSERT_TRUE(ApplyManifest(files, listing, &archive).ok());
  EXPECT_THAT(NamesOf(archive, listing), ElementsAre("AWSDynamoDB/data/u6ld.json.gz"));
}

TEST(DynamoDbExport, SeveralAreAnErrorUntilOneIsSaid) {
  auto names = ExportNames("AWSDynamoDB/01693685827463-2d8752fd/");
  for (const auto& name : ExportNames("AWSDynamoDB/01793685827463-aaaaaaaa/"))
    names.push_back(name);
  const auto listing = Listing(names);
  EXPECT_THAT(MessageOf(listing),
              AllOf(StartsWith("INVALID_ARGUMENT: 2 exports below the path, newest first: "
                               "01793685827463-aaaaaaaa, 01693685827463-2d8752fd"),
                    HasSubstr("export: <id>")));
  const Archive archive = MustRead(listing, {.dynamodb_export = "01693685827463-2d8752fd"});
  EXPECT_THAT(NamesOf(archive, listing), ElementsAre(names[5], names[4]));
  EXPECT_EQ(ReasonOf(archive, listing, names.back()), "of another export, 01793685827463-aaaaaaaa");
  EXPECT_THAT(MessageOf(listing, {.dynamodb_export = "nope"}),
              HasSubstr("no export 'nope' with a manifest; there are: 01793685827463-aaaaaaaa"));
}

TEST(DynamoDbExport, AnExportUnderWayIsNotRead) {
  auto names = ExportNames(std::string(kExport));
  names.push_back("AWSDynamoDB/01793685827463-aaaaaaaa/_started");
  names.push_back("AWSDynamoDB/01793685827463-aaaaaaaa/data/q.json.gz");
  const auto listing = Listing(names);
  const Archive archive = MustRead(listing);
  EXPECT_EQ(archive.objects.size(), 2u);
  EXPECT_EQ(ReasonOf(archive, listing, names.back()),
            "of export 01793685827463-aaaaaaaa, which has no manifest");
  EXPECT_THAT(MessageOf(Listing({names.back()}), {.layout = Layout::kDynamoDbExport}),
              HasSubstr("no manifest-files.json"));
}

TEST(DynamoDbExport, OtherObjectsBesideItAreAnError) {
  auto names = ExportNames(std::string(kExport));
  names.push_back("logs/a.json");
  EXPECT_THAT(MessageOf(Listing(names)),
              AllOf(HasSubstr("dynamodb-export: 6 of 7"), HasSubstr("not: logs/a.json")));
}

TEST(DynamoDbExport, AListedFileThatIsMissingOrListedTwiceIsAnError) {
  const auto listing = Listing(ExportNames(std::string(kExport)));
  const std::string key = std::string(kExport) + "data/aaa.json.gz";
  Archive archive = MustRead(listing);
  Status status =
      ApplyManifest(std::vector<ManifestFile>{{std::string(kExport) + "data/b.json.gz", 1234, ""}},
                    listing, &archive);
  EXPECT_EQ(status.code(), Code::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("data/b.json.gz (1,234 items)"));
  archive = MustRead(listing);
  status = ApplyManifest(std::vector<ManifestFile>{{key, 1, ""}, {key, 1, ""}}, listing, &archive);
  EXPECT_EQ(status.code(), Code::kDataLoss);
}

TEST(ParseManifest, RefusesWhatIsNoManifest) {
  for (const auto& [text, what] : std::vector<std::pair<std::string, std::string>>{
           {"", "lists no files"},
           {"\n\n", "lists no files"},
           {"{\"itemCount\":1,\"dataFileS3Key\":\"a\"}\n{", "line 2: not a JSON object"},
           {"[1]", "line 1: not a JSON object"},
           {"{\"itemCount\":1}", "line 1: no dataFileS3Key"},
           {"{\"itemCount\":1,\"dataFileS3Key\":\"\"}", "line 1: no dataFileS3Key"},
           {"{\"itemCount\":-1,\"dataFileS3Key\":\"a\"}", "line 1: no itemCount"},
           {"{\"itemCount\":1.5,\"dataFileS3Key\":\"a\"}", "line 1: no itemCount"},
           {"{\"dataFileS3Key\":\"a\"}", "line 1: no itemCount"},
           {std::string(kManifestLineBytesMax + 1, ' '), "line 1: longer than 65536 bytes"}}) {
    const auto files = ParseManifest(text);
    EXPECT_EQ(files.status().code(), Code::kDataLoss) << text.substr(0, 80);
    EXPECT_THAT(std::string(files.status().message()), HasSubstr(what));
  }
}

}  // namespace
}  // namespace murmur
