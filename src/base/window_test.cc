#include "murmur/window.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "base/time_text.h"
#include "base/zone.h"
#include "base/zone_database.h"
#include "murmur/key.h"

namespace murmur {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kSecond = 1000000;
constexpr int64_t kDay = 86400;

int64_t At(std::string_view text) {
  const auto micros = ParseEventTime(text);
  EXPECT_TRUE(micros) << text;
  return micros.value_or(0);
}

BucketRule Calendar(CalendarUnit unit, std::string_view zone = kUtcName,
                    std::optional<TimeLength> keep = {}) {
  const auto found = SystemZone(zone);
  EXPECT_TRUE(found.ok()) << found.status().ToString();
  return {.unit = unit, .keep = keep, .zone = *found};
}

TimeLength Months(int64_t months) { return {.months = months}; }
TimeLength Days(int64_t days) { return {.rest = std::chrono::seconds(days * kDay)}; }

constexpr CalendarUnit kUnits[] = {CalendarUnit::kDay,      CalendarUnit::kWeek,
                                   CalendarUnit::kMonth,    CalendarUnit::kQuarter,
                                   CalendarUnit::kHalfYear, CalendarUnit::kYear};

TEST(CalendarTest, ABucketIsTheNumberOfTheUnit) {
  const auto buckets = [](std::string_view text) {
    std::vector<int64_t> found;
    for (const CalendarUnit unit : kUnits) found.push_back(Calendar(unit).Bucket(At(text)));
    return found;
  };
  EXPECT_THAT(buckets("1970-01-01"), ElementsAre(0, 0, 0, 0, 0, 0));
  EXPECT_THAT(buckets("1970-01-05"), ElementsAre(4, 1, 0, 0, 0, 0));  // the second Monday
  EXPECT_THAT(buckets("1969-12-31T23:59:59Z"), ElementsAre(-1, 0, -1, -1, -1, -1));
  EXPECT_THAT(buckets("2026-11-29T12:00:00Z"), ElementsAre(20786, 2969, 682, 227, 113, 56));
  EXPECT_THAT(buckets("0001-01-01"), ElementsAre(-719162, -102737, -23628, -7876, -3938, -1969));
  EXPECT_THAT(buckets("9999-12-31T23:59:59Z"),
              ElementsAre(2932896, 418985, 96359, 32119, 16059, 8029));
}

// What is on disk: five bytes, in order.
TEST(CalendarTest, TheBytesOfABucketStay) {
  const auto bytes = [](CalendarUnit unit, std::string_view zone, std::string_view text) {
    std::string key;
    AppendBucket(Calendar(unit, zone).Bucket(At(text)), &key);
    std::string hex;
    for (const char c : key) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return hex;
  };
  EXPECT_EQ(bytes(CalendarUnit::kDay, "Europe/Berlin", "2026-03-28T23:30:00Z"), "800000503d");
  EXPECT_EQ(bytes(CalendarUnit::kDay, "UTC", "2026-03-28T23:30:00Z"), "800000503c");
  EXPECT_EQ(bytes(CalendarUnit::kWeek, "Europe/Berlin", "2026-03-29T22:30:00Z"), "8000000b77");
  EXPECT_EQ(bytes(CalendarUnit::kMonth, "America/New_York", "2026-03-01T04:59:59Z"), "80000002a1");
  EXPECT_EQ(bytes(CalendarUnit::kQuarter, "UTC", "2026-03-01"), "80000000e0");
  EXPECT_EQ(bytes(CalendarUnit::kHalfYear, "UTC", "1969-01-01"), "7ffffffffe");
  EXPECT_EQ(bytes(CalendarUnit::kYear, "Asia/Tokyo", "2025-12-31T15:00:00Z"), "8000000038");
}

TEST(CalendarTest, ADayOfUtcIsTheFixedDay) {
  const BucketRule fixed{.every = kDay};
  const BucketRule day = Calendar(CalendarUnit::kDay);
  for (int64_t second = -100 * kDay; second < 100 * kDay; second += 7777) {
    ASSERT_EQ(day.Bucket(second * kSecond), fixed.Bucket(second * kSecond));
  }
}

TEST(CalendarTest, DaysHave23To25Hours) {
  const BucketRule day = Calendar(CalendarUnit::kDay, "Europe/Berlin");
  const auto length = [&day](std::string_view noon) {
    const int64_t bucket = day.Bucket(At(noon));
    return (day.EndMicros(bucket) - day.StartMicros(bucket)) / kSecond / 3600;
  };
  EXPECT_EQ(length("2026-03-28T12:00:00Z"), 24);
  EXPECT_EQ(length("2026-03-29T12:00:00Z"), 23);
  EXPECT_EQ(length("2026-10-25T12:00:00Z"), 25);
  EXPECT_EQ(day.FormatStart(day.Bucket(At("2026-03-29T12:00:00Z"))), "2026-03-29T00:00:00+01:00");
  EXPECT_EQ(day.FormatEnd(day.Bucket(At("2026-03-29T12:00:00Z"))), "2026-03-30T00:00:00+02:00");
}

TEST(CalendarTest, ADayThatBeginsWithAGapBeginsBehindIt) {
  const BucketRule day = Calendar(CalendarUnit::kDay, "America/Sao_Paulo");
  const int64_t bucket = day.Bucket(At("2018-11-04T12:00:00Z"));
  EXPECT_EQ(day.FormatStart(bucket), "2018-11-04T01:00:00-02:00");
  EXPECT_EQ(day.FormatEnd(bucket - 1), "2018-11-04T01:00:00-02:00");
}

// 00:01 of the 7th is followed by 23:01 of the 6th.
TEST(CalendarTest, ClocksThatArePutBackOverMidnightMakeADayOfTwoSpans) {
  const BucketRule day = Calendar(CalendarUnit::kDay, "America/St_Johns");
  constexpr int64_t kSeventh = 14920;
  EXPECT_EQ(day.Bucket(At("2010-11-07T00:00:30-02:30")), kSeventh);
  EXPECT_EQ(day.Bucket(At("2010-11-06T23:01:00-03:30")), kSeventh - 1);
  EXPECT_EQ(day.Bucket(At("2010-11-07T00:00:00-03:30")), kSeventh);
  EXPECT_EQ(day.FormatStart(kSeventh), "2010-11-07T00:00:00-02:30");
  EXPECT_EQ(day.FormatEnd(kSeventh - 1), "2010-11-07T00:00:00-03:30");
  const int64_t between = At("2010-11-06T23:30:00-03:30");
  EXPECT_EQ(day.GreatestBucketUntil(between), kSeventh);
  EXPECT_EQ(day.LeastBucketFrom(At("2010-11-07T00:00:30-02:30")), kSeventh - 1);
  // A border may lie inside a window: nothing requested is left out.
  EXPECT_EQ(day.BucketUntil({.micros = between}), kSeventh + 1);
  EXPECT_EQ(day.BucketFrom({.micros = At("2010-11-07T00:00:30-02:30")}), kSeventh - 1);
  EXPECT_EQ(day.BucketFrom({.micros = At("2010-11-07"), .local = true}), kSeventh);
  EXPECT_EQ(day.BucketUntil({.micros = At("2010-11-07"), .local = true}), kSeventh);
}

TEST(CalendarTest, ADayThatNoClockShowedHasANumberAndNoTime) {
  const BucketRule day = Calendar(CalendarUnit::kDay, "Pacific/Apia");
  constexpr int64_t kLeftOut = 15338;  // 2011-12-30
  EXPECT_EQ(day.Bucket(At("2011-12-29T23:59:59-10:00")), kLeftOut - 1);
  EXPECT_EQ(day.Bucket(At("2011-12-31T00:00:00+14:00")), kLeftOut + 1);
  EXPECT_EQ(day.StartMicros(kLeftOut), day.EndMicros(kLeftOut));
  EXPECT_EQ(day.FormatEnd(kLeftOut - 1), "2011-12-31T00:00:00+14:00");
  EXPECT_EQ(day.FormatStart(kLeftOut + 1), "2011-12-31T00:00:00+14:00");
  EXPECT_EQ(day.BucketFrom({.micros = At("2011-12-30"), .local = true}), kLeftOut);
}

TEST(CalendarTest, OffsetsOfSecondsAreWrittenSo) {
  const BucketRule month = Calendar(CalendarUnit::kMonth, "Africa/Monrovia");
  EXPECT_EQ(month.FormatStart(1), "1970-02-01T00:00:00-00:44:30");
  const auto again = ParseEventTime("1970-02-01T00:00:00-00:44:30");
  EXPECT_EQ(again, month.StartMicros(1));
}

TEST(CalendarTest, WhatIsKeptIsCountedBackFromTheUnitOfTheNewest) {
  const auto first = [](CalendarUnit unit, TimeLength keep, std::string_view newest) {
    const BucketRule rule = Calendar(unit, "UTC", keep);
    return rule.FormatStart(rule.FirstKept(At(newest))).substr(0, 10);
  };
  EXPECT_EQ(first(CalendarUnit::kDay, Days(90), "2026-04-10T12:00:00Z"), "2026-01-10");
  EXPECT_EQ(first(CalendarUnit::kDay, Months(1), "2026-03-31T12:00:00Z"), "2026-02-28");
  EXPECT_EQ(first(CalendarUnit::kDay, Months(1), "2024-03-31T12:00:00Z"), "2024-02-29");
  EXPECT_EQ(first(CalendarUnit::kDay, Months(12), "2024-02-29T12:00:00Z"), "2023-02-28");
  EXPECT_EQ(first(CalendarUnit::kMonth, Months(13), "2026-03-31T12:00:00Z"), "2025-02-01");
  EXPECT_EQ(first(CalendarUnit::kMonth, Days(7), "2026-03-31T12:00:00Z"), "2026-02-01");
  EXPECT_EQ(first(CalendarUnit::kWeek, Days(14), "2026-11-29T12:00:00Z"), "2026-11-09");
  EXPECT_EQ(first(CalendarUnit::kYear, Months(24), "2026-11-29T12:00:00Z"), "2024-01-01");
  EXPECT_EQ(Calendar(CalendarUnit::kDay).FirstKept(At("2026-01-01")), INT64_MIN);
}

TEST(CalendarTest, MonthsAreKeptOfFixedWindowsToo) {
  const BucketRule hour{.every = 3600, .keep = Months(1)};
  // An hour that ends there is kept, like windows of any other length.
  EXPECT_EQ(hour.FormatEnd(hour.FirstKept(At("2026-03-31T12:34:56Z"))), "2026-02-28T00:00:00Z");
}

TEST(CalendarTest, WhatIsExpiredStaysExpired) {
  for (const char* zone : {"America/St_Johns", "Pacific/Apia", "Europe/Berlin", "Asia/Manila"}) {
    for (const CalendarUnit unit : kUnits) {
      const BucketRule rule = Calendar(unit, zone, Months(1));
      int64_t floor = INT64_MIN;
      // The first span of a day may be a minute long.
      const int64_t night = At("2010-11-07T02:00:00Z");
      for (int64_t micros = At("2010-01-01"); micros < At("2012-03-01");
           micros += (micros < night || micros > night + 7200 * kSecond ? 721 : 10) * kSecond) {
        const int64_t first = rule.FirstKept(micros);
        ASSERT_GE(first, floor) << zone << " " << FormatTime(micros);
        floor = first;
      }
    }
  }
}

TEST(CalendarTest, TheLastWindowsAreSoManyNumbers) {
  const auto first = [](CalendarUnit unit, TimeLength length, std::string_view newest) {
    const BucketRule rule = Calendar(unit, "Pacific/Apia");
    const int64_t micros = At(newest);
    return rule.Bucket(micros) - rule.FirstOfLast(length, rule.Bucket(micros), micros) + 1;
  };
  EXPECT_EQ(first(CalendarUnit::kDay, Days(7), "2012-01-02T12:00:00+14:00"), 7);
  EXPECT_EQ(first(CalendarUnit::kDay, Months(1), "2012-03-31T12:00:00+14:00"), 31);
  EXPECT_EQ(first(CalendarUnit::kMonth, Months(3), "2012-03-31T12:00:00+14:00"), 3);
  EXPECT_EQ(first(CalendarUnit::kMonth, Days(1), "2012-03-31T12:00:00+14:00"), 1);
  EXPECT_EQ(first(CalendarUnit::kWeek, Days(10), "2012-03-31T12:00:00+14:00"), 2);
  EXPECT_EQ(first(CalendarUnit::kYear, Months(12), "2012-03-31T12:00:00+14:00"), 1);
  const BucketRule hour{.every = 3600};
  const int64_t newest = At("2026-03-31T12:34:56Z");
  EXPECT_EQ(hour.FormatStart(hour.FirstOfLast(Months(1), hour.Bucket(newest), newest)),
            "2026-02-28T13:00:00Z");
}

TEST(CalendarTest, ALocalTimeMeansAnInstant) {
  const BucketRule hour{.every = 3600, .zone = *SystemZone("Europe/Berlin")};
  const auto instant = [&hour](std::string_view text) {
    return FormatTime(hour.InstantOf({.micros = At(text), .local = true}));
  };
  EXPECT_EQ(instant("2026-07-01T12:00:00.5"), "2026-07-01T10:00:00.5Z");
  EXPECT_EQ(instant("2026-10-25T02:30:00"), "2026-10-25T00:30:00Z");    // the first of two
  EXPECT_EQ(instant("2026-03-29T02:30:00.5"), "2026-03-29T01:00:00Z");  // there is none
}

TEST(CalendarTest, TheFinderFindsWhatTheRuleSays) {
  std::mt19937_64 random(1);
  for (const char* zone : {"America/St_Johns", "Pacific/Apia", "Africa/Casablanca", "UTC"}) {
    for (const CalendarUnit unit : kUnits) {
      const BucketRule rule = Calendar(unit, zone);
      BucketFinder finder(&rule);
      int64_t micros = At("2010-11-07");
      for (int i = 0; i < 20'000; ++i) {
        const bool far = random() % 100 == 0;
        const int64_t step = static_cast<int64_t>(random() % (kDay * (far ? 20'000 : 1))) * kSecond;
        micros = far ? static_cast<int64_t>(random() % (4'000'000'000 * kSecond)) : micros + step;
        ASSERT_EQ(finder.Find(micros), rule.Bucket(micros)) << zone << " " << FormatTime(micros);
      }
    }
  }
}

// From a damaged state.
TEST(CalendarTest, NoBucketIsTooFarToBeWritten) {
  for (const CalendarUnit unit : kUnits) {
    const BucketRule rule = Calendar(unit, "America/New_York");
    for (const int64_t bucket : {-kBucketBias, kBucketBias - 1, INT64_MIN, INT64_MAX - 1}) {
      EXPECT_FALSE(rule.FormatStart(bucket).empty());
      EXPECT_FALSE(rule.FormatEnd(bucket).empty());
    }
  }
}

TEST(ZoneTest, RulesRepeatFor400YearsAndOn) {
  const auto zone = *SystemZone("Europe/Berlin");
  for (const char* text : {"2100", "2399", "2437", "2438", "2600", "2837", "9999"}) {
    const auto hours = [&](const char* day) {
      return zone->PeriodAt(At(std::string(text) + day) / kSecond).offset / 3600;
    };
    EXPECT_EQ(hours("-07-01"), 2) << text;
    EXPECT_EQ(hours("-12-15"), 1) << text;
  }
}

TEST(ZoneTest, SaysFromWhenOnAnotherDiffers) {
  const auto berlin = *SystemZone("Europe/Berlin");
  const auto paris = *SystemZone("Europe/Paris");
  const int64_t from = At("1980-01-01") / kSecond;
  const int64_t until = At("2500-01-01") / kSecond;
  EXPECT_EQ(berlin->FirstDifference(*paris, from, until), until);
  EXPECT_EQ(
      berlin->FirstDifference(**SystemZone("Europe/Istanbul"), At("1990-01-01") / kSecond, until),
      At("1990-01-01") / kSecond);
}

TEST(ZoneTest, RefusesWhatAreNoRules) {
  EXPECT_EQ(Zone::Make("a", "").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(Zone::Make("a", std::string(100, 'x')).status().code(), Code::kInvalidArgument);
  std::string rules = *ReadZoneRules("Europe/Berlin");
  EXPECT_EQ(Zone::Make("a", rules.substr(0, 60)).status().code(), Code::kInvalidArgument);
  rules[31] = 1;  // says that it counts a leap second
  EXPECT_THAT(Zone::Make("a", rules).status().message(), ::testing::HasSubstr("leap seconds"));
}

TEST(ZoneTest, DamagedRulesAreRefusedOrAreRules) {
  std::mt19937_64 random(1);
  for (const char* name : {"Europe/Berlin", "America/St_Johns", "Africa/Casablanca", "Etc/GMT+5"}) {
    const std::string rules = *ReadZoneRules(name);
    for (int i = 0; i < 300; ++i) {
      std::string damaged =
          rules.substr(0, random() % 4 == 0 ? random() % rules.size() : rules.npos);
      for (size_t n = random() % 4; n > 0 && !damaged.empty(); --n) {
        damaged[random() % damaged.size()] = static_cast<char>(random());
      }
      const auto zone = Zone::Make(name, damaged);
      if (!zone.ok()) continue;
      for (int64_t second = -3'000'000'000; second < 8'000'000'000; second += 9'999'999) {
        const Zone::Period period = (*zone)->PeriodAt(second);
        ASSERT_TRUE(period.Contains(second));
        const int64_t local = second + period.offset;
        const int64_t first = (*zone)->FirstAtOrAfter(local);
        ASSERT_LE(first, second);
        ASSERT_GE((*zone)->LocalAt(first), local);
        ASSERT_LT((*zone)->LocalAt(first - 1), local);
        const int64_t end = (*zone)->EndBefore(local + 1);
        ASSERT_GT(end, second);
        ASSERT_LE((*zone)->LocalAt(end - 1), local);
        ASSERT_GT((*zone)->LocalAt(end), local);
      }
    }
  }
}

TEST(ZoneTest, NamesNoFileButAZones) {
  for (const char* name :
       {"", "/etc/passwd", "../zoneinfo/Europe/Berlin", "Europe/../UTC", "right/Europe/Berlin",
        "posix/UTC", "localtime", "tzdata.zi", "Europe", "Europe/", "europe/berlin", "zone.tab"}) {
    EXPECT_EQ(ReadZoneRules(name).status().code(), Code::kInvalidArgument) << name;
  }
}

TEST(ZoneTest, TimesOfUtcEndWithZ) {
  EXPECT_EQ(FormatTimeIn(**SystemZone("Etc/UTC"), 0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatTimeIn(*Zone::Utc(), 0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatTimeIn(**SystemZone("Europe/London"), At("2026-01-01")),
            "2026-01-01T00:00:00+00:00");
}

TEST(BucketRuleTest, BucketsAreAlignedToTheEpochAndTheOffset) {
  const BucketRule day{.every = 86400};
  EXPECT_EQ(day.Bucket(0), 0);
  EXPECT_EQ(day.Bucket(86400LL * 1000000 - 1), 0);
  EXPECT_EQ(day.Bucket(86400LL * 1000000), 1);
  EXPECT_EQ(day.Bucket(-1), -1);
  const BucketRule shifted{.every = 86400, .offset = 3600};
  EXPECT_EQ(shifted.Bucket(3599LL * 1000000), -1);
  EXPECT_EQ(shifted.Bucket(3600LL * 1000000), 0);
  EXPECT_EQ(shifted.StartMicros(2), (3600 + 2 * 86400) * int64_t{1000000});
}

TEST(BucketRuleTest, ABucketExpiresWhenItsEndIsOlderThanNewestMinusKeep) {
  for (const int64_t offset : {0, 3, -3}) {
    for (const int64_t keep : {0, 1, 9, 10, 25}) {
      const BucketRule rule{
          .every = 10, .offset = offset, .keep = TimeLength{.rest = std::chrono::seconds(keep)}};
      for (int64_t second = -50; second < 50; ++second) {
        int64_t expected = -100;
        while (rule.offset + (expected + 1) * rule.every < second - keep) ++expected;
        ASSERT_EQ(rule.FirstKept(second * 1000000), expected)
            << offset << " " << keep << " " << second;
        ASSERT_EQ(rule.FirstKept(second * 1000000 + 999999), expected);
      }
    }
  }
  EXPECT_EQ((BucketRule{.every = 10}).FirstKept(1), INT64_MIN);
  EXPECT_EQ(
      (BucketRule{.every = 10, .offset = 0, .keep = TimeLength{.rest = std::chrono::seconds(5)}})
          .FirstKept(INT64_MIN),
      INT64_MIN);
}

TEST(BucketRuleTest, NoEventTimeWrapsItsBucket) {
  for (const int64_t every :
       {int64_t{1}, int64_t{60}, int64_t{86400}, int64_t{604800}, int64_t{36525} * 86400}) {
    for (const int64_t offset : {int64_t{0}, every - 1}) {
      const BucketRule rule{.every = every, .offset = offset};
      for (const int64_t time : {kEventTimeMin, int64_t{-1}, int64_t{0}, kEventTimeMax}) {
        const int64_t bucket = rule.Bucket(time);
        std::string key(1, 'k');
        AppendBucket(bucket, &key);
        EXPECT_EQ(BucketOfKey(key), bucket) << every << " " << time;
        EXPECT_LE(rule.StartMicros(bucket), time) << every;
        EXPECT_GT(rule.StartMicros(bucket + 1), time) << every;
      }
    }
  }
}

TEST(BucketRuleTest, ABucketThatBeginsBeyond64BitsBeginsAtAnInfinity) {
  const BucketRule week{.every = 7 * 86400};
  EXPECT_EQ(week.StartMicros(kBucketBias - 1), kTimeInfinity);
  EXPECT_EQ(week.StartMicros(-kBucketBias), kTimeMinusInfinity);
}

}  // namespace
}  // namespace murmur
