#include "base/civil_time.h"

#include <gtest/gtest.h>

#include <ctime>
#include <random>
#include <string>

#include "murmur/key.h"

namespace murmur {
namespace {

// Computed with Python's datetime: year … second, isoweekday(), tm_yday, isocalendar() and the
// midnight.
constexpr struct {
  int64_t micros, year;
  int quarter, month, day, hour, minute, second, day_of_week, day_of_year, iso_week;
  int64_t midnight;
} kByPython[] = {
    {-62135596800000000, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, -62135596800000000},
    {253402300799999999, 9999, 4, 12, 31, 23, 59, 59, 5, 365, 52, 253402214400000000},
    {-1, 1969, 4, 12, 31, 23, 59, 59, 3, 365, 1, -86400000000},
    {0, 1970, 1, 1, 1, 0, 0, 0, 4, 1, 1, 0},
    {1709208000000000, 2024, 1, 2, 29, 12, 0, 0, 4, 60, 9, 1709164800000000},
    {-2203973877000000, 1900, 1, 2, 28, 1, 2, 3, 3, 59, 9, -2203977600000000},
    {951782400000000, 2000, 1, 2, 29, 0, 0, 0, 2, 60, 9, 951782400000000},
    {1609390800000000, 2020, 4, 12, 31, 5, 0, 0, 4, 366, 53, 1609372800000000},
    {1609632000000000, 2021, 1, 1, 3, 0, 0, 0, 7, 3, 53, 1609632000000000},
    {1609718400000000, 2021, 1, 1, 4, 0, 0, 0, 1, 4, 1, 1609718400000000},
    {-12219724800000000, 1582, 4, 10, 10, 0, 0, 0, 7, 283, 40, -12219724800000000},
    {1798675200000000, 2026, 4, 12, 31, 0, 0, 0, 4, 365, 53, 1798675200000000},
    {1798761600000000, 2027, 1, 1, 1, 0, 0, 0, 5, 1, 53, 1798761600000000},
    {-62009452800000000, 4, 4, 12, 31, 0, 0, 0, 5, 366, 53, -62009452800000000},
    {-49539340800000000, 400, 1, 2, 29, 0, 0, 0, 2, 60, 9, -49539340800000000},
    {19511124493292837, 2588, 2, 4, 13, 4, 48, 13, 7, 104, 15, 19511107200000000},
    {25088531023155210, 2765, 1, 1, 9, 12, 23, 43, 6, 9, 1, 25088486400000000},
    {88980042818662641, 4789, 3, 8, 31, 14, 33, 38, 4, 243, 35, 88979990400000000},
    {160745647644285674, 7063, 4, 10, 30, 0, 47, 24, 5, 303, 44, 160745644800000000},
    {765727138490888, 1994, 2, 4, 7, 13, 58, 58, 4, 97, 14, 765676800000000},
    {57297677071301825, 3785, 3, 9, 9, 13, 24, 31, 5, 252, 36, 57297628800000000},
    {175258199577321963, 7523, 3, 9, 18, 9, 12, 57, 2, 261, 38, 175258166400000000},
    {-43074951279320052, 605, 1, 1, 4, 7, 45, 20, 5, 4, 1, -43074979200000000},
    {-19664363323553741, 1346, 4, 11, 11, 4, 51, 16, 5, 315, 45, -19664380800000000},
    {47905441085942773, 3488, 1, 1, 24, 2, 58, 5, 2, 24, 4, 47905430400000000},
    {76972805406783003, 4409, 1, 3, 3, 22, 50, 6, 2, 62, 10, 76972723200000000},
    {-991757140189184, 1938, 3, 7, 29, 7, 54, 19, 5, 210, 30, -991785600000000},
    {49205113571980335, 3529, 2, 4, 1, 15, 6, 11, 1, 91, 14, 49205059200000000},
    {234258613924171839, 9393, 2, 5, 11, 13, 12, 4, 6, 131, 19, 234258566400000000},
    {36064424210363965, 3112, 4, 11, 2, 7, 36, 50, 6, 307, 44, 36064396800000000},
    {122936934192228164, 5865, 3, 9, 19, 4, 23, 12, 2, 262, 38, 122936918400000000},
    {55685488576542775, 3734, 3, 8, 8, 23, 16, 16, 7, 220, 31, 55685404800000000},
    {218517104457221028, 8894, 3, 7, 13, 3, 40, 57, 2, 194, 28, 218517091200000000},
    {192530789820058896, 8071, 1, 1, 21, 14, 57, 0, 3, 21, 4, 192530736000000000},
    {77486129415284281, 4425, 2, 6, 9, 4, 50, 15, 1, 160, 24, 77486112000000000},
    {43776730633339229, 3357, 1, 3, 25, 2, 57, 13, 5, 84, 12, 43776720000000000},
    {184804298369138799, 7826, 1, 3, 20, 15, 19, 29, 1, 79, 12, 184804243200000000},
    {470668505126564, 1984, 4, 11, 30, 13, 15, 5, 5, 335, 48, 470620800000000},
    {84165063201319228, 4637, 1, 1, 31, 16, 13, 21, 2, 31, 5, 84165004800000000},
    {-6860605322963123, 1752, 3, 8, 5, 20, 17, 57, 6, 218, 31, -6860678400000000},
};

TEST(CivilTimeTest, PartsAreThoseOfPython) {
  for (const auto& row : kByPython) {
    SCOPED_TRACE(FormatTime(row.micros));
    EXPECT_EQ(YearOf(row.micros), row.year);
    EXPECT_EQ(QuarterOf(row.micros), row.quarter);
    EXPECT_EQ(MonthOf(row.micros), row.month);
    EXPECT_EQ(DayOfMonth(row.micros), row.day);
    EXPECT_EQ(HourOf(row.micros), row.hour);
    EXPECT_EQ(MinuteOf(row.micros), row.minute);
    EXPECT_EQ(SecondOf(row.micros), row.second);
    EXPECT_EQ(DayOfWeek(row.micros), row.day_of_week);
    EXPECT_EQ(DayOfYear(row.micros), row.day_of_year);
    EXPECT_EQ(IsoWeek(row.micros), row.iso_week);
    EXPECT_EQ(MidnightOf(row.micros), row.midnight);
  }
}

int IsoWeekOfTheCLibrary(const std::tm& broken) {
  char text[8];
  std::strftime(text, sizeof text, "%V", &broken);
  return std::stoi(text);
}

TEST(CivilTimeTest, AgreesWithTheCLibraryOverTheWholeRange) {
  constexpr uint64_t kSeed = 20260301;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  for (int i = 0; i < 50000; ++i) {
    int64_t micros = static_cast<int64_t>(random()) >> (random() % 40);
    if (i == 0) micros = INT64_MIN + 1;
    if (i == 1) micros = INT64_MAX - 1;
    if (IsInfiniteTime(micros)) continue;
    const std::time_t second = micros / 1000000 - (micros % 1000000 < 0 ? 1 : 0);
    std::tm broken{};
    gmtime_r(&second, &broken);
    ASSERT_EQ(YearOf(micros), int64_t{broken.tm_year} + 1900) << micros;
    ASSERT_EQ(MonthOf(micros), broken.tm_mon + 1) << micros;
    ASSERT_EQ(DayOfMonth(micros), broken.tm_mday) << micros;
    ASSERT_EQ(HourOf(micros), broken.tm_hour) << micros;
    ASSERT_EQ(MinuteOf(micros), broken.tm_min) << micros;
    ASSERT_EQ(SecondOf(micros), broken.tm_sec) << micros;
    ASSERT_EQ(DayOfWeek(micros) % 7, broken.tm_wday) << micros;
    ASSERT_EQ(DayOfYear(micros), broken.tm_yday + 1) << micros;
    ASSERT_EQ(IsoWeek(micros), IsoWeekOfTheCLibrary(broken)) << micros;
    ASSERT_EQ(DaysFromCivil(DateOf(micros)), DaysOf(micros)) << micros;
  }
}

TEST(CivilTimeTest, AMidnightBelow64BitsKeepsTheOrder) {
  // Midnights of the first and last days that 64 bits hold; computed with Python's integers.
  EXPECT_EQ(MidnightOf(INT64_MIN + 1), kTimeMinusInfinity);
  EXPECT_EQ(MidnightOf(-9223372022400000001), kTimeMinusInfinity);
  EXPECT_EQ(MidnightOf(-9223372022400000000), -9223372022400000000);
  EXPECT_EQ(MidnightOf(INT64_MAX - 1), 9223372022400000000);
}

TEST(CivilTimeTest, TheLimitsOfEventTimesAreTheYears1To9999) {
  EXPECT_EQ(FormatTime(kEventTimeMin), "0001-01-01T00:00:00Z");
  EXPECT_EQ(FormatTime(kEventTimeMax), "9999-12-31T23:59:59.999999Z");
  EXPECT_FALSE(IsEventTime(kEventTimeMin - 1));
  EXPECT_FALSE(IsEventTime(kEventTimeMax + 1));
}

}  // namespace
}  // namespace murmur
