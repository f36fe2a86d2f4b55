// Windows of event time, and the buckets that they are counted in.
//
// A window has a fixed length (1h, 7d, from the Unix epoch on) or is a unit of the calendar in a
// time zone: a day, a week from Monday on, a month, a quarter, half a year, a year. Its bucket is a
// number: of windows of a fixed length, how many lie between the epoch and it; of the calendar, the
// unit's own number (days since 1970-01-01, months since January 1970, …), whatever instants it
// holds. So a day has a number where its clocks never showed it; and where clocks are put back over
// midnight, a later instant has an earlier bucket, and a day is two spans of time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace murmur {

class Zone;

enum class CalendarUnit : uint8_t { kNone, kDay, kWeek, kMonth, kQuarter, kHalfYear, kYear };

// "1d", "1w", "1mo", "3mo", "6mo", "1y"; "" for kNone.
std::string_view CalendarUnitName(CalendarUnit unit) noexcept;
// The unit that CalendarUnitName names so.
std::optional<CalendarUnit> ParseCalendarUnit(std::string_view name) noexcept;

// A length of time as people say it: months of the calendar, and beside them what has a fixed
// length. 13mo is {13, 0 s}.
struct TimeLength {
  int64_t months = 0;
  std::chrono::seconds rest{0};
  bool operator==(const TimeLength&) const = default;
};

// An instant (µs since the epoch), or a time on the clocks of the windows' zone (µs, as if it were
// UTC): what a date without a zone is.
struct TimeBorder {
  int64_t micros = 0;
  bool local = false;
  bool operator==(const TimeBorder&) const = default;
};

// Which buckets a version has, and how long it keeps them.
struct BucketRule {
  int64_t every = 0;  // seconds of a window of fixed length, else 0
  int64_t offset = 0;
  CalendarUnit unit = CalendarUnit::kNone;
  std::optional<TimeLength> keep;  // empty: for ever
  // Units are of its calendar, and windows are written in it; null: UTC.
  std::shared_ptr<const Zone> zone;

  bool windowed() const noexcept { return every > 0 || unit != CalendarUnit::kNone; }
  bool calendar() const noexcept { return unit != CalendarUnit::kNone; }

  // The bucket that holds `micros`; of an event time it fits a key. REQUIRES: windowed()
  int64_t Bucket(int64_t micros) const noexcept;
  // The greatest of the times until `micros`, the least of those from it on.
  int64_t GreatestBucketUntil(int64_t micros) const noexcept;
  int64_t LeastBucketFrom(int64_t micros) const noexcept;

  // Its first instant, and the one after its last, in µs: equal, if no clock showed it. An infinity
  // where 64 bits end.
  int64_t StartMicros(int64_t bucket) const noexcept;
  int64_t EndMicros(int64_t bucket) const noexcept;
  // As people read them: "2026-03-01T00:00:00+01:00".
  std::string FormatStart(int64_t bucket) const;
  std::string FormatEnd(int64_t bucket) const;

  // The first bucket that is not expired when the newest event time is `newest_micros`
  // (INT64_MIN: none is known). Never falls as time goes on.
  // A bucket of a fixed length is expired when its end is older than the newest event time minus
  // `keep`; months are taken off its date in UTC. One of the calendar is expired when it lies
  // before the one that holds the first day of the newest event's minus `keep`.
  int64_t FirstKept(int64_t newest_micros) const noexcept;
  // The first of the buckets that make up the `length` that ends with `last`, whose newest time is
  // `micros`.
  int64_t FirstOfLast(const TimeLength& length, int64_t last, int64_t micros) const noexcept;

  // The first bucket of the times from `from` on, and the one after the last of those before
  // `until`.
  int64_t BucketFrom(const TimeBorder& from) const noexcept;
  int64_t BucketUntil(const TimeBorder& until) const noexcept;
  // The instant that is meant; of a local time that there is twice, the first; of one that there is
  // not, the next.
  int64_t InstantOf(const TimeBorder& border) const noexcept;

  // But for `keep`, and for what is only shown.
  bool SameBuckets(const BucketRule& other) const noexcept {
    return every == other.every && offset == other.offset && unit == other.unit;
  }
  bool operator==(const BucketRule&) const = default;
};

// Finds the buckets of times that mostly lie near each other. Threads: one.
class BucketFinder {
 public:
  explicit BucketFinder(const BucketRule* rule) : rule_(*rule) {}

  // REQUIRES: rule->windowed()
  int64_t Find(int64_t micros) noexcept {
    if (micros < start_ || micros >= end_) FindSpan(micros);
    return bucket_;
  }

 private:
  void FindSpan(int64_t micros) noexcept;

  const BucketRule& rule_;
  // A span of time whose instants all have `bucket_`: not always all of the bucket's. µs
  int64_t start_ = 0;
  int64_t end_ = 0;
  int64_t bucket_ = 0;
  // Of the zone, and in seconds: where its clocks run on evenly.
  int64_t period_start_ = 0;
  int64_t period_end_ = 0;
  int64_t period_offset_ = 0;
};

}  // namespace murmur
