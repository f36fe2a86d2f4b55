// The source over whole files: pages, batches, splits, positions, damage, pruning, drift.
#include "source/parquet/parquet_source.h"

#include <arrow/api.h>
#include <gmock/gmock.h>

#include <fstream>
#include <functional>
#include <random>
#include <set>

#include "base/time_text.h"
#include "source/parquet/parquet_testing.h"
#include "source/parquet/time_range.h"
#include "testing/temporary_folder.h"

namespace murmur::parquet_source {
namespace {

using parquet::LogicalType;
using parquet::schema::PrimitiveNode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

uint64_t Seed() {
  static const uint64_t seed = std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

template <class Builder, class Value>
void AppendOrNull(Builder* builder, bool null, const Value& value) {
  ASSERT_TRUE((null ? builder->AppendNull() : builder->Append(value)).ok());
}

template <class Builder>
std::shared_ptr<arrow::Array> Finished(Builder* builder) {
  return builder->Finish().ValueOrDie();
}

// A table of `rows` rows, id = 0, 1, 2, …, and what a reader must see of it.
struct Sample {
  std::shared_ptr<arrow::Table> table;
  std::vector<std::vector<std::string>> expected;
};

Sample MakeSample(uint64_t seed, int rows, double null_share) {
  std::mt19937_64 random(seed);
  std::bernoulli_distribution null(null_share);
  arrow::Int64Builder ids;
  arrow::StringBuilder names;
  arrow::StringBuilder pages;
  arrow::DoubleBuilder amounts;
  arrow::ListBuilder tags(arrow::default_memory_pool(), std::make_shared<arrow::Int32Builder>());
  Sample sample;
  for (int i = 0; i < rows; ++i) {
    const bool nulls[4] = {null(random), null(random), null(random), null(random)};
    const std::string name = std::string(random() % 20, 'n') + std::to_string(random() % 100000);
    const std::string page = "/p" + std::to_string(random() % 50);
    const auto amount = static_cast<double>(random() % 10000);
    const auto tag = static_cast<int32_t>(random() % 100);
    AppendOrNull(&ids, false, int64_t{i});
    AppendOrNull(&names, nulls[0], name);
    AppendOrNull(&pages, nulls[1], page);
    AppendOrNull(&amounts, nulls[2], amount);
    EXPECT_TRUE((nulls[3] ? tags.AppendNull() : tags.Append()).ok());
    if (!nulls[3])
      AppendOrNull(static_cast<arrow::Int32Builder*>(tags.value_builder()), false, tag);
    sample.expected.push_back({"integer " + std::to_string(i), nulls[0] ? "null" : "string " + name,
                               nulls[1] ? "null" : "string " + page,
                               nulls[2] ? "null" : "float " + std::to_string(amount),
                               nulls[3] ? "null" : "integer " + std::to_string(tag)});
  }
  const auto schema =
      arrow::schema({arrow::field("id", arrow::int64()), arrow::field("name", arrow::utf8()),
                     arrow::field("page", arrow::utf8()), arrow::field("amount", arrow::float64()),
                     arrow::field("tags", arrow::list(arrow::int32()))});
  sample.table = arrow::Table::Make(schema, {Finished(&ids), Finished(&names), Finished(&pages),
                                             Finished(&amounts), Finished(&tags)});
  return sample;
}

const std::vector<std::string> kSamplePaths = {"id", "name", "page", "amount", "tags[0]"};

void ExpectSample(const Sample& sample, const ReadResult& result) {
  ASSERT_TRUE(result.status.ok()) << result.status.ToString();
  EXPECT_THAT(result.dead_letters, IsEmpty());
  ASSERT_EQ(result.records.size(), sample.expected.size());
  for (size_t i = 0; i < sample.expected.size(); ++i) {
    ASSERT_EQ(result.records[i].cells, sample.expected[i]) << "row " << i;
    ASSERT_EQ(result.records[i].offset, i);
  }
}

struct Layout {
  const char* name;
  std::function<void(parquet::WriterProperties::Builder*)> set;
};

class ParquetLayout : public ::testing::TestWithParam<Layout> {};

TEST_P(ParquetLayout, EveryValueInAnyEncoding) {
  const uint64_t seed = Seed();
  for (const double null_share : {0.0, 0.2, 1.0}) {
    const Sample sample = MakeSample(seed, 10000, null_share);
    parquet::WriterProperties::Builder properties;
    properties.data_pagesize(3000)->write_batch_size(100);  // pages end within our batches
    GetParam().set(&properties);
    const std::string bytes = WriteTable(*sample.table, 4500, properties.build());
    SCOPED_TRACE("null share " + std::to_string(null_share));
    ExpectSample(sample, ReadBytes(bytes, kSamplePaths));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, ParquetLayout,
    ::testing::Values(
        Layout{"dictionary", [](auto* p) { p->enable_dictionary(); }},
        Layout{"plain", [](auto* p) { p->disable_dictionary(); }},
        Layout{"dictionary_then_plain", [](auto* p) { p->dictionary_pagesize_limit(2000); }},
        Layout{"pages_v2",
               [](auto* p) { p->data_page_version(parquet::ParquetDataPageVersion::V2); }},
        Layout{"delta_lengths",
               [](auto* p) {
                 p->disable_dictionary()
                     ->encoding("name", parquet::Encoding::DELTA_LENGTH_BYTE_ARRAY)
                     ->encoding("id", parquet::Encoding::DELTA_BINARY_PACKED)
                     ->encoding("amount", parquet::Encoding::BYTE_STREAM_SPLIT);
               }},
        Layout{"delta_bytes",
               [](auto* p) {
                 p->disable_dictionary()->encoding("name", parquet::Encoding::DELTA_BYTE_ARRAY);
               }},
        Layout{"zstd", [](auto* p) { p->compression(parquet::Compression::ZSTD); }},
        Layout{"snappy", [](auto* p) { p->compression(parquet::Compression::SNAPPY); }},
        Layout{"gzip", [](auto* p) { p->compression(parquet::Compression::GZIP); }},
        Layout{"lz4", [](auto* p) { p->compression(parquet::Compression::LZ4); }},
        Layout{"brotli", [](auto* p) { p->compression(parquet::Compression::BROTLI); }},
        Layout{"checksums", [](auto* p) { p->enable_page_checksum(); }}),
    [](const auto& layout) { return layout.param.name; });

TEST(ParquetSource, DictionariesStayCodedAndDiffer) {
  const Sample sample = MakeSample(1, 5000, 0.1);
  auto source = SourceOf(WriteTable(*sample.table, 2500));
  const Projection projection = ProjectionOf({"page", "name"});
  const auto plan = source->Scan({});
  std::set<uint64_t> ids;
  for (const Split& split : plan->splits) {
    auto stream = source->Open(split, "", projection, {});
    RecordBatch batch(projection);
    ASSERT_EQ((*stream)->Read({}, &batch).value(), ReadState::kRecords);
    for (const Column& column : batch.columns) {
      EXPECT_NE(column.dictionary_id, 0u);
      EXPECT_TRUE(ids.insert(column.dictionary_id).second);
    }
    EXPECT_EQ(batch.columns[0].dictionary_size, 51u);  // 50 pages and null
  }
}

TEST(ParquetSource, ResumesBehindEveryBatch) {
  const Sample sample = MakeSample(Seed(), 10000, 0.1);
  for (const bool dictionary : {true, false}) {
    parquet::WriterProperties::Builder properties;
    properties.data_pagesize(3000)->write_batch_size(100);
    if (!dictionary) properties.disable_dictionary();
    auto source = SourceOf(WriteTable(*sample.table, 6000, properties.build()));
    const Projection projection = ProjectionOf(kSamplePaths);
    const auto plan = source->Scan({});
    ASSERT_EQ(plan->splits.size(), 2u);
    for (const Split& split : plan->splits) {
      ReadResult whole;
      ReadSplit(source.get(), split, "", projection, &whole);
      EXPECT_EQ(whole.bytes, split.bytes);
      for (const auto& [position, records] : whole.positions) {
        ReadResult rest;
        ReadSplit(source.get(), split, position, projection, &rest);
        ASSERT_EQ(rest.records.size(), whole.records.size() - records) << position;
        EXPECT_TRUE(std::equal(rest.records.begin(), rest.records.end(),
                               whole.records.begin() + static_cast<std::ptrdiff_t>(records)));
      }
    }
  }
}

TEST(ParquetSource, PlansOfOthersAndOtherBytesAreRefused) {
  const std::string bytes = WriteTable(*MakeSample(1, 10, 0).table, 10);
  auto source = SourceOf(bytes);
  const ScanPlan plan = source->Scan({}).value();
  EXPECT_TRUE(source->Resume(plan, {}).ok());
  ScanPlan foreign = plan;
  foreign.source = "parquet:other";
  EXPECT_EQ(source->Resume(foreign, {}).code(), Code::kInvalidArgument);

  std::string other = bytes;
  other[100] ^= 1;
  const Status changed = SourceOf(other)->Resume(plan, {});
  EXPECT_EQ(changed.code(), Code::kFailedPrecondition);
  EXPECT_THAT(std::string(changed.message()), HasSubstr("f.parquet"));
}

TEST(ParquetSource, NonsensePositionsAndSplitsAreRefused) {
  auto source = SourceOf(WriteTable(*MakeSample(1, 10, 0).table, 10));
  const ScanPlan plan = source->Scan({}).value();
  const Projection projection = ProjectionOf({"id"});
  for (const char* position : {"row=11", "row=", "row=1x", "o=1", "row=-1"}) {
    EXPECT_EQ(source->Open(plan.splits[0], position, projection, {}).status().code(),
              Code::kInvalidArgument)
        << position;
  }
  for (const char* payload : {"", "1,0", "0,7", "0,-2", "0", "a,b"}) {
    Split split = plan.splits[0];
    split.payload = payload;
    EXPECT_EQ(source->Open(split, "", projection, {}).status().code(), Code::kInvalidArgument)
        << payload;
  }
}

TEST(ParquetSource, NoFieldsAreStillRecords) {
  const auto result = ReadBytes(WriteTable(*MakeSample(1, 5000, 0).table, 3000), {});
  EXPECT_EQ(result.records.size(), 5000u);
  EXPECT_EQ(result.records[4999].offset, 4999u);
}

TEST(ParquetSource, StopsWhenAsked) {
  auto source = SourceOf(WriteTable(*MakeSample(1, 10, 0).table, 10));
  const Projection projection = ProjectionOf({"id"});
  const ScanPlan plan = source->Scan({}).value();
  auto stream = source->Open(plan.splits[0], "", projection, {}).value();
  std::stop_source stop;
  stop.request_stop();
  RecordBatch batch(projection);
  EXPECT_EQ(stream->Read(stop.get_token(), &batch).status().code(), Code::kCancelled);
  EXPECT_EQ(source->Scan(stop.get_token()).status().code(), Code::kCancelled);
}

// --- Damage ---

std::string ChecksummedFile(const Sample& sample) {
  parquet::WriterProperties::Builder properties;
  properties.enable_page_checksum()->disable_dictionary()->data_pagesize(3000)->write_batch_size(
      100);
  return WriteTable(*sample.table, 5000, properties.build());
}

TEST(ParquetDamage, PageKeepsWhatLiesBeforeIt) {
  const Sample sample = MakeSample(1, 10000, 0);
  std::string bytes = ChecksummedFile(sample);
  // Row 3000's id, as it is stored in a plain page.
  const int64_t id = 3000;
  const size_t at = bytes.find(std::string(reinterpret_cast<const char*>(&id), sizeof(id)));
  ASSERT_NE(at, std::string::npos);
  bytes[at] ^= 1;
  const auto result = ReadBytes(bytes, kSamplePaths);
  ASSERT_TRUE(result.status.ok()) << result.status.ToString();
  ASSERT_EQ(result.dead_letters.size(), 1u);
  const DeadLetter& letter = result.dead_letters[0];
  EXPECT_EQ(letter.reason, DeadReason::kCorrupt);
  EXPECT_GT(letter.offset, 2500u);
  EXPECT_LE(letter.offset, 3000u);
  EXPECT_THAT(letter.detail, HasSubstr("rows " + std::to_string(letter.offset) +
                                       " to 4999 can't be read: field 'id'"));
  ASSERT_EQ(result.records.size(), letter.offset + 5000);
  for (const ReadRecord& record : result.records) {
    EXPECT_EQ(record.cells, sample.expected[record.offset]);
  }
  EXPECT_EQ(result.records.back().offset, 9999u);
}

TEST(ParquetDamage, OfColumnsNotAskedForIsNotMet) {
  std::string bytes = ChecksummedFile(MakeSample(1, 10000, 0));
  const int64_t id = 3000;
  bytes[bytes.find(std::string(reinterpret_cast<const char*>(&id), sizeof(id)))] ^= 1;
  EXPECT_THAT(ReadBytes(bytes, {"name", "page"}).dead_letters, IsEmpty());
}

TEST(ParquetDamage, NothingFollowsIt) {
  std::string bytes = ChecksummedFile(MakeSample(1, 1000, 0));
  const int64_t id = 500;
  bytes[bytes.find(std::string(reinterpret_cast<const char*>(&id), sizeof(id)))] ^= 1;
  auto source = SourceOf(bytes);
  const ScanPlan plan = source->Scan({}).value();
  const Projection projection = ProjectionOf({"id"});
  ReadResult first;
  ReadSplit(source.get(), plan.splits[0], "", projection, &first);
  ASSERT_EQ(first.dead_letters.size(), 1u);
  EXPECT_EQ(first.bytes, plan.splits[0].bytes);
  ReadResult again;
  ReadSplit(source.get(), plan.splits[0], first.positions.back().first, projection, &again);
  EXPECT_TRUE(again.status.ok());
  EXPECT_THAT(again.positions, IsEmpty());
}

TEST(ParquetDamage, TruncatedFilesAndBadFootersAreOneDeadLetter) {
  const std::string bytes = ChecksummedFile(MakeSample(1, 1000, 0));
  std::string no_magic = bytes;
  no_magic.back() ^= 1;
  std::string bad_length = bytes;
  bad_length[bytes.size() - 5] = '\x7f';
  std::string bad_thrift = bytes;
  bad_thrift.replace(bytes.size() - 60, 20, 20, '\xff');
  for (const std::string& damaged :
       {bytes.substr(0, bytes.size() / 2), bytes.substr(0, bytes.size() - 1), bytes.substr(0, 3),
        std::string(), std::string("hello, I am no Parquet"), no_magic, bad_length, bad_thrift}) {
    const auto result = ReadBytes(damaged, {"id"});
    EXPECT_TRUE(result.status.ok()) << result.status.ToString();
    EXPECT_THAT(result.records, IsEmpty());
    ASSERT_EQ(result.dead_letters.size(), 1u);
    EXPECT_EQ(result.dead_letters[0].reason, DeadReason::kCorrupt);
    EXPECT_EQ(result.dead_letters[0].object, "f.parquet");
  }
}

// Whatever bytes change: no crash, an end.
TEST(ParquetDamage, RandomBytes) {
  const uint64_t seed = Seed();
  std::mt19937_64 random(seed);
  const Sample sample = MakeSample(seed, 3000, 0.1);
  for (const bool dictionary : {true, false}) {
    parquet::WriterProperties::Builder properties;
    properties.data_pagesize(3000)->compression(parquet::Compression::SNAPPY);
    if (!dictionary) properties.disable_dictionary();
    const std::string bytes = WriteTable(*sample.table, 1500, properties.build());
    for (int round = 0; round < 300; ++round) {
      std::string damaged = bytes;
      for (uint64_t changes = 1 + random() % 4; changes > 0; --changes) {
        const uint64_t window =
            random() % 2 == 0 ? bytes.size() : std::min<size_t>(2000, bytes.size());
        damaged[bytes.size() - 1 - random() % window] ^= static_cast<char>(1 << random() % 8);
      }
      const auto result = ReadBytes(damaged, kSamplePaths);
      EXPECT_LE(result.records.size() + result.dead_letters.size(), 1000000u);
    }
  }
}

// --- Files ---

class ParquetFiles : public ::testing::Test {
 protected:
  void Write(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_.path() + '/' + name, std::ios::binary) << bytes;
  }
  std::unique_ptr<SnapshotSource> Source(const std::string& path) const {
    Definition definition;
    definition.base_directory = folder_.path();
    definition.bootstrap = SourceSpec{"parquet", {{"path", path}, {"handoff.kafka.0", "15"}}};
    return MakeParquetSource(definition).value();
  }

  TemporaryFolder folder_;
};

std::shared_ptr<arrow::Table> OneColumn(const std::string& name,
                                        std::shared_ptr<arrow::Array> values) {
  return arrow::Table::Make(arrow::schema({arrow::field(name, values->type())}), {values});
}

template <class Builder, class Value>
std::string WriteValues(const std::string& name, const std::vector<Value>& values) {
  Builder builder;
  for (const Value& value : values) EXPECT_TRUE(builder.Append(value).ok());
  return WriteTable(*OneColumn(name, Finished(&builder)), 1000);
}

TEST_F(ParquetFiles, TypesMayDriftBetweenFiles) {
  Write("a.parquet", WriteValues<arrow::Int32Builder>("x", std::vector<int32_t>{1}));
  Write("b.parquet", WriteValues<arrow::DoubleBuilder>("x", std::vector<double>{2.5}));
  Write("c.parquet", WriteValues<arrow::StringBuilder>("x", std::vector<std::string>{"three"}));
  Write("d.parquet", WriteValues<arrow::Int32Builder>("y", std::vector<int32_t>{4}));
  const auto result = ReadAll(Source("*.parquet").get(), ProjectionOf({"x"}));
  EXPECT_THAT(result.Values(), ElementsAre("integer 1", "float 2.500000", "string three", "null"));
  EXPECT_EQ(result.records[2].object, "c.parquet");
  EXPECT_EQ(result.records[3].offset, 0u);
}

TEST_F(ParquetFiles, ChangedAndMissingFilesAreNamed) {
  const std::string bytes = WriteValues<arrow::Int32Builder>("x", std::vector<int32_t>{1});
  Write("a.parquet", bytes);
  auto source = Source("a.parquet");
  EXPECT_EQ(source->Name(), "parquet:a.parquet");
  const ScanPlan plan = source->Scan({}).value();
  EXPECT_EQ(plan.splits[0].id, "a.parquet#0");
  Write("a.parquet", bytes + "more");
  const Status resumed = source->Resume(plan, {});
  EXPECT_EQ(resumed.code(), Code::kFailedPrecondition);
  EXPECT_THAT(std::string(resumed.message()), HasSubstr("a.parquet"));
  EXPECT_EQ(source->Open(plan.splits[0], "", ProjectionOf({"x"}), {}).status().code(),
            Code::kFailedPrecondition);
  EXPECT_EQ(Source("none.parquet")->Scan({}).status().code(), Code::kNotFound);
}

TEST_F(ParquetFiles, HandoffIsWhatTheDefinitionSays) {
  const HandoffToken token = Source("a.parquet")->HandoffNow({}).value();
  EXPECT_EQ(token.streams.at("kafka").at("0"), "15");
}

// --- Pruning ---

TEST(TimeRangeOf, UnderstandsConjunctionsOfComparisons) {
  const FieldPath ts{{"ts"}};
  constexpr int64_t kMarch = 1772323200000000;
  constexpr int64_t kApril = 1775001600000000;
  const auto range = [&](const char* where) { return TimeRangeOf(where, ts); };
  EXPECT_EQ(range("ts >= '2026-03-01' and ts < '2026-04-01T00:00:00Z'"),
            (TimeRange{kMarch, kApril + 1}));
  EXPECT_EQ(range("'2026-03-01' < ts AND a = 'x' and ts <= '2026-04-01'"),
            (TimeRange{kMarch, kApril + 1}));
  EXPECT_EQ(range("ts = '2026-03-01'"), (TimeRange{kMarch, kMarch + 1}));
  EXPECT_EQ(range("(a = 1 or b = 2) and ts > '2026-03-01'").min, kMarch);
  EXPECT_EQ(range("country in ('ts', 'it''s') and ts > '2026-03-01'").min, kMarch);
}

TEST(TimeRangeOf, RestrictsNothingOtherwise) {
  const FieldPath ts{{"ts"}};
  for (const char* where :
       {"", "a = 1", "ts > '2026-03-01' or a = 1", "not ts > '2026-03-01'", "ts != '2026-03-01'",
        "ts <> '2026-03-01'", "ts > 'march'", "ts > 5", "other > '2026-03-01'",
        "(ts > '2026-03-01')", "f(ts) > '2026-03-01'", "a between ts and ts > '2026-03-01'",
        "x = 'ts > ''2026-03-01'''", "ts > '2026", "`ts` > '2026-03-01'",
        "date(ts, 'Asia/Tokyo') > '2026-03-01'", "'2026-03-01' < date(ts, 'Asia/Tokyo')"}) {
    EXPECT_TRUE(TimeRangeOf(where, ts).unbounded()) << where;
  }
}

TEST(ParquetPruning, NeverChangesWhatTheConditionKeeps) {
  const uint64_t seed = Seed();
  std::mt19937_64 random(seed);
  for (int round = 0; round < 60; ++round) {
    const auto unit = static_cast<LogicalType::TimeUnit::unit>(1 + random() % 3);
    const int64_t per_second = unit == LogicalType::TimeUnit::MILLIS   ? 1000
                               : unit == LogicalType::TimeUnit::MICROS ? 1000000
                                                                       : 1000000000;
    std::vector<std::vector<std::optional<int64_t>>> groups(8);
    for (auto& group : groups) {
      const auto base = static_cast<int64_t>(random() % 10) - 5;
      for (int i = 0; i < 5; ++i) {
        const auto time = base * per_second + static_cast<int64_t>(random() % 3) - 1;
        group.push_back(random() % 4 == 0 ? std::nullopt : std::optional(time));
      }
    }
    const std::string bytes = WriteColumn<parquet::Int64Type>(
        PrimitiveNode::Make("ts", parquet::Repetition::OPTIONAL, LogicalType::Timestamp(true, unit),
                            parquet::Type::INT64),
        groups);
    const auto second = static_cast<int64_t>(random() % 8) - 4;
    const std::string bound = FormatTime(second * 1000000);
    const bool below = random() % 2 == 0;
    Definition definition;
    definition.time = TimeSpec{FieldPath{{"ts"}}, TimeUnit::kNone};
    definition.where = (below ? "ts < '" : "ts >= '") + bound + "'";
    const auto pruned = ReadBytes(bytes, {"ts"}, definition);
    const auto all = ReadBytes(bytes, {"ts"});
    const auto kept = [&](const ReadResult& result) {
      std::vector<std::pair<uint64_t, std::string>> rows;
      for (const ReadRecord& record : result.records) {
        if (record.cells[0] == "null") continue;
        int64_t micros = 0;
        const std::string text = record.cells[0].substr(record.cells[0].find(' ') + 1);
        EXPECT_TRUE(TimeParser().Parse(text, &micros));
        if (below == (micros < second * 1000000)) rows.emplace_back(record.offset, text);
      }
      return rows;
    };
    EXPECT_EQ(all.records.size(), 40u);
    EXPECT_EQ(kept(pruned), kept(all)) << definition.where;
  }
}

TEST(ParquetPruning, LeavesOutRowGroups) {
  const std::string bytes = WriteColumn<parquet::Int32Type>(
      PrimitiveNode::Make("day", parquet::Repetition::OPTIONAL, LogicalType::Date(),
                          parquet::Type::INT32),
      {{20512, 20513}, {20514, 20515}, {20516, std::nullopt}});
  Definition definition;
  definition.time = TimeSpec{FieldPath{{"day"}}, TimeUnit::kNone};
  definition.where = "day >= '2026-03-02T12:00:00Z' and day < '2026-03-03T23:00:00Z'";
  const auto result = ReadBytes(bytes, {"day"}, definition);
  EXPECT_THAT(result.Values(),
              ElementsAre("timestamp 2026-03-02T00:00:00Z", "timestamp 2026-03-03T00:00:00Z"));
  EXPECT_EQ(result.records[0].offset, 2u);
}

}  // namespace
}  // namespace murmur::parquet_source
