#include "murmur/window.h"

#include <algorithm>
#include <array>

#include "base/civil_time.h"
#include "base/zone.h"
#include "murmur/key.h"

namespace murmur {
namespace {

using civil_internal::FloorDiv;

constexpr int64_t kDaysPerWeek = 7;
constexpr int64_t kMonthsPerYear = 12;
constexpr int64_t kFirstYear = 1970;
// The Monday of week 0, which holds 1970-01-01.
constexpr int64_t kFirstMonday = -3;
// No event time's bucket is a day this far away; keys of damaged states may hold any.
constexpr int64_t kDaysMax = 100'000'000;

constexpr auto kUnitNames =
    std::to_array<std::string_view>({"", "1d", "1w", "1mo", "3mo", "6mo", "1y"});

// For units that consist of months.
int64_t MonthsOf(CalendarUnit unit) {
  switch (unit) {
    case CalendarUnit::kMonth: return 1;
    case CalendarUnit::kQuarter: return 3;
    case CalendarUnit::kHalfYear: return 6;
    case CalendarUnit::kYear: return kMonthsPerYear;
    case CalendarUnit::kNone:
    case CalendarUnit::kDay:
    case CalendarUnit::kWeek: break;
  }
  return 0;
}

// Months since January 1970.
int64_t MonthOfDays(int64_t days) {
  const CivilDate date = CivilFromDays(days);
  return (date.year - kFirstYear) * kMonthsPerYear + date.month - 1;
}

CivilDate FirstOfMonth(int64_t month) {
  const int64_t year = FloorDiv(month, kMonthsPerYear);
  return {kFirstYear + year, static_cast<int>(month - year * kMonthsPerYear) + 1, 1};
}

// The number of the unit that the day is in.
int64_t UnitOfDay(CalendarUnit unit, int64_t days) {
  if (unit == CalendarUnit::kDay) return days;
  if (unit == CalendarUnit::kWeek) return FloorDiv(days - kFirstMonday, kDaysPerWeek);
  return FloorDiv(MonthOfDays(days), MonthsOf(unit));
}

int64_t FirstDayOf(CalendarUnit unit, int64_t number) {
  number = std::clamp(number, -kDaysMax, kDaysMax);
  if (unit == CalendarUnit::kDay) return number;
  if (unit == CalendarUnit::kWeek) return number * kDaysPerWeek + kFirstMonday;
  return DaysFromCivil(FirstOfMonth(number * MonthsOf(unit)));
}

// The same day of the month `months` months earlier; the month's last day if it has no such day.
int64_t MonthsBefore(int64_t days, int64_t months) {
  const int day = CivilFromDays(days).day;
  CivilDate date = FirstOfMonth(MonthOfDays(days) - months);
  date.day = std::min(day, DaysInMonth(date.year, date.month));
  return DaysFromCivil(date);
}

int64_t DaysBefore(int64_t days, const TimeLength& length) {
  return MonthsBefore(days, length.months) - length.rest.count() / kSecondsPerDay;
}

int64_t UnixSecond(int64_t micros) { return FloorDiv(micros, kMicrosPerSecond); }

int64_t MicrosOf(int64_t second) { return SaturateTime(Int128{second} * kMicrosPerSecond); }

const Zone& ZoneOf(const BucketRule& rule) { return rule.zone ? *rule.zone : *Zone::Utc(); }

int64_t UnitOfLocal(CalendarUnit unit, int64_t local) {
  return UnitOfDay(unit, FloorDiv(local, kSecondsPerDay));
}

}  // namespace

std::string_view CalendarUnitName(CalendarUnit unit) noexcept {
  return kUnitNames[static_cast<size_t>(unit)];
}

std::optional<CalendarUnit> ParseCalendarUnit(std::string_view name) noexcept {
  const auto found = std::find(kUnitNames.begin() + 1, kUnitNames.end(), name);
  if (found == kUnitNames.end()) return std::nullopt;
  return static_cast<CalendarUnit>(found - kUnitNames.begin());
}

// Windows of a second over all event times fit a key's bucket.
static_assert(kEventTimeMax / kMicrosPerSecond < kBucketBias &&
              kEventTimeMin / kMicrosPerSecond > -kBucketBias);

int64_t BucketRule::Bucket(int64_t micros) const noexcept {
  const int64_t second = UnixSecond(micros);
  if (!calendar()) return FloorDiv(second - offset, every);
  return UnitOfLocal(unit, ZoneOf(*this).LocalAt(second));
}

int64_t BucketRule::GreatestBucketUntil(int64_t micros) const noexcept {
  if (!calendar()) return Bucket(micros);
  return UnitOfLocal(unit, ZoneOf(*this).GreatestLocalUntil(UnixSecond(micros)));
}

int64_t BucketRule::LeastBucketFrom(int64_t micros) const noexcept {
  if (!calendar()) return Bucket(micros);
  return UnitOfLocal(unit, ZoneOf(*this).LeastLocalFrom(UnixSecond(micros)));
}

int64_t BucketRule::StartMicros(int64_t bucket) const noexcept {
  if (!calendar()) return SaturateTime((Int128{bucket} * every + offset) * kMicrosPerSecond);
  return MicrosOf(ZoneOf(*this).FirstAtOrAfter(FirstDayOf(unit, bucket) * kSecondsPerDay));
}

int64_t BucketRule::EndMicros(int64_t bucket) const noexcept {
  if (!calendar()) return StartMicros(bucket + 1);
  return MicrosOf(ZoneOf(*this).EndBefore(FirstDayOf(unit, bucket + 1) * kSecondsPerDay));
}

std::string BucketRule::FormatStart(int64_t bucket) const {
  return FormatTimeIn(ZoneOf(*this), StartMicros(bucket));
}

std::string BucketRule::FormatEnd(int64_t bucket) const {
  return FormatTimeIn(ZoneOf(*this), EndMicros(bucket));
}

int64_t BucketRule::FirstKept(int64_t newest_micros) const noexcept {
  if (!keep || newest_micros == INT64_MIN) return INT64_MIN;
  if (calendar()) {
    const int64_t first_day = FirstDayOf(unit, GreatestBucketUntil(newest_micros));
    return UnitOfDay(unit, DaysBefore(first_day, *keep));
  }
  int64_t second = UnixSecond(newest_micros);
  if (keep->months != 0) {
    second = MonthsBefore(FloorDiv(second, kSecondsPerDay), keep->months) * kSecondsPerDay;
  }
  const int64_t limit = second - keep->rest.count();  // kept: end >= limit
  return FloorDiv(limit - offset + every - 1, every) - 1;
}

int64_t BucketRule::FirstOfLast(const TimeLength& length, int64_t last,
                                int64_t micros) const noexcept {
  if (calendar()) return UnitOfDay(unit, DaysBefore(FirstDayOf(unit, last), length)) + 1;
  if (length.months == 0) return last - (length.rest.count() + every - 1) / every + 1;
  const int64_t second = UnixSecond(micros);
  const int64_t days = FloorDiv(second, kSecondsPerDay);
  const int64_t before = second - (days - MonthsBefore(days, length.months)) * kSecondsPerDay;
  return FloorDiv(before - length.rest.count() - offset, every) + 1;
}

int64_t BucketRule::BucketFrom(const TimeBorder& from) const noexcept {
  if (calendar() && from.local) return UnitOfLocal(unit, UnixSecond(from.micros));
  return LeastBucketFrom(InstantOf(from));
}

int64_t BucketRule::BucketUntil(const TimeBorder& until) const noexcept {
  if (calendar() && until.local) return UnitOfLocal(unit, UnixSecond(until.micros - 1)) + 1;
  return GreatestBucketUntil(InstantOf(until) - 1) + 1;
}

int64_t BucketRule::InstantOf(const TimeBorder& border) const noexcept {
  if (!border.local) return border.micros;
  const int64_t second = UnixSecond(border.micros);
  const int64_t fraction = border.micros - second * kMicrosPerSecond;
  const int64_t instant = ZoneOf(*this).FirstAtOrAfter(second);
  const bool exists = ZoneOf(*this).LocalAt(instant) == second;
  return instant * kMicrosPerSecond + (exists ? fraction : 0);
}

void BucketFinder::FindFixed(int64_t micros) noexcept {
  // Up to this length of a window, 64 bits hold all µs near event times.
  constexpr int64_t kSecondsMax = 100'000'000'000;
  if (rule_.every > kSecondsMax) {
    bucket_ = rule_.Bucket(micros);
    start_ = rule_.StartMicros(bucket_);
    end_ = rule_.EndMicros(bucket_);
    return;
  }
  const int64_t width = rule_.every * kMicrosPerSecond;
  const int64_t origin = rule_.offset * kMicrosPerSecond;
  bucket_ = FloorDiv(micros - origin, width);
  start_ = origin + bucket_ * width;
  end_ = start_ + width;
}

void BucketFinder::FindSpan(int64_t micros) noexcept {
  if (!rule_.calendar()) return FindFixed(micros);
  const int64_t second = UnixSecond(micros);
  if (second < period_start_ || second >= period_end_) {
    const Zone::Period period = ZoneOf(rule_).PeriodAt(second);
    period_start_ = period.start;
    period_end_ = period.end;
    period_offset_ = period.offset;
  }
  bucket_ = UnitOfLocal(rule_.unit, second + period_offset_);
  const auto instant = [this](int64_t bucket) {
    return FirstDayOf(rule_.unit, bucket) * kSecondsPerDay - period_offset_;
  };
  start_ = MicrosOf(std::max(period_start_, instant(bucket_)));
  end_ = MicrosOf(std::min(period_end_, instant(bucket_ + 1)));
}

}  // namespace murmur
