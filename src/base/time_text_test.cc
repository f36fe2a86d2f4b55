#include "base/time_text.h"

#include <gtest/gtest.h>

#include <ctime>
#include <optional>
#include <random>
#include <string>

#include "murmur/key.h"

namespace murmur {
namespace {

std::optional<int64_t> Parse(std::string_view text) {
  // A buffer of its own size, so that a sanitizer sees a read behind it.
  const std::string copy(text);
  int64_t micros = 0;
  if (!TimeParser().Parse(copy, &micros)) return std::nullopt;
  return micros;
}

constexpr int64_t kNoon = 1772366400000000;  // 2026-03-01T12:00:00Z

TEST(TimeParser, TakesEveryFormOfOneInstant) {
  for (const char* text :
       {"2026-03-01T12:00:00Z", "2026-03-01t12:00:00z", "2026-03-01 12:00:00",
        "2026-03-01T12:00:00", "2026-03-01T13:00:00+01:00", "2026-03-01T13:00:00+0100",
        "2026-03-01T06:30:00-05:30", "2026-03-01T12:00:00.000Z", "2026-03-01T12:00:00.0000009Z",
        "2026-03-02T11:59:00+23:59"}) {
    EXPECT_EQ(Parse(text), kNoon) << text;
  }
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
}

TEST(TimeParser, RefusesWhatIsNoTime) {
  for (const char* text : {"",
                           "2026",
                           "2026-03-1",
                           "2026-13-01",
                           "2026-00-01",
                           "2026-02-29",
                           "1900-02-29",
                           "2026-04-31",
                           "2026-03-00",
                           "2026-03-01T",
                           "2026-03-01T12",
                           "2026-03-01T12:00",
                           "2026-03-01T24:00:00Z",
                           "2026-03-01T12:60:00Z",
                           "2026-03-01T12:00:61Z",
                           "2026-03-01X12:00:00Z",
                           "2026-03-01T12:00:00.Z",
                           "2026-03-01T12:00:00 Z",
                           "2026-03-01T12:00:00+1",
                           "2026-03-01T12:00:00+24:00",
                           "2026-03-01T12:00:00+01:60",
                           "2026-03-01T12:00:00Zx",
                           "2026/03/01",
                           "2026-03-01T12-00-00Z",
                           "2026-03-01T12:00:0/Z",
                           "+026-03-01",
                           "2026-03-01T12:00:00+0100x",
                           "2026-03-01T\xFF\xFF:00:00Z"}) {
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
  };
  for (const auto& c : kCases) {
    const Cell converted = Convert(c.cell, c.unit);
    ASSERT_EQ(converted.kind, Kind::kTime);
    EXPECT_EQ(converted.i, c.micros);
  }
}

TEST(ConvertToTime, LeavesWhatIsNoTime) {
  EXPECT_EQ(Convert(Cell::Int(5), TimeUnit::kNone).kind, Kind::kInt);
  EXPECT_EQ(Convert(Cell::Int(INT64_MAX), TimeUnit::kSeconds).kind, Kind::kInt);
  EXPECT_EQ(Convert(Cell::Double(1e300), TimeUnit::kSeconds).kind, Kind::kDouble);
  EXPECT_EQ(Convert(Cell::Double(0.0 / 0.0), TimeUnit::kSeconds).kind, Kind::kDouble);
  EXPECT_EQ(Convert(Cell::String("1772366400"), TimeUnit::kSeconds).kind, Kind::kString);
  EXPECT_EQ(Convert(Cell::Bool(true), TimeUnit::kSeconds).kind, Kind::kBool);
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
  EXPECT_FALSE(ConvertNumberToTime("1e40", TimeUnit::kSeconds, &cell));
}

}  // namespace
}  // namespace murmur
