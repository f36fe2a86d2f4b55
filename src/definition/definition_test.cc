#include "murmur/definition.h"

#include <gmock/gmock.h>

#include <random>

#include "definition/problems.h"
#include "definition/units.h"

namespace murmur {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr std::string_view kPageViews = R"(name: page_views
key: [page]
time: ts
window: {every: 1d, keep: 90d}
where: country = 'US'
aggregates:
  views:    count
  revenue:  sum(amount)
  visitors: distinct(user)
bootstrap: {jsonl: {path: data/*.jsonl.gz}}
)";

Definition MustParse(std::string_view yaml) {
  auto parsed = ParseDefinition(yaml, "test.yaml", ".");
  EXPECT_TRUE(parsed.ok()) << parsed.status().ToString();
  return parsed.ok() ? *parsed : Definition();
}

std::string ErrorsOf(std::string_view yaml) {
  const auto parsed = ParseDefinition(yaml, "f", ".");
  return parsed.ok() ? "no error" : std::string(parsed.status().message());
}

// A definition that is right but for `lines`.
std::string With(std::string_view lines) {
  return std::string(lines) + "\nname: n\nkey: [a]\naggregates: {n: count}\n";
}

TEST(ParseDefinition, ReadsTheDesignsExample) {
  const Definition d = MustParse(kPageViews);
  EXPECT_EQ(d.name, "page_views");
  EXPECT_EQ(d.rollups, (std::vector<KeyList>{{{"page", "page"}}}));
  EXPECT_EQ(d.time->field.ToString(), "ts");
  EXPECT_EQ(d.window->every, std::chrono::hours(24));
  EXPECT_EQ(d.window->keep, std::chrono::hours(24 * 90));
  EXPECT_EQ(d.where, "country = 'US'");
  ASSERT_EQ(d.aggregates.size(), 3u);
  EXPECT_EQ(d.aggregates[0].ToString(), "count");
  EXPECT_EQ(d.aggregates[1].ToString(), "sum(amount)");
  EXPECT_EQ(d.bootstrap->kind, "jsonl");
  EXPECT_THAT(d.bootstrap->options, ElementsAre(Pair("path", "data/*.jsonl.gz")));
}

TEST(ParseDefinition, TheBuilderMakesTheSameObject) {
  const auto built = DefinitionBuilder("page_views")
                         .Key({"page"})
                         .Key({"page", "land = lower(country)"})
                         .Time("ts", TimeUnit::kMillis)
                         .Window(std::chrono::hours(24))
                         .Keep(std::chrono::hours(24 * 90))
                         .WindowOffset(std::chrono::hours(4))
                         .Where("country = 'US'")
                         .Id("order_id")
                         .Aggregate("views", "count")
                         .Aggregate("revenue", "sum(amount, 2)")
                         .Bootstrap("jsonl", {{"path", "data"}, {"handoff.kafka.0", "1500"}})
                         .StatePath("/tmp/s")
                         .MaxErrors(10)
                         .Threads(2)
                         .MemoryBytes(1 << 30)
                         .Build();
  ASSERT_TRUE(built.ok()) << built.status().ToString();
  const Definition read = MustParse(R"(
name: page_views
key: [[page], [page, {land: lower(country)}]]
time: {field: ts, unit: ms}
window: {every: 24h, keep: 90d, offset: 4h}
where: country = 'US'
id: order_id
aggregates: {views: count, revenue: "sum(amount, decimal=2)"}
bootstrap: {jsonl: {path: data, handoff: {kafka: {0: 1500}}}}
state: {rocksdb: {path: /tmp/s}}
max_errors: 10
threads: 2
memory: 1GiB
)");
  EXPECT_EQ(DefinitionIdentity(*built), DefinitionIdentity(read));
  EXPECT_EQ(built->rollups, read.rollups);
  EXPECT_EQ(built->time, read.time);
  EXPECT_EQ(built->window, read.window);
  EXPECT_EQ(built->aggregates, read.aggregates);
  EXPECT_EQ(built->bootstrap, read.bootstrap);
  EXPECT_EQ(built->state_path, read.state_path);
  EXPECT_EQ(built->max_errors, read.max_errors);
  EXPECT_EQ(built->threads, read.threads);
  EXPECT_EQ(built->memory_bytes, read.memory_bytes);
}

TEST(ParseDefinition, KeysComeInEveryForm) {
  EXPECT_EQ(MustParse("key: page\nname: n\naggregates: {n: count}").rollups,
            (std::vector<KeyList>{{{"page", "page"}}}));
  EXPECT_EQ(MustParse("key: []\nname: n\naggregates: {n: count}").rollups,
            (std::vector<KeyList>{{}}));
  EXPECT_EQ(MustParse("key: {l: lower(a)}\nname: n\naggregates: {n: count}").rollups,
            (std::vector<KeyList>{{{"l", "lower(a)"}}}));
  EXPECT_EQ(
      MustParse("key: [[user.id, 'x[0]'], [l: lower(a)], []]\nname: n\naggregates: {n: count}")
          .rollups,
      (std::vector<KeyList>{{{"user.id", "user.id"}, {"x[0]", "x[0]"}}, {{"l", "lower(a)"}}, {}}));
}

TEST(ParseDefinition, ReadsHowItRuns) {
  const Definition d = MustParse(
      With("state: {rocksdb: {path: s}}\nmax_errors: unlimited\nthreads: 3\nmemory: 2GB\n"
           "max_record: 1MiB\nmax_ahead: 1h30m\ncommit_every: 250ms\nnull_key: keep"));
  EXPECT_EQ(d.state_path, "s");
  EXPECT_EQ(d.max_errors, kUnlimited);
  EXPECT_EQ(d.threads, 3u);
  EXPECT_EQ(d.memory_bytes, 2000000000u);
  EXPECT_EQ(d.max_record_bytes, 1u << 20);
  EXPECT_EQ(d.max_ahead, std::chrono::minutes(90));
  EXPECT_EQ(d.commit_every, std::chrono::milliseconds(250));
  EXPECT_TRUE(d.keep_null_keys);
}

TEST(ParseDefinition, ReadsSourcesOfLaterReleasesToo) {
  const Definition d = MustParse(
      With("bootstrap: {parquet: {path: [a.parquet, b], handoff: live}}\n"
           "live: {kafka: {brokers: '${BROKERS}', topic: views}}\n"
           "replay: {archive: {path: s3://b/x, layout: kafka-connect}}"));
  EXPECT_THAT(d.bootstrap->options,
              ElementsAre(Pair("handoff", "live"), Pair("path.0", "a.parquet"), Pair("path.1", "b")));
  EXPECT_EQ(d.live->options.at("brokers"), "${BROKERS}");
  EXPECT_EQ(d.replay->kind, "archive");
}

TEST(ParseDefinition, EveryProblemIsReportedAtOnceAndInOrder) {
  EXPECT_EQ(ErrorsOf(R"(name: Page-Views
key: [page, substring(country, 1, 2), lower(x)]
tiem: ts
window: {every: 0s, keep: 90x, evry: 1d}
where: country = 'US' and lowr(page) = 'x'
where: a
aggregates:
  views: cout
  top: sum(amount, 1, 2)
  _x: count
  revenue: sum(amount + )
  both: "sum(amount, decmal=2)"
  wrong: sum(amount, decimal=99)
bootstrap: {jsonl: {paht: data, path: ""}}
live: {kafak: {topic: x}}
max_errors: many
memory: 1MB
threads: 5000
serve: 1
)"),
            "f:1:7: 'Page-Views': expected a name of 1 to 64 characters a-z, 0-9 and _\n");
}

TEST(ParseDefinition, AWindowNeedsTime) {
  EXPECT_EQ(ErrorsOf(With("window: {every: 1d}")),
            "f:1:9: window needs the time of a record; expected time: field beside it");
}

TEST(ParseDefinition, SyntaxErrorsOfYamlKeepTheirPlace) {
  EXPECT_EQ(ErrorsOf("name: [a\nkey: b"), "");
  EXPECT_EQ(ErrorsOf("name:\n\t- a"), "");
  EXPECT_EQ(ErrorsOf(""), "");
  EXPECT_EQ(ErrorsOf("- a"), "");
}

}  // namespace
}  // namespace murmur
