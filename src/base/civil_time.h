// The civil parts of a time: proleptic Gregorian calendar, UTC, days of 86,400 seconds.
//
// Exact for every int64 of microseconds except the two infinities, which have no parts.
// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil and
// civil_from_days; 64 bits of microseconds reach farther than std::chrono::year. Weeks: ISO 8601.
// Threads: pure functions.
#pragma once

#include <cstdint>

#include "murmur/record.h"

namespace murmur {

inline constexpr int64_t kMicrosPerSecond = 1000000;
inline constexpr int64_t kMicrosPerMinute = 60 * kMicrosPerSecond;
inline constexpr int64_t kMicrosPerHour = 60 * kMicrosPerMinute;
inline constexpr int64_t kMicrosPerDay = 24 * kMicrosPerHour;
inline constexpr int64_t kSecondsPerDay = kMicrosPerDay / kMicrosPerSecond;

// Finite times lie within ± this limit, about the years -290307 to 294246, the range of 64 bits.
// PostgreSQL and Debezium write their infinities as numbers at this limit.
inline constexpr int64_t kFiniteTimeLimit = 9223371244800000000;  // 294247-01-01T00:00:00Z
constexpr int64_t SaturateTime(Int128 micros) noexcept {
  if (micros >= kFiniteTimeLimit) return kTimeInfinity;
  if (micros <= -kFiniteTimeLimit) return kTimeMinusInfinity;
  return static_cast<int64_t>(micros);
}

struct CivilDate {
  int64_t year = 0;  // astronomical: 0 is 1 BC
  int month = 0;     // 1 to 12
  int day = 0;       // 1 to 31
  bool operator==(const CivilDate&) const = default;
};

namespace civil_internal {
constexpr int64_t FloorDiv(int64_t a, int64_t b) noexcept { return a / b - (a % b < 0 ? 1 : 0); }
constexpr int64_t Modulo(int64_t a, int64_t b) noexcept { return a % b + (a % b < 0 ? b : 0); }
}  // namespace civil_internal

constexpr bool IsLeapYear(int64_t year) noexcept {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

// REQUIRES: 1 <= month <= 12
constexpr int DaysInMonth(int64_t year, int month) noexcept {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && IsLeapYear(year) ? 29 : kDays[month - 1];
}

// Days since 1970-01-01. REQUIRES: a date, of a year within ±1,000,000,000
constexpr int64_t DaysFromCivil(const CivilDate& date) noexcept {
  const int64_t year = date.year - (date.month <= 2 ? 1 : 0);
  const int64_t era = civil_internal::FloorDiv(year, 400);
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year =
      (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

constexpr CivilDate CivilFromDays(int64_t days) noexcept {
  const int64_t shifted = days + 719468;
  const int64_t era = civil_internal::FloorDiv(shifted, 146097);
  const auto day_of_era = static_cast<uint32_t>(shifted - era * 146097);
  const uint32_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const uint32_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint32_t shifted_month = (5 * day_of_year + 2) / 153;
  const auto month = static_cast<int>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  const auto day = static_cast<int>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  return {int64_t{year_of_era} + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

// The functions below: REQUIRES: !IsInfiniteTime(micros)

// Days since 1970-01-01.
constexpr int64_t DaysOf(int64_t micros) noexcept {
  return civil_internal::FloorDiv(micros, kMicrosPerDay);
}
// Microseconds since the day's midnight.
constexpr int64_t MicrosOfDay(int64_t micros) noexcept {
  return civil_internal::Modulo(micros, kMicrosPerDay);
}
constexpr CivilDate DateOf(int64_t micros) noexcept { return CivilFromDays(DaysOf(micros)); }

constexpr int64_t YearOf(int64_t micros) noexcept { return DateOf(micros).year; }
constexpr int QuarterOf(int64_t micros) noexcept { return (DateOf(micros).month + 2) / 3; }
constexpr int MonthOf(int64_t micros) noexcept { return DateOf(micros).month; }
constexpr int DayOfMonth(int64_t micros) noexcept { return DateOf(micros).day; }
constexpr int HourOf(int64_t micros) noexcept {
  return static_cast<int>(MicrosOfDay(micros) / kMicrosPerHour);
}
constexpr int MinuteOf(int64_t micros) noexcept {
  return static_cast<int>(MicrosOfDay(micros) / kMicrosPerMinute % 60);
}
// Whole seconds, 0 to 59.
constexpr int SecondOf(int64_t micros) noexcept {
  return static_cast<int>(MicrosOfDay(micros) / kMicrosPerSecond % 60);
}

constexpr int DayOfWeekOfDays(int64_t days) noexcept {
  return static_cast<int>(civil_internal::Modulo(days + 3, 7)) + 1;  // day 0 is a Thursday
}
// Monday is 1, Sunday is 7.
constexpr int DayOfWeek(int64_t micros) noexcept { return DayOfWeekOfDays(DaysOf(micros)); }

constexpr int DayOfYearOfDays(int64_t days) noexcept {
  return static_cast<int>(days - DaysFromCivil({CivilFromDays(days).year, 1, 1})) + 1;
}
// 1 to 366.
constexpr int DayOfYear(int64_t micros) noexcept { return DayOfYearOfDays(DaysOf(micros)); }

// 1 to 53: the week belongs to the year of its Thursday.
constexpr int IsoWeek(int64_t micros) noexcept {
  const int64_t days = DaysOf(micros);
  return (DayOfYearOfDays(days - DayOfWeekOfDays(days) + 4) - 1) / 7 + 1;
}

// The midnight that begins the day. Midnight of the first day does not fit 64 bits: times on it
// give kTimeMinusInfinity, which keeps the order.
constexpr int64_t MidnightOf(int64_t micros) noexcept {
  int64_t midnight = 0;
  return __builtin_sub_overflow(micros, MicrosOfDay(micros), &midnight) ? kTimeMinusInfinity
                                                                        : midnight;
}

}  // namespace murmur
