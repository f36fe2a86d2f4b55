// The service over a state in memory: typed rows, limits, one snapshot a call.
#include "runtime/owner/read_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/loop/scan_runner.h"
#include "state/memory/memory_table.h"
#include "testing/fake_source.h"

namespace murmur {
namespace {

using std::chrono::steady_clock;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kYaml[] =
    "name: test\nkey: [[page], []]\ntime: {field: ts, unit: s}\nwindow: {every: 1h}\n"
    "aggregates: {n: count, s: 'sum(x, decimal=3)', d: distinct(user), m: max(none),\n"
    "  q: 'quantiles(x, [0.5])', t: 'topk(user, 2)'}\n"
    "bootstrap: {jsonl: {path: unused}}\n";
constexpr int64_t kStart = 1772323200;  // 2026-03-01T00:00:00Z
constexpr int64_t kHours = 10;

class Rows final : public RowSink {
 public:
  Status Begin(const AnswerSchema&) override { return {}; }
  Status Add(const Row& row) override {
    rows.push_back(row);
    return on_row ? on_row() : Status();
  }
  Status End() override {
    ended = true;
    return {};
  }

  std::vector<int64_t> Buckets() const {
    std::vector<int64_t> buckets;
    for (const Row& row : rows) buckets.push_back(row.bucket.value_or(-1) - kStart / 3600);
    return buckets;
  }

  std::vector<Row> rows;
  bool ended = false;
  std::function<Status()> on_row;
};

KeyQuery Page(std::string page) {
  KeyValue value;
  value.kind = Kind::kString;
  value.text = std::move(page);
  return {.parts = {{value}}, .text = ""};
}

class ReadServiceTest : public testing::Test {
 protected:
  ReadServiceTest() {
    auto definition = ParseDefinition(kYaml, "test.yaml", ".");
    EXPECT_TRUE(definition.ok()) << definition.status().ToString();
    pipeline_ = std::move(Pipeline::Compile(*definition)).value();
    const StateSchema schema{.monoids = pipeline_->Monoids(), .buckets = pipeline_->buckets()};
    VersionInfo info;
    info.number = 4;
    store_ = MakeMemoryStore(info, schema);
    table_ = std::move(OpenMemoryTable(store_, schema)).value();
    FakeTable rows("rows");
    for (int64_t i = 0; i < 1000; ++i) {
      rows.Load("{\"page\": \"/" + std::to_string(i % 3) +
                "\", \"x\": 1.125, \"user\": " + std::to_string(i % 7) +
                ", \"ts\": " + std::to_string(kStart + i % kHours * 3600) + "}");
    }
    FakeBehaviour behaviour;
    FakeTableSource source(&rows, &behaviour);
    EXPECT_EQ(ScanRunner(pipeline_, &source, table_.get(), {.threads = 1}).Run({}), Status());
  }
  ReadService Service() { return ReadService(pipeline_, table_.get()); }

  std::shared_ptr<const Pipeline> pipeline_;
  std::shared_ptr<MemoryStore> store_;
  std::unique_ptr<StateTable> table_;
};

TEST_F(ReadServiceTest, ValuesHaveTypesAndBounds) {
  Rows out;
  QueryCall call{.request = {.keys = {Page("/0")}, .total = true}};
  ASSERT_EQ(Service().Query(call, &out), Status());
  ASSERT_EQ(out.rows.size(), 1u);
  EXPECT_TRUE(out.ended);
  const std::vector<Value>& values = out.rows[0].values;
  EXPECT_EQ(values[0], Value::Integer(334));
  EXPECT_EQ(values[1], Value::Decimal("375.750"));
  EXPECT_EQ(values[2].i, 7);
  EXPECT_EQ(values[2].error_kind, ErrorKind::kStandard);
  EXPECT_NEAR(values[2].error, 0.016, 0.001);
  EXPECT_TRUE(values[3].absent()) << "not 0";
  ASSERT_EQ(values[4].kind, ValueKind::kRecord);
  EXPECT_EQ(values[4].items[0].error_kind, ErrorKind::kRelative);
  EXPECT_NEAR(values[4].items[0].d, 1.125, 0.012);
  ASSERT_EQ(values[5].kind, ValueKind::kList);
  EXPECT_THAT(*values[5].items[0].names, ElementsAre("value", "count", "error"));
  EXPECT_EQ(values[5].items[0].items[2], Value::Integer(0));
}

TEST_F(ReadServiceTest, TheSchemaNamesWhatTheRowsHold) {
  class Sink final : public RowSink {
   public:
    Status Begin(const AnswerSchema& schema) override {
      EXPECT_EQ(schema.version, 4u);
      EXPECT_GT(schema.commit, 0u);
      EXPECT_THAT(schema.rollups, ElementsAre(ElementsAre("page"), ElementsAre()));
      EXPECT_EQ(schema.aggregates.size(), 6u);
      EXPECT_EQ(schema.aggregates[1].name, "s");
      EXPECT_EQ(schema.aggregates[1].type, OutputType::kText);
      EXPECT_THAT(schema.exactness, HasSubstr("approximate"));
      return {};
    }
    Status Add(const Row&) override { return {}; }
    Status End() override { return {}; }
  };
  Sink out;
  EXPECT_EQ(Service().Dump({}, &out), Status());
}

TEST_F(ReadServiceTest, ManyKeysAreAnsweredInTheirOrderAndTheMissingOneIsNamed) {
  Rows out;
  QueryCall call{.request = {.keys = {Page("/2"), Page("none"), Page("/1")}, .total = true}};
  const Status status = Service().Query(call, &out);
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no key '\"none\"' in these windows"));
  EXPECT_TRUE(out.ended) << "the other keys are all answered";
  ASSERT_EQ(out.rows.size(), 2u);
  EXPECT_EQ(out.rows[0].asked, 0u);
  EXPECT_EQ(out.rows[0].key[0].text, "/2");
  EXPECT_EQ(out.rows[1].asked, 2u);
  EXPECT_EQ(out.rows[1].key[0].text, "/1");
}

TEST_F(ReadServiceTest, WindowsRangesAndTrailingWindows) {
  const auto at = [](int64_t hour) {
    return TimeBorder{.micros = (kStart + hour * 3600) * 1'000'000, .local = false};
  };
  const auto buckets = [&](QueryRequest request) {
    request.keys = {{.parts = {}, .text = ""}};
    Rows out;
    EXPECT_EQ(Service().Query({.request = std::move(request)}, &out), Status());
    return out.Buckets();
  };
  EXPECT_EQ(buckets({}).size(), static_cast<size_t>(kHours));
  EXPECT_THAT(buckets({.range = {.from = at(3), .until = at(5)}}), ElementsAre(3, 4));
  EXPECT_THAT(buckets({.range = {.last = TimeLength{.rest = std::chrono::hours(2)}}}),
              ElementsAre(8, 9));
  EXPECT_THAT(
      buckets({.range = {.last = TimeLength{.rest = std::chrono::hours(2)}, .as_of = at(4)}}),
      ElementsAre(3, 4));
}

// Each trailing row is what the same windows give together.
TEST_F(ReadServiceTest, TrailingRowsAreTheTotalsOfTheirWindows) {
  const auto hour = [](int64_t h) {
    return TimeBorder{.micros = (kStart + h * 3600) * 1'000'000, .local = false};
  };
  for (int64_t length = 1; length <= kHours + 2; ++length) {
    Rows out;
    QueryRequest request{.keys = {Page("/1")}};
    request.trailing = TimeLength{.rest = std::chrono::hours(length)};
    ASSERT_EQ(Service().Query({.request = request}, &out), Status());
    ASSERT_EQ(out.rows.size(), static_cast<size_t>(kHours));
    for (const Row& row : out.rows) {
      const int64_t last = *row.bucket - kStart / 3600;
      Rows total;
      QueryRequest same{.keys = request.keys, .total = true};
      same.range = {.from = hour(last + 1 - length), .until = hour(last + 1)};
      ASSERT_EQ(Service().Query({.request = same}, &total), Status());
      EXPECT_EQ(row.values, total.rows.at(0).values) << length << " hours until " << last;
    }
  }
}

// The windows before a range count into its first rows, and those after its end into none.
TEST_F(ReadServiceTest, ATrailingRangeSeesTheWindowsBeforeIt) {
  const auto at = [](int64_t h) {
    return TimeBorder{.micros = (kStart + h * 3600) * 1'000'000, .local = false};
  };
  const auto read = [&](WindowRange range, Rows* out) {
    QueryRequest request{.keys = {Page("/1")}, .range = range};
    request.trailing = TimeLength{.rest = std::chrono::hours(3)};
    EXPECT_EQ(Service().Query({.request = request}, out), Status());
  };
  Rows all;
  read({}, &all);
  Rows part;
  read({.from = at(4), .until = at(6)}, &part);
  EXPECT_THAT(part.Buckets(), ElementsAre(4, 5));
  EXPECT_EQ(part.rows.at(0).values, all.rows.at(4).values);
  EXPECT_EQ(part.rows.at(1).values, all.rows.at(5).values);
  Rows late;
  read({.from = at(8), .until = at(100)}, &late);
  EXPECT_THAT(late.Buckets(), ElementsAre(8, 9)) << "none after the newest event time";
}

TEST_F(ReadServiceTest, AnAnswerHasTheAggregatesThatAreAskedFor) {
  class Sink final : public RowSink {
   public:
    Status Begin(const AnswerSchema& schema) override {
      for (const auto& aggregate : schema.aggregates) names.push_back(aggregate.name);
      return {};
    }
    Status Add(const Row& row) override {
      values = row.values;
      return {};
    }
    Status End() override { return {}; }
    std::vector<std::string> names;
    std::vector<Value> values;
  } out;
  QueryCall call{.request = {.keys = {Page("/0")}, .total = true, .aggregates = {"s", "n"}}};
  ASSERT_EQ(Service().Query(call, &out), Status());
  EXPECT_THAT(out.names, ElementsAre("s", "n"));
  EXPECT_THAT(out.values, ElementsAre(Value::Decimal("375.750"), Value::Integer(334)));
  call.request.aggregates = {"nosuch"};
  const Status status = Service().Query(call, &out);
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("n, s, d, m, q, t"));
}

TEST_F(ReadServiceTest, KeysComePageByPage) {
  const auto session = Service().Open({});
  ASSERT_TRUE(session.ok());
  for (uint64_t limit = 1; limit <= 4; ++limit) {
    std::vector<std::string> pages;
    KeysRequest request{.keys = {.rollup = {"page"}}, .limit = limit};
    do {
      Rows out;
      ASSERT_EQ(session->Keys(request, &out, &request.keys.after), Status());
      EXPECT_LE(out.rows.size(), limit);
      for (const Row& row : out.rows) pages.push_back(row.key.at(0).text);
    } while (!request.keys.after.empty());
    EXPECT_THAT(pages, ElementsAre("/0", "/1", "/2")) << limit << " a page";
  }
  Rows one;
  std::vector<KeyValue> next;
  KeysRequest prefixed{.keys = {.rollup = {"page"}, .prefix = Page("/1").parts.at(0)}};
  ASSERT_EQ(session->Keys(prefixed, &one, &next), Status());
  ASSERT_EQ(one.rows.size(), 1u);
  EXPECT_EQ(one.rows[0].key.at(0).text, "/1");
}

TEST_F(ReadServiceTest, TopGivesTheGreatestDescendingAndAlikeOnesByKey) {
  const auto session = Service().Open({});
  ASSERT_TRUE(session.ok());
  const auto pages = [&](TopRequest request, TopOutcome* outcome) {
    request.keys.rollup = {"page"};
    request.aggregate = "n";
    Rows out;
    EXPECT_EQ(session->Top(request, &out, outcome), Status());
    std::vector<std::string> names;
    for (const Row& row : out.rows) {
      names.push_back(row.key.at(0).text + ' ' + std::to_string(row.values.at(0).i));
    }
    return names;
  };
  TopOutcome outcome;
  EXPECT_THAT(pages({}, &outcome), ElementsAre("/0 334", "/1 333", "/2 333"));
  EXPECT_EQ(outcome.compared, 3u);
  EXPECT_TRUE(outcome.complete);
  outcome = {};
  EXPECT_THAT(pages({.limit = 2}, &outcome), ElementsAre("/0 334", "/1 333"));
  outcome = {};
  EXPECT_THAT(pages({.compared_max = 2}, &outcome), ElementsAre("/0 334", "/1 333"));
  EXPECT_FALSE(outcome.complete) << "and says so";
  outcome = {};
  const auto hour = [](int64_t h) {
    return TimeBorder{.micros = (kStart + h * 3600) * 1'000'000, .local = false};
  };
  // Of 100 records of the hour, those with i % 3 == 2 and so on.
  EXPECT_THAT(pages({.limit = 1, .range = {.from = hour(2), .until = hour(3)}}, &outcome),
              ElementsAre("/2 34"));
  Rows none;
  EXPECT_EQ(session->Top({.aggregate = "t"}, &none, &outcome).code(), Code::kInvalidArgument)
      << "a list is no number";
}

TEST_F(ReadServiceTest, ADumpHoldsEveryKeyAndWindow) {
  Rows out;
  ASSERT_EQ(Service().Dump({}, &out), Status());
  EXPECT_TRUE(out.ended);
  EXPECT_EQ(out.rows.size(), 4u * kHours);
  int64_t records = 0;
  for (const Row& row : out.rows) records += row.values[0].i;
  EXPECT_EQ(records, 2000);
}

TEST_F(ReadServiceTest, ACallEndsAtItsDeadlineAndWhenItIsStopped) {
  std::stop_source stopped;
  stopped.request_stop();
  const ScanLimit late{.deadline = steady_clock::now()};
  const ScanLimit stop{.stop = stopped.get_token()};
  for (const auto& [limit, code] :
       {std::pair(late, Code::kDeadlineExceeded), std::pair(stop, Code::kCancelled)}) {
    Rows out;
    EXPECT_EQ(Service().Dump({.limit = limit}, &out).code(), code);
    EXPECT_EQ(Service().Query({.request = {.keys = {Page("/0")}}, .limit = limit}, &out).code(),
              code);
    EXPECT_EQ(Service().Report({.limit = limit}).status().code(), code);
    EXPECT_FALSE(out.ended);
    EXPECT_TRUE(out.rows.empty());
  }
}

TEST_F(ReadServiceTest, BetweenTwoKeysACallIsStopped) {
  std::stop_source stop;
  Rows out;
  out.on_row = [&stop] {
    stop.request_stop();
    return Status();
  };
  QueryCall call{.request = {.keys = {Page("/0"), Page("/1")}, .total = true},
                 .limit = {.stop = stop.get_token()}};
  EXPECT_EQ(Service().Query(call, &out).code(), Code::kCancelled);
  EXPECT_EQ(out.rows.size(), 1u);
  EXPECT_FALSE(out.ended);
}

TEST_F(ReadServiceTest, WhatTheSinkSaysEndsTheCall) {
  Rows out;
  out.on_row = [] { return Status(Code::kUnavailable, "the reader left"); };
  EXPECT_EQ(Service().Dump({}, &out).message(), "the reader left");
  EXPECT_EQ(Service().Query({.request = {.keys = {Page("/0")}}}, &out).message(),
            "the reader left");
  EXPECT_EQ(out.rows.size(), 2u);
  EXPECT_FALSE(out.ended);
}

// The whole answer is of one commit, whatever is committed while it is read.
TEST_F(ReadServiceTest, AnAnswerIsOfOneSnapshot) {
  Rows before;
  ASSERT_EQ(Service().Dump({}, &before), Status());
  Rows out;
  out.on_row = [this] {
    store_->values.clear();
    return Status();
  };
  ASSERT_EQ(Service().Dump({}, &out), Status());
  EXPECT_EQ(out.rows.size(), before.rows.size());
}

TEST_F(ReadServiceTest, ACallTakesItsVersionOnce) {
  int taken = 0;
  const ReadService service([&]() -> Result<ServedVersion> {
    ++taken;
    return ServedVersion{.pipeline = pipeline_, .table = {std::shared_ptr<void>(), table_.get()}};
  });
  Rows out;
  ASSERT_EQ(service.Query({.request = {.keys = {Page("/0"), Page("/1")}}}, &out), Status());
  EXPECT_EQ(taken, 1);
  const ReadService none([] { return Result<ServedVersion>(Status(Code::kUnavailable, "none")); });
  EXPECT_EQ(none.Dump({}, &out).message(), "none");
}

TEST_F(ReadServiceTest, ATypedKeyMustBeAKey) {
  KeyValue wrong;
  wrong.kind = Kind::kDecimal;
  wrong.text = "1.2.3";
  Rows out;
  const QueryCall call{.request = {.keys = {{.parts = {{wrong}}, .text = ""}}}};
  EXPECT_EQ(Service().Query(call, &out).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace murmur
