#include "murmur/definition.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "definition/problems.h"
#include "definition/stored.h"
#include "definition/units.h"

namespace murmur {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr std::string_view kPageViews = R"yaml(name: page_views
key: [page]
time: ts
window: {every: 1d, keep: 90d}
where: country = 'US'
aggregates:
  views:    count
  revenue:  sum(amount)
  visitors: distinct(user)
bootstrap: {jsonl: {path: data/*.jsonl.gz}}
)yaml";

Definition MustParse(std::string_view yaml) {
  auto parsed = ParseDefinition(yaml, "test.yaml", ".");
  EXPECT_TRUE(parsed.ok()) << parsed.status().ToString();
  return parsed.ok() ? *parsed : Definition();
}

std::string ErrorsOf(std::string_view yaml) {
  const auto parsed = ParseDefinition(yaml, "f", ".");
  return parsed.ok() ? "no error" : std::string(parsed.status().message());
}

// A valid definition, except for `lines`.
std::string With(std::string_view lines) {
  return std::string(lines) + "\nname: n\nkey: [a]\naggregates: {n: count}\n";
}

TEST(ParseDefinition, ReadsTheDesignsExample) {
  const Definition d = MustParse(kPageViews);
  EXPECT_EQ(d.name, "page_views");
  EXPECT_EQ(d.rollups, (std::vector<KeyList>{{{"page", "page"}}}));
  EXPECT_EQ(d.time->field.ToString(), "ts");
  EXPECT_EQ(d.window->every, std::chrono::hours(24));
  EXPECT_EQ(d.window->keep, (TimeLength{.rest = std::chrono::hours(24 * 90)}));
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
  const Definition read = MustParse(R"yaml(
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
)yaml");
  EXPECT_EQ(DefinitionIdentity(*built), DefinitionIdentity(read));
  EXPECT_EQ(built->rollups, read.rollups);
  EXPECT_EQ(built->time, read.time);
  EXPECT_EQ(built->window, read.window);
  EXPECT_EQ(built->aggregates, read.aggregates);
  EXPECT_EQ(built->bootstrap, read.bootstrap);
  EXPECT_EQ(built->state, read.state);
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
  const Definition d = MustParse(With(
      "state: {rocksdb: {path: s}}\nmax_errors: unlimited\nthreads: 3\nmemory: 2GB\n"
      "max_record: 1MiB\nmax_ahead: 1h30m\nrollback_for: 1d\ncommit_every: 250ms\nnull_key: keep"));
  EXPECT_EQ(StatePlace(d), "s");
  EXPECT_EQ(d.max_errors, kUnlimited);
  EXPECT_EQ(d.threads, 3u);
  EXPECT_EQ(d.memory_bytes, 2000000000u);
  EXPECT_EQ(d.max_record_bytes, 1u << 20);
  EXPECT_EQ(d.max_ahead, std::chrono::minutes(90));
  EXPECT_EQ(d.rollback_for, std::chrono::hours(24));
  EXPECT_EQ(d.commit_every, std::chrono::milliseconds(250));
  EXPECT_TRUE(d.keep_null_keys);
}

TEST(ParseDefinition, ReadsSources) {
  const Definition d =
      MustParse(With("bootstrap: {parquet: {path: [a.parquet, b], handoff: live}}\n"
                     "live: {kafka: {brokers: '${BROKERS}', topic: views}}\n"
                     "replay: {archive: {path: s3://b/x, layout: kafka-connect}}"));
  EXPECT_THAT(d.bootstrap->options, ElementsAre(Pair("handoff", "live"),
                                                Pair("path.0", "a.parquet"), Pair("path.1", "b")));
  EXPECT_EQ(d.live->options.at("brokers"), "${BROKERS}");
  EXPECT_EQ(d.replay->kind, "archive");
}

TEST(ParseDefinition, EveryProblemIsReportedAtOnceAndInOrder) {
  EXPECT_EQ(ErrorsOf(R"yaml(name: Page-Views
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
)yaml"),
            R"golden(f:1:7: 'Page-Views': expected a name of 1 to 64 characters a-z, 0-9 and _
f:2:13: 'substring(country, 1, 2)': an expression with a comma needs quotes in a list, and a name: {name: "…"}
f:2:39: 'lower(x)': an expression in a key needs a name: {name: expression}
f:3:1: 'tiem': is no key of a definition; did you mean 'time'?
f:4:9: window needs the time of a record; expected time: field beside it
f:4:17: '0s': expected a duration from 1s to 36525d
f:4:27: '90x': expected a length of time such as 90d, 13mo or 1y
f:4:32: 'evry': is no key of window; did you mean 'every'?
f:5:27: 'country = 'US' and lowr(page) = 'x'': there is no function 'lowr'; did you mean 'lower'?
f:6:1: 'where': stands twice; first at line 5
f:8:10: 'cout': there is no aggregate function of this name; did you mean 'count'?
f:9:23: '2': one argument too many; expected sum(x) or sum(x, decimal=2)
f:10:7: '_x': expected a name of 1 to 64 letters, digits and '_' that begins with a letter
f:11:24: 'amount +': found the end, expected a value, a field or a function
f:12:9: 'decmal': 'sum' has no such parameter; expected sum(x) or sum(x, decimal=2); did you mean 'decimal'?
f:13:10: 'sum(amount, decimal=99)': decimal is '99'; expected a whole number from 0 to 18
f:14:21: 'paht': is no option of jsonl; expected path, format, hive, handoff; did you mean 'path'?
f:14:33: 'path': is empty
f:15:8: 'kafak': is no kind of live source; expected kafka, dynamodb, mariadb, mongo or postgres; did you mean 'kafka'?
f:16:13: 'many': expected a number or unlimited
f:17:9: '1MB': expected 64MiB to 1024TiB
f:18:10: '5000': expected 0 to 1024
f:19:1: 'serve': is no key of a definition; expected name, key, id, columns, time, window, where, null_key, aggregates, source, on_change, method, bootstrap, live, replay, overlap, state, max_errors, threads, memory, max_record, max_ahead, rollback_for, commit_every)golden");
}

TEST(ParseDefinition, AWindowNeedsTime) {
  EXPECT_EQ(ErrorsOf(With("window: {every: 1d}")),
            "f:1:9: window needs the time of a record; expected time: field beside it");
}

TEST(ParseDefinition, SyntaxErrorsOfYamlKeepTheirPlace) {
  EXPECT_EQ(ErrorsOf("name: [a\nkey: b"), "f:2:4: is not YAML: end of sequence flow not found");
  EXPECT_EQ(ErrorsOf("name:\n\t- a"), "f:2:2: is not YAML: illegal block entry");
  EXPECT_THAT(ErrorsOf(""), HasSubstr("f:1:1: expected a map of a definition's keys"));
  EXPECT_THAT(ErrorsOf("- a"), HasSubstr("f:1:1: expected a map of a definition's keys"));
}

TEST(ParseDefinition, ExpressionsCutByFlowCommasGetTheHintOnce) {
  EXPECT_EQ(ErrorsOf("name: n\nkey: [a]\naggregates: {t: topk(a, 10), c: count}"),
            "f:3:17: 'topk(a': a bracket is not closed; a call with a comma needs quotes in {}");
}

TEST(ParseDefinition, AliasBombsAndDeepOptionsAreRefused) {
  std::string yaml = With("x: &a [1]");
  for (char c = 'b'; c < 'k'; ++c) {
    yaml += fmt::format("x{0}: &{0} [*{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}]\n", c,
                        static_cast<char>(c - 1));
  }
  EXPECT_THAT(ErrorsOf(yaml + "replay: {archive: {o: *j}}"),
              HasSubstr("has too many or too deep options"));
}

TEST(ParseDefinition, RandomlyDamagedDefinitionsNeverCrash) {
  const auto seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  const std::string pieces = "{}[]()'\"`:,&*!|>#%@- \n\tax1\xff";
  for (int i = 0; i < 2000; ++i) {
    std::string yaml(kPageViews);
    for (size_t edits = 1 + random() % 4; edits > 0; --edits) {
      const size_t at = random() % yaml.size();
      switch (random() % 3) {
        case 0: yaml.erase(at, 1 + random() % 8); break;
        case 1: yaml.insert(at, 1, pieces[random() % pieces.size()]); break;
        default: yaml[at] = pieces[random() % pieces.size()];
      }
    }
    const auto parsed = ParseDefinition(yaml, "f", ".");
    if (parsed.ok()) {
      ASSERT_TRUE(Validate(*parsed).ok()) << yaml;
    } else {
      ASSERT_THAT(std::string(parsed.status().message()), ::testing::StartsWith("f:")) << yaml;
    }
  }
}

TEST(LoadDefinition, ResolvesPathsFromTheFilesDirectory) {
  EXPECT_EQ(LoadDefinition("no/such.yaml").status().code(), Code::kNotFound);
  const std::string path = ::testing::TempDir() + "definition_test.yaml";
  std::ofstream(path) << kPageViews;
  const auto loaded = LoadDefinition(path);
  ASSERT_TRUE(loaded.ok()) << loaded.status().ToString();
  EXPECT_EQ(loaded->base_directory + "/", ::testing::TempDir());
}

// The same files that the editors' schema is tested with.
TEST(LoadDefinition, AcceptsAndRefusesTheTestData) {
  const auto testdata = std::filesystem::path("src/definition/testdata");
  size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(testdata)) {
    if (!entry.is_regular_file()) continue;
    const auto loaded = LoadDefinition(entry.path().string());
    const bool good = entry.path().parent_path().filename() == "good";
    EXPECT_EQ(loaded.ok(), good) << entry.path() << loaded.status().ToString();
    ++count;
  }
  EXPECT_GE(count, 13u);
}

TEST(Validate, NamesTheValueWithoutAFile) {
  const auto built =
      DefinitionBuilder("n").Key({"a"}).Where("lowr(x)").Aggregate("c", "cont").Build();
  ASSERT_FALSE(built.ok());
  EXPECT_THAT(std::string(built.status().message()),
              AllOf(HasSubstr("where: 'lowr(x)': there is no function 'lowr'"),
                    HasSubstr("aggregates.c: 'cont': there is no aggregate function of this name; "
                              "did you mean 'count'?")));
}

TEST(ParseDefinition, ColumnsHaveTypesInEveryStyleOfYaml) {
  const std::string head =
      "name: n\nkey: a\naggregates: {c: count}\nbootstrap: {jsonl: {path: x}}\n";
  const DeclaredType price{.kind = Kind::kDecimal, .precision = 12, .scale = 2};
  const DeclaredType created{.kind = Kind::kTime, .unit = TimeUnit::kMicros};
  const DeclaredType count{.kind = Kind::kDecimal, .precision = 5};
  for (const char* columns :
       {"columns: {price: decimal(12,2), n.c: decimal(5, 0), created: {time: us}}",
        "columns: {price: \"decimal(12, 2)\", n.c: decimal(5), created: time(us)}",
        "columns:\n  price: decimal(12,2)\n  n.c: decimal(5,0)\n  created: {time: us}"}) {
    const Definition d = MustParse(head + columns);
    ASSERT_EQ(d.columns.size(), 3u) << columns;
    EXPECT_EQ(d.columns[0].type, price) << columns;
    EXPECT_EQ(d.columns[1].field.ToString(), "n.c");
    EXPECT_EQ(d.columns[1].type, count) << columns;
    EXPECT_EQ(d.columns[2].type, created) << columns;
    EXPECT_NE(DefinitionIdentity(d), DefinitionIdentity(MustParse(head)));
    EXPECT_EQ(RestoreDefinition(MustParse(head), StoreDefinition(d)).value().columns, d.columns);
  }
  for (const char* type :
       {"decimal", "decimal(0,0)", "decimal(39,2)", "decimal(2,3)", "decimal(x,2)", "decimal(12,2",
        "int", "{time: x}", "[1]", "{unit: us}"}) {
    const auto parsed = ParseDefinition(head + "columns: {price: " + type + "}", "f", ".");
    EXPECT_THAT(parsed.status().ToString(), HasSubstr("expected decimal(precision,scale)")) << type;
  }
}

TEST(Identity, KnowsTheRulesItWasWrittenBy) {
  EXPECT_EQ(RulesOfIdentity(DefinitionIdentity(MustParse(kPageViews))), kRulesNumber);
  EXPECT_EQ(RulesOfIdentity(R"({"key":[]})"), 1);
  EXPECT_EQ(RulesOfIdentity("damaged"), 1);
}

TEST(Identity, DependsOnWhatCountsAndNotOnHowItRuns) {
  const Definition base = MustParse(kPageViews);
  const std::string identity = DefinitionIdentity(base);
  EXPECT_EQ(
      identity,
      R"json({"aggregates":[{"call":"count","monoid":"count.v1","name":"views"},)json"
      R"json({"call":"sum(amount)","monoid":"sum.v1","name":"revenue"},)json"
      R"json({"call":"distinct(user)","monoid":"distinct.v1(precision=12)",)json"
      R"json("name":"visitors"}],"bootstrap":{"kind":"jsonl","path":"data/*.jsonl.gz"},)json"
      R"json("key":[[{"expression":"page","name":"page"}]],"null_key":"reject","rules":2,)json"
      R"json("time":{"field":"ts","unit":""},"where":"country = 'US'",)json"
      R"json("window":{"every":"1d","offset":"0s"}})json");
  Definition same = base;
  same.state.options["path"] = "elsewhere";
  same.max_errors = 5;
  same.threads = 7;
  same.memory_bytes = 1 << 30;
  same.window->keep.reset();
  same.where = "country='US'";
  same.name = "other";
  same.aggregates[2].parameters["precision"] = "12";
  EXPECT_EQ(DefinitionIdentity(same), identity);

  Definition other = base;
  other.aggregates[0] = {"views", "sum", {"x"}, {}};
  other.aggregates[2].parameters["precision"] = "14";
  other.where.clear();
  other.window->every = std::chrono::hours(1);
  other.bootstrap->options["path"] = "more";
  EXPECT_THAT(DiffIdentities(identity, DefinitionIdentity(other)),
              ElementsAre("aggregates.views: count → sum(x)",
                          "aggregates.visitors: distinct.v1(precision=12) → "
                          "distinct.v1(precision=14)",
                          "bootstrap.path: data/*.jsonl.gz → more", "where: country = 'US' → none",
                          "window.every: 1d → 1h"));
  EXPECT_THAT(DiffIdentities(identity, identity), ElementsAre());
}

TEST(Identity, OrderOfAggregatesMattersAsItIsTheOrderOfTheStoredValues) {
  const Definition base = MustParse(kPageViews);
  Definition swapped = base;
  std::swap(swapped.aggregates[0], swapped.aggregates[1]);
  EXPECT_THAT(DiffIdentities(DefinitionIdentity(base), DefinitionIdentity(swapped)),
              ElementsAre("aggregates, their order: views, revenue, visitors → revenue, views, "
                          "visitors"));
}

TEST(Identity, AnOptionalTimeIsAnotherState) {
  const Definition base =
      MustParse("name: n\nkey: a\ntime: {field: t, unit: d}\naggregates: {c: count}");
  Definition optional = base;
  optional.time->optional = true;
  EXPECT_THAT(DiffIdentities(DefinitionIdentity(base), DefinitionIdentity(optional)),
              ElementsAre("time.optional: none → true"));
  // A time stored without `optional` is not optional.
  EXPECT_THAT(DefinitionIdentity(base), HasSubstr(R"("time":{"field":"t","unit":"d"})"));
}

TEST(StoredDefinition, KeepsAnOptionalTimeAndItsUnit) {
  Definition definition = MustParse(
      "name: n\nkey: a\ntime: {field: t, unit: d, optional: true}\naggregates: {c: count}");
  const std::string stored = StoreDefinition(definition);
  definition.time.reset();
  const auto restored = RestoreDefinition(definition, stored);
  ASSERT_TRUE(restored.ok()) << restored.status().ToString();
  EXPECT_EQ(restored->time, (TimeSpec{FieldPath{{"t"}}, TimeUnit::kDays, true}));
}

std::string Windowed(const std::string& window) {
  return "name: n\nkey: [a]\ntime: ts\nwindow: {" + window +
         "}\naggregates: {n: count}\nbootstrap: {jsonl: {path: d}}\n";
}

TEST(Identity, ASpelledOutUtcIsTheCalendarWithoutAZone) {
  const auto window = [](const std::string& text) {
    const std::string identity = DefinitionIdentity(MustParse(Windowed(text)));
    return identity.substr(identity.find("\"window\""));
  };
  EXPECT_EQ(window("every: 1mo"), R"("window":{"every":"1mo","zone":"UTC"}})");
  EXPECT_EQ(window("every: 1mo, zone: UTC, keep: 13mo"), window("every: 1mo"));
  EXPECT_EQ(window("every: 1d, zone: Europe/Berlin"),
            R"("window":{"every":"1d","zone":"Europe/Berlin"}})");
  EXPECT_EQ(window("every: 24h"), R"("window":{"every":"1d","offset":"0s"}})");
  EXPECT_EQ(window("every: 1h, zone: Asia/Tokyo"),
            R"("window":{"every":"1h","offset":"0s","zone":"Asia/Tokyo"}})");
}

TEST(StoredDefinition, KeepsTheCalendarAndTheRulesOfItsZones) {
  Definition definition = MustParse(Windowed("every: 3mo, zone: America/New_York, keep: 1y6mo"));
  definition.zone_rules = {{"America/New_York", std::string("TZif\0\xff", 6)}};
  const std::string stored = StoreDefinition(definition);
  const Definition now = MustParse(Windowed("every: 1d"));
  const auto restored = RestoreDefinition(now, stored);
  ASSERT_TRUE(restored.ok()) << restored.status().ToString();
  EXPECT_EQ(restored->window, definition.window);
  EXPECT_EQ(restored->zone_rules, definition.zone_rules);
  EXPECT_THAT(stored, HasSubstr(R"("zones":{"America/New_York":"545a696600ff"})"));
  for (const char* rules : {"545", "54zz"}) {
    std::string damaged = stored;
    damaged.replace(damaged.find("545a696600ff"), 12, rules);
    EXPECT_EQ(RestoreDefinition(now, damaged).status().code(), Code::kDataLoss);
  }
}

// A definition stored before there were zones.
TEST(StoredDefinition, AFixedWindowIsStoredAsBefore) {
  const std::string stored =
      StoreDefinition(MustParse(Windowed("every: 7d, offset: 4d, keep: 90d")));
  EXPECT_THAT(stored, HasSubstr(R"("window":{"every":604800,"keep":7776000,"offset":345600})"));
  EXPECT_THAT(stored, ::testing::Not(HasSubstr("zones")));
}

TEST(ParseDefinition, TheBuilderHasWindowsOfTheCalendar) {
  const auto built = DefinitionBuilder("n")
                         .Key({"a"})
                         .Time("ts")
                         .Window(CalendarUnit::kDay)
                         .WindowZone("Europe/Berlin")
                         .Keep(TimeLength{.months = 13})
                         .Aggregate("n", "count")
                         .Bootstrap("jsonl", {{"path", "d"}})
                         .Build();
  ASSERT_TRUE(built.ok()) << built.status().ToString();
  EXPECT_EQ(built->window,
            MustParse(Windowed("every: 1d, zone: Europe/Berlin, keep: 13mo")).window);
  const auto fixed = DefinitionBuilder("n")
                         .Key({"a"})
                         .Time("ts")
                         .Window(std::chrono::days(1))
                         .WindowZone("Europe/Berlin")
                         .Aggregate("n", "count")
                         .Bootstrap("jsonl", {{"path", "d"}})
                         .Build();
  EXPECT_THAT(fixed.status().ToString(), HasSubstr("in a zone, expected a unit of its calendar"));
}

TEST(ParseDefinition, TheBuilderHasOptionalTimes) {
  const auto built = DefinitionBuilder("n")
                         .Key({"a"})
                         .OptionalTime("t", TimeUnit::kDays)
                         .Aggregate("c", "count")
                         .Build();
  ASSERT_TRUE(built.ok()) << built.status().ToString();
  EXPECT_EQ(built->time, (TimeSpec{FieldPath{{"t"}}, TimeUnit::kDays, true}));
}

TEST(ParseDefinition, AnOptionalTimeIsRefusedWhereEveryRecordNeedsOne) {
  const auto errors = [](const std::string& rest) {
    return ErrorsOf("name: n\nkey: a\nid: i\ntime: {field: t, optional: true}\n" + rest);
  };
  EXPECT_EQ(errors("aggregates: {c: count, m: max(t)}"), "no error");
  EXPECT_THAT(errors("window: {every: 1d}\naggregates: {c: count}"),
              HasSubstr("a window needs the time of every record"));
  EXPECT_THAT(errors("aggregates: {c: first(x)}"),
              HasSubstr("aggregates.c: first goes by the time of every record"));
  EXPECT_THAT(errors("aggregates: {c: last(x)}"), HasSubstr("aggregates.c: last goes by the time"));
  EXPECT_THAT(errors("aggregates: {c: 'decayed_sum(x, 1d)'}"),
              HasSubstr("aggregates.c: decayed_sum goes by the time of every record"));
  EXPECT_THAT(errors("aggregates: {c: count}\nbootstrap: {jsonl: {path: d}}\n"
                     "live: {kafka: {brokers: b, topic: t}}\n"
                     "overlap: {by: id, until: '2026-03-02T00:00:00Z'}"),
              HasSubstr("an overlap needs the time of every record"));
}

TEST(ParseDefinition, TimesAreReadInEveryFormWithinTheYears1To9999) {
  const auto overlap = [](const std::string& until) {
    return "name: n\nkey: a\nid: i\ntime: t\naggregates: {c: count}\n"
           "bootstrap: {jsonl: {path: d}}\nlive: {kafka: {brokers: b, topic: t, start: '" +
           until + "'}}\noverlap: {by: id, until: '" + until + "'}";
  };
  for (const char* until : {"2026-03-01T12:00:00Z", "2026-03-01 12:00:00+00", "20260301T120000Z",
                            "Sun, 01 Mar 2026 12:00:00 GMT"}) {
    EXPECT_EQ(MustParse(overlap(until)).overlap_until, 1772366400000000) << until;
  }
  for (const char* until : {"infinity", "10000-01-01", "01/02/2026"}) {
    EXPECT_THAT(ErrorsOf(overlap(until)), HasSubstr("': expected earliest, latest, a time"))
        << until;
    EXPECT_THAT(ErrorsOf(overlap(until)), HasSubstr("': expected a time as RFC 3339")) << until;
  }
}

TEST(Units, LengthsOfTimeHaveMonthsAndYears) {
  EXPECT_EQ(ParseTimeLength("13mo"), TimeLength{.months = 13});
  EXPECT_EQ(ParseTimeLength("1y6mo2d"), (TimeLength{.months = 18, .rest = std::chrono::hours(48)}));
  EXPECT_EQ(ParseTimeLength("2w"), TimeLength{.rest = std::chrono::hours(336)});
  for (const char* text : {"", "mo", "1mo1y", "1d1mo", "1.5mo", "-1mo", "1m1mo", "1500ms", "1Y"}) {
    EXPECT_EQ(ParseTimeLength(text), std::nullopt) << text;
  }
  for (const char* text : {"13mo", "1y", "18mo2d", "90d", "1h30m"}) {
    EXPECT_EQ(FormatTimeLength(*ParseTimeLength(text)), text);
  }
  EXPECT_EQ(ParseDuration("1mo"), std::nullopt);
}

TEST(Units, DurationsAndSizesReadBack) {
  using std::chrono::milliseconds;
  EXPECT_EQ(ParseDuration("1h30m"), milliseconds(5400000));
  EXPECT_EQ(ParseDuration("250ms"), milliseconds(250));
  EXPECT_EQ(ParseDuration("2w"), milliseconds(14ll * 86400000));
  for (const char* bad : {"", "1", "d", "1x", "1m1h", "1h1h", "-1s", "1.5h", "1 h",
                          "99999999999999999999d", "9999999999999w"}) {
    EXPECT_EQ(ParseDuration(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(FormatDuration(milliseconds(0)), "0s");
  EXPECT_EQ(FormatDuration(milliseconds(90061001)), "1d1h1m1s1ms");
  EXPECT_EQ(ParseBytes("512MB"), 512000000u);
  EXPECT_EQ(ParseBytes("1 GiB"), 1u << 30);
  EXPECT_EQ(ParseBytes("17"), 17u);
  for (const char* bad : {"", "MB", "1.5GB", "1XB", "-1", "99999999999TiB", "1MB2"}) {
    EXPECT_EQ(ParseBytes(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(FormatBytes(512ull << 20), "512MiB");
  EXPECT_EQ(FormatBytes(0), "0B");
}

}  // namespace
}  // namespace murmur
