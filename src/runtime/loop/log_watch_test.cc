#include "runtime/loop/log_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace murmur {
namespace {

using testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kStart = 1'700'000'000 * kSecond;

// At `second` of the test: a log that keeps `kept` seconds, and a reader that lags `behind`
// seconds.
LogReach At(int64_t second, int64_t kept, int64_t behind) {
  const int64_t now = kStart + second * kSecond;
  return {.times =
              LogReach::Times{
                  .oldest = now - kept * kSecond, .read_up_to = now - behind * kSecond, .now = now},
          .bytes = {},
          .remedy = "Make it larger."};
}

TEST(LogWatchTest, WhoKeepsUpHasNothingToFear) {
  LogWatch watch;
  for (int64_t s = 0; s < 600; s += 3) {
    const LogForecast& forecast = watch.Note(At(s, 3600, s % 5), 100'000.0);
    ASSERT_EQ(forecast.warning, "") << s;
    ASSERT_EQ(forecast.lost_in_seconds, std::nullopt) << s;
  }
  EXPECT_EQ(watch.forecast()->kept_seconds, 3600);
  EXPECT_EQ(watch.forecast()->ToJson()["scan_ends_in_seconds"], 100'000.0);
}

TEST(LogWatchTest, HalfOfTheLogBehindIsAWarning) {
  LogWatch watch;
  watch.Note(At(0, 3600, 0), {});
  EXPECT_EQ(watch.Note(At(3, 3600, 1800), {}).warning, "");
  const std::string warning = watch.Note(At(6, 3600, 1801), {}).warning;
  EXPECT_THAT(warning, HasSubstr("30 minutes behind"));
  EXPECT_THAT(warning, HasSubstr("reaches back 60 minutes"));
  EXPECT_THAT(warning, HasSubstr("Make it larger."));
  EXPECT_EQ(watch.Note(At(9, 3600, 10), {}).warning, "");
}

// The lag grows by a second every two: at 400 of 3600 seconds, 6400 are left.
TEST(LogWatchTest, ATrendIsAWarningWhereTheScanTakesLonger) {
  for (const auto& [scan, warned] : {std::pair(6000.0, false), std::pair(7000.0, true)}) {
    LogWatch watch;
    LogForecast last;
    for (int64_t s = 0; s <= 800; s += 2) last = watch.Note(At(s, 3600, s / 2), scan);
    ASSERT_TRUE(last.lost_in_seconds);
    EXPECT_NEAR(*last.lost_in_seconds, 6400, 1);
    EXPECT_EQ(!last.warning.empty(), warned) << last.warning;
    EXPECT_EQ(last.warning.find("the scan ends in 117 minutes") != std::string::npos, warned);
  }
}

TEST(LogWatchTest, ALogThatIsYoungHasNotBegunToForget) {
  LogWatch watch;
  for (int64_t s = 0; s < 60; s += 3) {
    LogReach reach = At(s, s, s);
    EXPECT_EQ(watch.Note(reach, {}).warning, "");
  }
}

TEST(LogWatchTest, WhoIsGivenUpSoonIsWarned) {
  LogWatch watch;
  const auto with = [](uint64_t kept, std::optional<uint64_t> left) {
    return LogReach{
        .times = {}, .bytes = LogReach::Bytes{.kept = kept, .left = left}, .remedy = "Keep up."};
  };
  EXPECT_EQ(watch.Note(with(1 << 30, {}), {}).warning, "");
  EXPECT_EQ(watch.Note(with(1 << 20, 1 << 30), {}).warning, "");
  EXPECT_THAT(watch.Note(with(1 << 30, 1 << 20), {}).warning,
              AllOf(HasSubstr("1073.7 MB"), HasSubstr("1.0 MB more"), HasSubstr("Keep up.")));
  EXPECT_EQ(watch.forecast()->ToJson()["left_bytes"], 1 << 20);
  EXPECT_FALSE(watch.forecast()->ToJson().contains("kept_seconds"));
}

}  // namespace
}  // namespace murmur
