#include "base/time_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <optional>
#include <random>
#include <string>

#include "base/civil_time.h"
#include "murmur/key.h"

namespace murmur {
namespace {

using testing::HasSubstr;

std::optional<int64_t> Parse(std::string_view text) {
  // A buffer of exactly this size, so that a sanitizer sees a read after its end.
  const std::string copy(text);
  int64_t micros = 0;
  if (!TimeParser().Parse(copy, &micros)) return std::nullopt;
  return micros;
}

constexpr int64_t kNoon = 1772366400000000;  // 2026-03-01T12:00:00Z

// docs/sources.md, "Times", lists these forms.
TEST(TimeParser, TakesEveryFormOfOneInstant) {
  for (const char* text :
       {// RFC 3339, and what is near to it
        "2026-03-01T12:00:00Z", "2026-03-01t12:00:00z", "2026-03-01 12:00:00",
        "2026-03-01T12:00:00", "2026-03-01T13:00:00+01:00", "2026-03-01T13:00:00+0100",
        "2026-03-01T06:30:00-05:30", "2026-03-01T12:00:00.000Z", "2026-03-01T12:00:00.0000009Z",
        "2026-03-02T11:59:00+23:59", "2026-03-01T12:00:00-00:00", "2026-03-01 12:00:00Z",
        "2026-03-01T12:00:00 Z",
        // PostgreSQL
        "2026-03-01 12:00:00+00", "2026-03-01 17:30:00+05:30", "2026-03-01 12:19:32+00:19:32",
        "2026-03-01 04:00:00-08",
        // without seconds, or minutes
        "2026-03-01T12:00", "2026-03-01T12:00Z", "2026-03-01T13:00+01:00", "2026-03-01 12:00",
        "2026-03-01T12", "2026-03-01T12Z", "2026-03-01T13+01",
        // Java
        "2026-03-01T12:00Z[UTC]", "2026-03-01T13:00+01:00[Europe/Paris]",
        "2026-03-01T12:00:00Z[Etc/GMT+0]", "+2026-03-01T12:00:00Z", "+002026-03-01T12:00:00Z",
        "2026-03-01T13:00:00+01:00[Europe/Paris][u-ca=iso8601]",
        // names of UTC
        "2026-03-01 12:00:00 UTC", "2026-03-01 12:00:00 GMT", "2026-03-01 12:00:00UTC",
        "2026-03-01 12:00:00 utc", "2026-03-01 13:00:00 GMT+01:00",
        // Ruby, and Go with the names of zones and its monotonic clock
        "2026-03-01 12:00:00 +0000", "2026-03-01 12:00:00 +0000 UTC",
        "2026-03-01 13:00:00 +0100 CET", "2026-03-01 15:00:00 +0300 +03",
        "2026-03-01 12:00:00 +0000 UTC m=+0.000012345",
        // logs: a comma, slashes, names of months
        "2026-03-01 12:00:00,000", "2026-03-01T12:00:00,0Z", "2026/03/01 12:00:00",
        "01/Mar/2026:12:00:00 +0000", "01/Mar/2026:13:00:00 +0100", "01/Mar/2026:12:00:00",
        "01-Mar-2026 12:00:00.000",
        // compact ISO 8601
        "20260301T120000Z", "20260301T130000+0100", "20260301T120000", "20260301T1200Z",
        "20260301T120000.000Z", "20260301T12Z",
        // RFC 1123 and 5322
        "Sun, 01 Mar 2026 12:00:00 GMT", "Sun, 1 Mar 2026 13:00:00 +0100", "1 Mar 2026 12:00 +0000",
        "Sun, 01 Mar 2026 12:00:00 +0000 (UTC)",
        // C, date(1), Java's Date, git, JavaScript's Date
        "Sun Mar  1 12:00:00 2026", "Sun Mar 01 12:00:00.000000 2026",
        "Sun Mar  1 12:00:00 UTC 2026", "Sun Mar 01 13:00:00 +0100 2026",
        "Sun Mar 1 13:00:00 2026 +0100",
        "Sun Mar 01 2026 13:00:00 GMT+0100 (Central European Standard Time)"}) {
    EXPECT_EQ(Parse(text), kNoon) << text;
  }
}

TEST(TimeParser, TakesDatesWithAZone) {
  const int64_t midnight = kNoon - 12 * int64_t{3600000000};
  EXPECT_EQ(Parse("2026-03-01Z"), midnight);
  EXPECT_EQ(Parse("2026-03-01+01:00"), midnight - 3600000000);
  EXPECT_EQ(Parse("20260301"), midnight);
  EXPECT_EQ(Parse("2026/03/01"), midnight);
  EXPECT_EQ(Parse("01-Mar-2026"), midnight);
  EXPECT_EQ(Parse("2026-03-01-01:00"), std::nullopt) << "-01:00 may be a clock";
}

TEST(TimeParser, KnowsInfinities) {
  EXPECT_EQ(Parse("infinity"), kTimeInfinity);
  EXPECT_EQ(Parse("+infinity"), kTimeInfinity);
  EXPECT_EQ(Parse("-infinity"), kTimeMinusInfinity);
  // Of Debezium, and the last time of Java.
  EXPECT_EQ(Parse("294247-01-01T00:00:00.000000Z"), kTimeInfinity);
  EXPECT_EQ(Parse("294246-12-31T23:59:59.999999Z"), kFiniteTimeLimit - 1);
  EXPECT_EQ(Parse("+294247-01-10T04:00:54.775Z"), kTimeInfinity);
  EXPECT_EQ(Parse("+999999999-12-31T23:59:59.999999999"), kTimeInfinity);
  EXPECT_EQ(Parse("-290308-12-21T19:59:27.600000Z"), kTimeMinusInfinity);
}

TEST(TimeParser, TakesYearsBeyond9999And1) {
  // Computed with Python's integers from days of 400 years.
  EXPECT_EQ(Parse("+10000-01-01T00:00:00Z"), 253402300800000000);
  EXPECT_EQ(Parse("10000-01-01 00:00:00+00"), 253402300800000000);
  EXPECT_EQ(Parse("0000-12-31T00:00:00Z"), -62135683200000000);
  EXPECT_EQ(Parse("0001-12-31 00:00:00+00 BC"), -62135683200000000);
  EXPECT_EQ(Parse("0001-12-31 BC"), -62135683200000000);
  EXPECT_EQ(Parse("-0001-01-01T00:00:00Z"), -62198755200000000);
  EXPECT_EQ(Parse("0000-12-31 BC"), std::nullopt) << "there is no year 0 in that count";
  EXPECT_EQ(Parse("-0000-12-31"), std::nullopt);
}

TEST(TimeParser, KeepsMicrosecondsAndCutsBelow) {
  EXPECT_EQ(Parse("2026-03-01T12:00:00.5Z"), kNoon + 500000);
  EXPECT_EQ(Parse("2026-03-01T12:00:00.123456Z"), kNoon + 123456);
  EXPECT_EQ(Parse("2026-03-01T12:00:00.123456999+00:00"), kNoon + 123456);
  EXPECT_EQ(Parse("1969-12-31T23:59:59.9Z"), -100000);
}

TEST(TimeParser, ADateAloneIsItsMidnight) {
  EXPECT_EQ(Parse("1970-01-02"), 86400000000);
  EXPECT_EQ(Parse("2024-02-29"), Parse("2024-02-29T00:00:00Z"));
}

TEST(TimeParser, ALeapSecondIsTheSecondBefore) {
  EXPECT_EQ(Parse("2016-12-31T23:59:60.25Z"), *Parse("2016-12-31T23:59:59.25Z"));
  EXPECT_EQ(Parse("2017-01-01T05:29:60+05:30"), *Parse("2016-12-31T23:59:59Z"));
  EXPECT_EQ(Parse("2017-01-01T05:29:60Z"), std::nullopt) << "no midnight follows it";
}

TEST(TimeParser, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "2026", "2026-03", "2026-03-1", "2026-13-01", "2026-00-01", "2026-02-29", "1900-02-29",
        "2026-04-31", "2026-03-00", "2026-03-01T", "2026-03-01T1", "2026-03-01T12:0",
        "2026-03-01T12:00:", "2026-03-01T24:00:00Z", "2026-03-01T12:60:00Z", "2026-03-01T12:60Z",
        "2026-03-01T24Z", "2026-03-01T12:00:61Z", "2026-03-01X12:00:00Z", "2026-03-01_12:00:00",
        "2026-03-01T12:00:00.Z", "2026-03-01T12:00:00,Z", "2026-03-01T12:00.5Z",
        "2026-03-01T12:00:00  Z", "2026-03-01T12:00:00 ", " 2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00Z ", "2026-03-01T12:00:00+1", "2026-03-01T12:00:00+24:00",
        "2026-03-01T12:00:00+01:60", "2026-03-01T12:00:00+01:00:60", "2026-03-01T12:00:00+01:0",
        "2026-03-01T12:00:00+010", "2026-03-01T12:00:00Zx", "2026-03-01T12:00:00Z+01:00",
        "2026-03-01T12:00:00+01:00Z", "2026-03-01T12-00-00Z", "2026-03-01T12:00:0/Z", "+026-03-01",
        "2026-03-01T12:00:00+0100x", "2026-03/01", "2026-03-01T120000Z",
        "2026-03-01T\xFF\xFF:00:00Z", "2026-03-01-10", "2026-03-01-10:30:00",
        // the order of day and month
        "01/02/2026", "01/02/2026 10:00:00", "1.2.2026", "01-02-2026",
        // zones whose offset is a guess
        "2026-03-01 12:00:00 CET", "Sun Mar 01 12:00:00 CET 2026", "2026-03-01T12:00[Europe/Paris]",
        "2026-03-01 12:00:00 America/New_York", "Sun, 01 Mar 2026 12:00:00 EST",
        // Java's brackets and Go's tails without their sense
        "2026-03-01T12:00Z[", "2026-03-01T12:00Z[]", "2026-03-01T12:00Z[UTC",
        "2026-03-01T12:00Z[a b]",
        "2026-03-01 12:00:00 +0000 UTC m=", "2026-03-01 12:00:00 +0000 UTC m=+",
        "2026-03-01 12:00:00 +0100 -0500", "2026-03-01 12:00:00 +0000 PM", "2026-03-01 12:00:00 PM",
        // names
        "Mon, 01 Mar 2026 12:00:00 GMT", "Sun, 01 Mxr 2026 12:00:00 GMT",
        "Sun, 01 Mar 26 12:00:00 GMT", "Sun, 30 Feb 2026 12:00:00 GMT",
        "01/Mar-2026:12:00:00 +0000", "Mar 1 12:00:00", "Sunday",
        "Sun Mar 01 12:00:00 +0100 2026 UTC", "Sun Mar 01 12:00:00 UTC 2026 +0100",
        "Sun Mar 01 12:00:00 2026 CET",
        // numbers, and what other parsers take
        "1772366400", "1772366400000", "20260301120000", "2026-W09-7", "2026-060", "now", "today",
        "Infinity", "inf", "0000-00-00 00:00:00", "20261301"}) {
    EXPECT_EQ(Parse(text), std::nullopt) << text;
  }
}

TEST(TimeParser, AgreesWithTheCLibrary) {
  constexpr uint64_t kSeed = 20260301;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  TimeParser parser;
  for (int i = 0; i < 20000; ++i) {
    const std::time_t second = static_cast<std::time_t>(random() % 250000000000ull) - 60000000000;
    std::tm broken{};
    gmtime_r(&second, &broken);
    if (broken.tm_year + 1900 < 0 || broken.tm_year + 1900 > 9999) continue;
    char text[32];
    std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", broken.tm_year + 1900,
                  broken.tm_mon + 1, broken.tm_mday, broken.tm_hour, broken.tm_min, broken.tm_sec);
    int64_t micros = 0;
    ASSERT_TRUE(parser.Parse(text, &micros)) << text;
    ASSERT_EQ(micros, int64_t{second} * 1000000) << text;
  }
}

TEST(TimeParser, RefusesEveryPrefixThatIsNoFormOfItsOwn) {
  // No form reads past the end of its text, and none accepts garbage after it.
  for (const std::string text :
       {"Sun Mar 01 2026 13:00:00 GMT+0100 (Central European Standard Time)",
        "2026-03-01T13:00:00.5+01:00[Europe/Paris]", "2026-03-01 12:00:00 +0000 UTC m=+0.1",
        "01/Mar/2026:12:00:00 +0000", "20260301T120000.5+0100", "0044-03-15 00:00:00+00 BC"}) {
    ASSERT_TRUE(Parse(text)) << text;
    for (size_t size = 0; size < text.size(); ++size) Parse(text.substr(0, size));
    for (const char* tail : {"x", "\xFF", ":", "(", "[", "+"}) {
      EXPECT_EQ(Parse(text + tail), std::nullopt) << text << tail;
    }
    EXPECT_EQ(Parse(text + '\0'), std::nullopt) << text;
  }
}

TEST(TimeParser, ReadsWhatFormatTimeWrites) {
  constexpr uint64_t kSeed = 20260301;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  for (int i = 0; i < 20000; ++i) {
    const int64_t micros = SaturateTime(static_cast<int64_t>(random()) >> (random() % 40));
    ASSERT_EQ(Parse(FormatTime(micros)), micros) << FormatTime(micros);
  }
}

TEST(TimeParser, ANewOneTakesNoNulBytesForADate) {
  EXPECT_EQ(Parse(std::string(10, '\0')), std::nullopt);
  EXPECT_EQ(Parse(std::string(10, '\0') + "T00:00:00Z"), std::nullopt);
  EXPECT_EQ(Parse("1970-01-01"), 0);
}

TEST(ParseEventTime, TakesTheYears1To9999) {
  EXPECT_EQ(ParseEventTime("0001-01-01"), kEventTimeMin);
  EXPECT_EQ(ParseEventTime("9999-12-31T23:59:59.999999"), kEventTimeMax);
  EXPECT_EQ(ParseEventTime("0001-01-01T00:00:00+00:01"), std::nullopt);
  EXPECT_EQ(ParseEventTime("10000-01-01"), std::nullopt);
  EXPECT_EQ(ParseEventTime("infinity"), std::nullopt);
}

TEST(WhyNoTime, TellsWhatWasNotUnderstood) {
  EXPECT_THAT(WhyNoTime("01/02/2026 10:00"), HasSubstr("which is the day"));
  EXPECT_THAT(WhyNoTime("2026-03-01 12:00:00 CET"), HasSubstr("the zone 'CET'"));
  EXPECT_THAT(WhyNoTime("Sun Mar 01 12:00:00 EST 2026"), HasSubstr("the zone 'EST'"));
  EXPECT_THAT(WhyNoTime("2026-03-01 12:00:00 PM"), HasSubstr("12 hours"));
  EXPECT_THAT(WhyNoTime("2026-03-01T12:00[Europe/Paris]"), HasSubstr("region"));
  EXPECT_THAT(WhyNoTime("1772366400"), HasSubstr("number in quotes"));
  EXPECT_THAT(WhyNoTime("hello: world"), HasSubstr("expected RFC 3339"));
  EXPECT_THAT(WhyNoTime(""), HasSubstr("expected RFC 3339"));
  EXPECT_THAT(WhyNoTime("10000-01-01"), HasSubstr("outside the years 0001 to 9999"));
}

Cell Convert(Cell cell, TimeUnit unit) {
  TimeParser parser;
  ConvertToTime(unit, &parser, &cell);
  return cell;
}

TEST(ConvertToTime, TakesNumbersInTheirUnit) {
  const struct {
    Cell cell;
    TimeUnit unit;
    int64_t micros;
  } kCases[] = {
      {Cell::Int(1772366400), TimeUnit::kSeconds, kNoon},
      {Cell::Int(1772366400123), TimeUnit::kMillis, kNoon + 123000},
      {Cell::Int(kNoon), TimeUnit::kMicros, kNoon},
      {Cell::Int(kNoon * 1000 + 999), TimeUnit::kNanos, kNoon},
      {Cell::Int(-1), TimeUnit::kNanos, -1},
      {Cell::Double(1772366400.5), TimeUnit::kSeconds, kNoon + 500000},
      {Cell::Double(-0.5), TimeUnit::kMicros, -1},
      {Cell::Double(1.5), TimeUnit::kMillis, 1500},
      {Cell::Int(20513), TimeUnit::kDays, kNoon - 43200000000},
      {Cell::Double(20513.5), TimeUnit::kDays, kNoon},
      {Cell::Int(-1), TimeUnit::kDays, -86400000000},
  };
  for (const auto& c : kCases) {
    const Cell converted = Convert(c.cell, c.unit);
    ASSERT_EQ(converted.kind, Kind::kTime);
    EXPECT_EQ(converted.i, c.micros);
  }
}

TEST(ConvertToTime, LeavesWhatIsNoTime) {
  EXPECT_EQ(Convert(Cell::Int(5), TimeUnit::kNone).kind, Kind::kInt);
  EXPECT_EQ(Convert(Cell::Double(0.0 / 0.0), TimeUnit::kSeconds).kind, Kind::kDouble);
  EXPECT_EQ(Convert(Cell::String("1772366400"), TimeUnit::kSeconds).kind, Kind::kString);
  EXPECT_EQ(Convert(Cell::Bool(true), TimeUnit::kSeconds).kind, Kind::kBool);
}

TEST(ConvertToTime, WhatLiesBeyondTheFiniteTimesIsInfinite) {
  const struct {
    Cell cell;
    TimeUnit unit;
    int64_t micros;
  } kCases[] = {
      // PostgreSQL's infinities as Debezium writes them
      {Cell::Int(9223372036825200000), TimeUnit::kMicros, kTimeInfinity},
      {Cell::Int(-9223372036832400000), TimeUnit::kMicros, kTimeMinusInfinity},
      {Cell::Int(9223371331200000000), TimeUnit::kMicros, kTimeInfinity},
      {Cell::Int(9223372036825200000), TimeUnit::kMillis, kTimeInfinity},
      {Cell::Int(-9223372036832400000), TimeUnit::kMillis, kTimeMinusInfinity},
      {Cell::Int(2147483647), TimeUnit::kDays, kTimeInfinity},
      {Cell::Int(-2147483648), TimeUnit::kDays, kTimeMinusInfinity},
      // as others do
      {Cell::Int(INT64_MAX), TimeUnit::kMicros, kTimeInfinity},
      {Cell::Int(-INT64_MAX), TimeUnit::kMicros, kTimeMinusInfinity},
      {Cell::Int(INT64_MIN), TimeUnit::kMicros, kTimeMinusInfinity},
      {Cell::Int(INT64_MIN), TimeUnit::kDays, kTimeMinusInfinity},
      {Cell::Int(INT64_MAX), TimeUnit::kSeconds, kTimeInfinity},
      {Cell::Double(1e300), TimeUnit::kSeconds, kTimeInfinity},
      {Cell::Double(-1.0 / 0.0), TimeUnit::kNanos, kTimeMinusInfinity},
      {Cell::Double(9.3e18), TimeUnit::kMicros, kTimeInfinity},
      // the last that are finite
      {Cell::Int(9223371244799999999), TimeUnit::kMicros, 9223371244799999999},
      {Cell::Int(-9223371244799999999), TimeUnit::kMicros, -9223371244799999999},
      {Cell::Int(INT64_MAX), TimeUnit::kNanos, INT64_MAX / 1000},
  };
  for (const auto& c : kCases) {
    const Cell converted = Convert(c.cell, c.unit);
    ASSERT_EQ(converted.kind, Kind::kTime) << c.micros;
    EXPECT_EQ(converted.i, c.micros);
  }
  const Int128 digits = Int128{99999999999999999} * 1000000000000000000;
  EXPECT_EQ(Convert(Cell::Decimal(&digits, 0), TimeUnit::kDays).i, kTimeInfinity);
  const Int128 small = -digits;
  EXPECT_EQ(Convert(Cell::Decimal(&small, 0), TimeUnit::kNanos).i, kTimeMinusInfinity);
  EXPECT_EQ(Convert(Cell::Decimal(&small, 38), TimeUnit::kSeconds).i, -1000);
}

TEST(ConvertNumberToTime, CutsTheDigitsAsWritten) {
  Cell cell;
  ASSERT_TRUE(ConvertNumberToTime("1772366400.123456", TimeUnit::kSeconds, &cell));
  EXPECT_EQ(cell.i, kNoon + 123456);
  ASSERT_TRUE(ConvertNumberToTime("1772366400.12345699999999999999999", TimeUnit::kSeconds, &cell));
  EXPECT_EQ(cell.i, kNoon + 123456);
  ASSERT_TRUE(ConvertNumberToTime("-0.0000001", TimeUnit::kSeconds, &cell));
  EXPECT_EQ(cell.i, -1);
  ASSERT_TRUE(ConvertNumberToTime("1.7723664e9", TimeUnit::kSeconds, &cell));
  EXPECT_EQ(cell.i, kNoon);
  ASSERT_TRUE(ConvertNumberToTime("20513.500000000012", TimeUnit::kDays, &cell));
  EXPECT_EQ(cell.i, kNoon + 1);
  EXPECT_FALSE(ConvertNumberToTime("1e40", TimeUnit::kSeconds, &cell));
}

}  // namespace
}  // namespace murmur
