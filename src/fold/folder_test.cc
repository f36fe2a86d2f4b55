#include "fold/folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "murmur/decoder.h"
#include "murmur/state_value.h"

namespace murmur {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::shared_ptr<const Pipeline> Compile(const std::string& yaml) {
  auto definition =
      ParseDefinition("name: test\nbootstrap: {jsonl: {path: x}}\n" + yaml, "t.yaml", ".");
  EXPECT_TRUE(definition.ok()) << definition.status().ToString();
  auto pipeline = Pipeline::Compile(*definition);
  EXPECT_TRUE(pipeline.ok()) << pipeline.status().ToString();
  return *pipeline;
}

// Decodes JSON texts into batches and folds them.
class Fixture {
 public:
  explicit Fixture(const std::string& yaml)
      : pipeline(Compile(yaml)),
        folder(pipeline),
        decoder_(std::move(MakeDecoder("json", pipeline->projection())).value()) {}

  void Fold(const std::vector<std::string>& records, uint32_t batch_rows = kBatchRows) {
    for (size_t at = 0; at < records.size(); at += batch_rows) {
      RecordBatch batch(pipeline->projection());
      batch.object = "o";
      decoder_->BeginBatch();
      for (size_t i = at; i < std::min(records.size(), at + batch_rows); ++i) {
        DeadLetter letter;
        ASSERT_TRUE(decoder_->Decode(records[i], batch.rows, &batch.columns, &letter))
            << letter.detail;
        batch.raw[batch.rows] = records[i];
        batch.offsets[batch.rows++] = offset_++;
      }
      for (Column& column : batch.columns) column.SetTypeFromCells(batch.rows);
      if (dictionaries) Code(&batch);
      folder.Fold(context, &batch, &progress, &dead);
    }
  }

  // key bytes → value bytes
  std::map<std::string, std::string> Deltas() {
    folder.table().Settle();
    std::map<std::string, std::string> deltas;
    for (uint32_t group = 0; group < folder.table().size(); ++group) {
      folder.table().EncodeValue(group, &deltas[std::string(folder.table().Key(group))]);
    }
    return deltas;
  }

  int64_t RecordsOf(std::vector<Cell> parts, std::optional<int64_t> bucket, size_t rollup = 0) {
    std::string key(1, static_cast<char>(kKeyBase + rollup));
    for (const Cell& part : parts) AppendKeyPart(part, &key);
    if (bucket) AppendBucket(*bucket, &key);
    const auto deltas = Deltas();
    const auto it = deltas.find(key);
    return it == deltas.end() ? 0 : RecordsOfValue(it->second);
  }

  std::shared_ptr<const Pipeline> pipeline;
  Folder folder;
  Folder::Context context;
  SplitProgress progress;
  std::vector<DeadLetter> dead;
  bool dictionaries = false;  // string columns come dictionary-coded

 private:
  // Turns string columns into dictionary-coded ones.
  void Code(RecordBatch* batch) {
    for (Column& column : batch->columns) {
      if (column.kinds != KindBit(Kind::kString)) continue;
      auto& entries = dictionary_.emplace_back();
      std::map<std::string_view, uint32_t> known;
      column.indices.resize(kBatchRows);
      for (uint32_t row = 0; row < batch->rows; ++row) {
        const auto [it, is_new] = known.try_emplace(column.cells[row].text(), entries.size());
        if (is_new) entries.push_back(column.cells[row]);
        column.indices[row] = it->second;
      }
      column.dictionary = entries.data();
      column.dictionary_size = static_cast<uint32_t>(entries.size());
      column.dictionary_id = dictionary_.size();
    }
  }

  std::unique_ptr<RecordDecoder> decoder_;
  uint64_t offset_ = 0;
  std::deque<std::vector<Cell>> dictionary_;
};

constexpr char kDaily[] =
    "key: [page]\ntime: ts\nwindow: {every: 1d}\n"
    "aggregates: {n: count, s: sum(amount), d: distinct(user)}\n";

const std::string kRollups =
    "key: [[page], [page, user], [user, page], [user, amount], []]\n"
    "where: page != '/p4'\n"
    "aggregates: {n: count, u: min(user), p: set(page)}\n";

std::vector<std::string> Events(size_t count) {
  std::vector<std::string> events;
  for (size_t i = 0; i < count; ++i) {
    // Days alternate, as around midnight.
    events.push_back("{\"page\":\"/p" + std::to_string(i * i % 50) + "\",\"ts\":\"2026-03-0" +
                     std::to_string(1 + i % 6) + "T23:59:00Z\",\"amount\":" + std::to_string(i) +
                     ".25,\"user\":\"u" + std::to_string(i % 700) + "\"}");
  }
  return events;
}

TEST(FolderTest, AKeyOrAnArgumentMayBeTheConditionItself) {
  const std::string yaml =
      "where: a = 1\naggregates: {n: count, c: count_if(%)}\nkey: [{k: '%'}]\n";
  const auto deltas = [&yaml](const std::string& expression) {
    std::string text = yaml;
    for (size_t at; (at = text.find('%')) != text.npos;) text.replace(at, 1, expression);
    Fixture fixture(text);
    fixture.Fold(
        {R"({"a":2})", R"({"a":1})", R"({"a":2})", R"({"a":1})", R"({"a":null})", R"({"a":1})"});
    EXPECT_EQ(fixture.progress.filtered, 3u);
    EXPECT_EQ(fixture.RecordsOf({Cell::Bool(true)}, {}), 3);
    return fixture.Deltas();
  };
  EXPECT_EQ(deltas("a = 1").size(), 1u);
  EXPECT_EQ(deltas("a = 1"), deltas("a < 2")) << "where it is another expression";
}

TEST(FolderTest, TheResultDependsNeitherOnBatchSizeNorOnDictionaries) {
  const auto events = Events(5000);
  for (const std::string& yaml :
       {std::string(kDaily), kRollups + "time: ts\nwindow: {every: 1d}\n", std::string(kRollups)}) {
    Fixture whole(yaml);
    whole.Fold(events);
    for (const uint32_t rows : {1u, 7u, 2048u}) {
      for (const bool dictionaries : {false, true}) {
        Fixture parts(yaml);
        parts.dictionaries = dictionaries;
        parts.Fold(events, rows);
        EXPECT_EQ(parts.Deltas(), whole.Deltas())
            << yaml << rows << " rows, dictionaries " << dictionaries;
      }
    }
  }
}

TEST(FolderTest, ADictionaryMemoDoesNotOutliveTheTable) {
  Fixture f(kDaily);
  f.dictionaries = true;
  f.Fold(Events(100));
  const auto first = f.Deltas();
  f.folder.table().Clear();
  f.Fold(Events(100));
  EXPECT_EQ(f.Deltas(), first);
}

TEST(FolderTest, EachRollupCountsEachRecord) {
  Fixture f("key: [[page], [page, country], []]\naggregates: {n: count}\n");
  f.Fold({R"({"page":"/a","country":"US"})", R"({"page":"/a","country":"DE"})"});
  EXPECT_EQ(f.RecordsOf({Cell::String("/a")}, {}, 0), 2);
  EXPECT_EQ(f.RecordsOf({Cell::String("/a"), Cell::String("DE")}, {}, 1), 1);
  EXPECT_EQ(f.RecordsOf({}, {}, 2), 2);
}

TEST(FolderTest, WhatCantBeCountedIsADeadLetterWithItsReasonAndBytes) {
  Fixture f("key: [page]\ntime: ts\nwindow: {every: 1d}\naggregates: {s: sum(amount)}\n");
  f.context.latest_time = 1'800'000'000'000'000;  // 2027-01-15
  const std::string good = R"({"page":"/a","ts":"2026-03-01T00:00:00Z","amount":1})";
  f.Fold({good, R"({"ts":"2026-03-01T00:00:00Z","amount":1})",
          R"({"page":"/a","ts":"yesterday","amount":1})", R"({"page":"/a","amount":1})",
          R"({"page":"/a","ts":1772323200,"amount":1})",
          R"({"page":"/a","ts":"2031-03-01T00:00:00Z","amount":1})",
          R"({"page":"/a","ts":"2026-03-01T00:00:00Z","amount":"1"})",
          R"({"page":{"x":1},"ts":"2026-03-01T00:00:00Z","amount":1})",
          R"({"page":"/a","ts":"2026-03-01T00:00:00Z","amount":null})", good});
  std::vector<DeadReason> reasons;
  for (const DeadLetter& letter : f.dead) reasons.push_back(letter.reason);
  EXPECT_THAT(reasons, ElementsAre(DeadReason::kBadTime, DeadReason::kBadTime, DeadReason::kBadTime,
                                   DeadReason::kFutureTime, DeadReason::kMissingKey,
                                   DeadReason::kWrongType, DeadReason::kWrongType));
  EXPECT_EQ(f.progress.records, 3u);
  EXPECT_EQ(f.RecordsOf({Cell::String("/a")}, 20513), 3);  // 2026-03-01
  EXPECT_THAT(f.dead[2].detail, HasSubstr("unit"));
  EXPECT_EQ(f.dead[0].object, "o");
  EXPECT_EQ(f.dead[0].offset, 2u);
  EXPECT_THAT(f.dead[0].raw, HasSubstr("yesterday"));
}

TEST(FolderTest, ATimeThatCantBeReadIsADeadLetterWithoutAWindowToo) {
  Fixture f("key: [u]\ntime: t\naggregates: {n: count, last: last(page)}\n");
  f.Fold({R"({"u":"a","t":"2026-03-01T09:00:00Z","page":"newest"})",
          R"({"u":"a","t":"yesterday","page":"unread"})", R"({"u":"a","page":"without"})",
          R"({"u":"a","t":1772359300000,"page":"a number"})",
          R"({"u":"a","t":"2026-02-01 10:00:00+00","page":"oldest"})"});
  ASSERT_EQ(f.dead.size(), 3u);
  for (const DeadLetter& letter : f.dead) EXPECT_EQ(letter.reason, DeadReason::kBadTime);
  EXPECT_THAT(f.dead[0].detail, HasSubstr("'yesterday'"));
  EXPECT_THAT(f.dead[1].detail, HasSubstr("null or missing"));
  EXPECT_THAT(f.dead[2].detail, HasSubstr("unit"));
  EXPECT_EQ(f.RecordsOf({Cell::String("a")}, {}), 2);
}

TEST(FolderTest, AnOptionalTimeLetsARecordWithoutOneCount) {
  Fixture f("key: [u]\ntime: {field: t, optional: true}\naggregates: {n: count, m: max(t)}\n");
  f.Fold({R"({"u":"a","t":"2026-03-01T09:00:00Z"})", R"({"u":"a","t":"yesterday"})",
          R"({"u":"a","t":"infinity"})", R"({"u":"a"})"});
  EXPECT_TRUE(f.dead.empty());
  EXPECT_EQ(f.RecordsOf({Cell::String("a")}, {}), 4);
  EXPECT_EQ(f.progress.newest_time, 1772355600000000);
}

TEST(FolderTest, ARecordWithoutATimeIsInNoRangeOfTimes) {
  for (const TimeSpan& times : {TimeSpan{.until = 1'800'000'000'000'000}, TimeSpan{.from = 0}}) {
    Fixture f("key: [u]\ntime: {field: t, optional: true}\naggregates: {n: count}\n");
    f.context.times = times;
    f.Fold({R"({"u":"a","t":"2026-03-01T09:00:00Z"})", R"({"u":"a","t":"?"})", R"({"u":"a"})"});
    EXPECT_TRUE(f.dead.empty());
    EXPECT_EQ(f.progress.filtered, 2u);
    EXPECT_EQ(f.RecordsOf({Cell::String("a")}, {}), 1);
  }
}

TEST(FolderTest, ATimeOutsideTheYears1To9999IsADeadLetter) {
  Fixture f("key: [u]\ntime: {field: t, unit: us}\nwindow: {every: 1s}\naggregates: {n: count}\n");
  const std::vector<std::string> far = {"-9223372036832400000",
                                        "9223372036825200000",
                                        "9223372036854775807",
                                        "-9223372036854775808",
                                        "1e30",
                                        "-62135596800000001",
                                        "253402300800000000",
                                        "\"infinity\"",
                                        "\"-infinity\"",
                                        "\"0000-12-31T23:59:59Z\"",
                                        "\"10000-01-01\""};
  std::vector<std::string> records;
  for (const std::string& time : far) records.push_back(R"({"u":"a","t":)" + time + "}");
  records.push_back(R"({"u":"a","t":-62135596800000000})");
  records.push_back(R"({"u":"a","t":253402300799999999})");
  f.Fold(records);
  ASSERT_EQ(f.dead.size(), far.size());
  for (const DeadLetter& letter : f.dead) {
    EXPECT_EQ(letter.reason, DeadReason::kBadTime);
    EXPECT_THAT(letter.detail, HasSubstr("outside the years 0001 to 9999"));
  }
  EXPECT_EQ(f.RecordsOf({Cell::String("a")}, -62135596800), 1);
  EXPECT_EQ(f.RecordsOf({Cell::String("a")}, 253402300799), 1);
}

TEST(FolderTest, AnInfiniteTimeIsAKeyAndAValueLikeAnyOther) {
  Fixture f("key: [t]\ntime: {field: t, optional: true}\naggregates: {n: count, s: set(t)}\n");
  f.Fold({R"({"t":"infinity"})", R"({"t":"-infinity"})", R"({"t":"infinity"})"});
  EXPECT_TRUE(f.dead.empty());
  EXPECT_EQ(f.RecordsOf({Cell::Time(kTimeInfinity)}, {}), 2);
  EXPECT_EQ(f.RecordsOf({Cell::Time(kTimeMinusInfinity)}, {}), 1);
  EXPECT_EQ(f.progress.newest_time, INT64_MIN);
}

TEST(FolderTest, ARecordThatWhereRefusesIsNeverADeadLetter) {
  Fixture f(
      "key: [page]\nwhere: kind = 'view'\naggregates: {s: sum(amount), t: sum(amount * 2)}\n");
  f.Fold({R"({"page":"/a","kind":"view","amount":2})", R"({"kind":"click","amount":"x"})",
          R"({"page":"/a","amount":2})"});
  EXPECT_TRUE(f.dead.empty());
  EXPECT_EQ(f.progress.filtered, 2u);
  EXPECT_EQ(f.progress.records, 3u);
  EXPECT_EQ(f.RecordsOf({Cell::String("/a")}, {}), 1);
}

TEST(FolderTest, AnExpiredBucketIsDroppedAndCounted) {
  Fixture f("key: [page]\ntime: ts\nwindow: {every: 1d, keep: 2d}\naggregates: {n: count}\n");
  f.context.newest_known = int64_t{20516} * 86400 * 1000000;  // 2026-03-04T00:00
  f.Fold({R"({"page":"/a","ts":"2026-02-28T12:00:00Z"})",
          R"({"page":"/a","ts":"2026-03-01T12:00:00Z"})",
          R"({"page":"/a","ts":"2026-03-02T12:00:00Z"})"});
  EXPECT_EQ(f.progress.expired, 1u);
  EXPECT_EQ(f.RecordsOf({Cell::String("/a")}, 20512), 0);
  EXPECT_EQ(f.RecordsOf({Cell::String("/a")}, 20513), 1);  // it ended just 2 days ago
  EXPECT_EQ(f.RecordsOf({Cell::String("/a")}, 20514), 1);
}

TEST(FolderTest, AnAggregateDoesNotChangeWhatAnotherReads) {
  // A sum of exact decimals wants all 17 digits; min keeps the nearest double, as without it.
  Fixture f("key: []\naggregates: {low: min(x), s: 'sum(x, decimal=17)'}\n");
  EXPECT_EQ(f.pipeline->projection().fields.size(), 2u);
  f.Fold({R"({"x": 418.57939310243796})"});
  Fixture alone("key: []\naggregates: {low: min(x)}\n");
  alone.Fold({R"({"x": 418.57939310243796})"});
  std::string_view with_sum[2];
  std::string_view without[1];
  int64_t records = 0;
  const std::string a = f.Deltas().begin()->second;
  const std::string b = alone.Deltas().begin()->second;
  ASSERT_TRUE(SplitValue(a, &records, with_sum));
  ASSERT_TRUE(SplitValue(b, &records, without));
  EXPECT_EQ(with_sum[0], without[0]);
}

TEST(FolderTest, NullKeysCountWhereTheDefinitionSaysSo) {
  Fixture f("key: [page]\nnull_key: keep\naggregates: {n: count}\n");
  f.Fold({R"({"page":null})", R"({})"});
  EXPECT_TRUE(f.dead.empty());
  EXPECT_EQ(f.RecordsOf({Cell::Null()}, {}), 2);
}

}  // namespace
}  // namespace murmur
