#include "definition/plan.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <map>

#include "definition/secret.h"

namespace murmur {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kNow = 1'772'366'400'000'000;  // 2026-03-01T12:00:00Z

TEST(DescribePlan, SaysWhatIsCountedAndWhatIsRead) {
  const auto definition = ParseDefinition(R"yaml(
name: views
key: [[page], [page, {land: lower(country)}], []]
time: ts
window: {every: 1d, keep: 90d}
where: amount>1
aggregates: {n: count, total: sum(amount * 2)}
bootstrap: {jsonl: {path: data}}
live: {kafka: {brokers: "${MURMUR_TEST_BROKERS}", topic: t}}
)yaml",
                                          "f", ".");
  ASSERT_TRUE(definition.ok()) << definition.status().ToString();
  const std::string plan = DescribePlan(*definition, kNow);
  for (const char* line :
       {"pipeline: views\n", "counts per: page\n", "counts per: page, land = lower(country)\n",
        "counts per: everything together\n",
        "time: ts; a record without a usable one is a dead letter\n",
        "window: 1d each, by ts, kept 90d before the newest\n", "where: amount > 1\n",
        "  total = sum(amount * 2): ", "[sum.v1; mergeable in any order",
        "fields read: amount, country, page, ts\n", "bootstrap: jsonl (path=data)\n",
        "live: kafka (brokers=${MURMUR_TEST_BROKERS}, topic=t)\n", "state: rocksdb at ./state\n",
        "memory 512MiB; record 16MiB; 1d ahead; commit every 1s, 100ms live\n"}) {
    EXPECT_THAT(plan, HasSubstr(line));
  }
}

TEST(DescribePlan, TellsOfAnOptionalTime) {
  const auto definition = ParseDefinition(
      "name: n\nkey: a\ntime: {field: t, unit: d, optional: true}\naggregates: {n: count}", "f",
      ".");
  ASSERT_TRUE(definition.ok()) << definition.status().ToString();
  EXPECT_THAT(DescribePlan(*definition, kNow),
              HasSubstr("time: t in d; a record without a usable one counts all the same\n"));
}

std::string PlanOfWindow(const std::string& window) {
  const auto definition = ParseDefinition(
      "name: n\nkey: a\ntime: t\naggregates: {n: count}\n"
      "window: {" +
          window + "}\nbootstrap: {jsonl: {path: d}}",
      "f", ".");
  EXPECT_TRUE(definition.ok()) << definition.status().ToString();
  return DescribePlan(*definition, kNow);
}

TEST(DescribePlan, TellsOnWhichDayWindowsOfWeeksBegin) {
  const auto window = [](const std::string& text) {
    const std::string plan = PlanOfWindow(text);
    const size_t begin = plan.find("window: ");
    return plan.substr(begin, plan.find('\n', begin) - begin);
  };
  EXPECT_EQ(window("every: 7d"),
            "window: 7d each, by t, beginning on Thursday (offset: 4d for Monday), kept for ever");
  EXPECT_EQ(window("every: 7d, offset: 4d"),
            "window: 7d each, by t, offset 4d, beginning on Monday, kept for ever");
  EXPECT_EQ(window("every: 1w"), "window: 1w each, by t, from Monday on, kept for ever");
  EXPECT_EQ(window("every: 14d, offset: 10d12h"),
            "window: 14d each, by t, offset 10d12h, beginning on Sunday (offset: 4d for Monday), "
            "kept for ever");
  EXPECT_EQ(window("every: 2d"), "window: 2d each, by t, kept for ever");
}

TEST(DescribePlan, ShowsTheWindowOfNowAndTheNext) {
  EXPECT_THAT(PlanOfWindow("every: 1mo, keep: 13mo"),
              HasSubstr("window: 1mo each, by t, kept 13mo before the newest\n"
                        "the window of now, and the next:\n"
                        "  2026-03-01T00:00:00Z to 2026-04-01T00:00:00Z\n"
                        "  2026-04-01T00:00:00Z to 2026-05-01T00:00:00Z\n"
                        "  2026-05-01T00:00:00Z to 2026-06-01T00:00:00Z\n"));
  EXPECT_THAT(PlanOfWindow("every: 1d, zone: America/New_York"),
              HasSubstr("window: 1d each in America/New_York, by t, kept for ever\n"
                        "the window of now, and the next:\n"
                        "  2026-03-01T00:00:00-05:00 to 2026-03-02T00:00:00-05:00\n"));
}

TEST(DescribePlan, AUriIsShownWhereItHoldsNoSecret) {
  constexpr std::string_view kSecret = "s3cret";
  for (const auto& [uri, shown] : std::map<std::string, bool>{
           {"mongodb://db1,db2", true},
           {"${MONGO_URI}", true},
           {"mongodb://user:s3cret@db1", false},
           {"mongodb://db1/?tls=true&tlsCertificateKeyFilePassword=s3cret", false}}) {
    Definition definition;
    definition.source = SourceSpec{"mongo", {{"uri", uri}}};
    const std::string plan = DescribePlan(definition, kNow);
    EXPECT_EQ(plan.find("uri=" + uri) != plan.npos, shown) << plan;
    EXPECT_EQ(plan.find(kSecret), plan.npos);
  }
}

TEST(ResolveSecret, ReplacesReferencesOnly) {
  ::setenv("MURMUR_TEST_SECRET", "s3cret", 1);
  ::unsetenv("MURMUR_TEST_MISSING");
  EXPECT_EQ(*ResolveSecret("a${MURMUR_TEST_SECRET}b${MURMUR_TEST_SECRET}"), "as3cretbs3cret");
  EXPECT_EQ(*ResolveSecret("plain $5"), "plain $5");
  EXPECT_EQ(ResolveSecret("${MURMUR_TEST_MISSING}").status().code(), Code::kNotFound);
  EXPECT_EQ(ResolveSecret("${OPEN").status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace murmur
