// Windows of event time, and the buckets in which they are counted.
//
// A window has a fixed length (1h, 7d, counted from the Unix epoch) or is a calendar unit in a time
// zone: a day, a week from Monday on, a month, a quarter, half a year, a year. Its bucket is a
// number. For a fixed length: the number of windows between the epoch and it. For a calendar unit:
// the unit's own number (days since 1970-01-01, months since January 1970, …), whatever instants it
// holds. So a day that clocks skipped still has a number. If clocks are set back over midnight, a
// later instant can have an earlier bucket, and a day is two spans of time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "murmur/status.h"

namespace murmur {

// The rules of a time zone: how its clocks differ from UTC, and when.
class Zone;
// The zone that the system knows by this name, such as "Europe/Berlin". Errors: kInvalidArgument
// (no zone has this name), kNotFound (the system has no database of zones).
Result<std::shared_ptr<const Zone>> SystemZone(std::string_view name);

enum class CalendarUnit : uint8_t { kNone, kDay, kWeek, kMonth, kQuarter, kHalfYear, kYear };

// "1d", "1w", "1mo", "3mo", "6mo", "1y"; "" for kNone.
std::string_view CalendarUnitName(CalendarUnit unit) noexcept;
// The inverse of CalendarUnitName.
std::optional<CalendarUnit> ParseCalendarUnit(std::string_view name) noexcept;

// A length of time: calendar months, plus a fixed length. 13mo is {13, 0 s}.
struct TimeLength {
  int64_t months = 0;
  std::chrono::seconds rest{0};
  bool operator==(const TimeLength&) const = default;
};

// An instant (µs since the epoch), or a local time in the windows' zone (µs, as if it were UTC): a
// date without a zone is one.
struct TimeBorder {
  int64_t micros = 0;
  bool local = false;
  bool operator==(const TimeBorder&) const = default;
};

// How event time is divided into buckets, and how long buckets are kept.
struct BucketRule {
  int64_t every = 0;  // seconds of a fixed-length window, else 0
  int64_t offset = 0;
  CalendarUnit unit = CalendarUnit::kNone;
  std::optional<TimeLength> keep;  // empty: for ever
  // The time zone of the calendar, in which windows are also written; null: UTC.
  std::shared_ptr<const Zone> zone;

  bool windowed() const noexcept { return every > 0 || unit != CalendarUnit::kNone; }
  bool calendar() const noexcept { return unit != CalendarUnit::kNone; }

  // The bucket that holds `micros`. For an event time it fits a key. REQUIRES: windowed()
  int64_t Bucket(int64_t micros) const noexcept;
  // The greatest bucket of all times up to `micros`; and the least bucket of all times from it on.
  int64_t GreatestBucketUntil(int64_t micros) const noexcept;
  int64_t LeastBucketFrom(int64_t micros) const noexcept;

  // The bucket's first instant, and the one after its last, in µs. Equal if clocks skipped it.
  // Infinite if 64 bits can't hold it.
  int64_t StartMicros(int64_t bucket) const noexcept;
  int64_t EndMicros(int64_t bucket) const noexcept;
  // For people: "2026-03-01T00:00:00+01:00".
  std::string FormatStart(int64_t bucket) const;
  std::string FormatEnd(int64_t bucket) const;

  // The first bucket that is not expired if the newest event time is `newest_micros` (INT64_MIN:
  // unknown). It never falls. A fixed-length bucket is expired if it ends before the newest event
  // time minus `keep`; months are subtracted from its date in UTC. A calendar bucket is expired if
  // it lies before the one that holds the newest event's first day minus `keep`.
  int64_t FirstKept(int64_t newest_micros) const noexcept;
  // The first of the buckets that make up `length` and end with `last`. `micros` is the newest time
  // in `last`.
  int64_t FirstOfLast(const TimeLength& length, int64_t last, int64_t micros) const noexcept;

  // The first bucket that holds times from `from` on; and the one after the last that holds times
  // before `until`.
  int64_t BucketFrom(const TimeBorder& from) const noexcept;
  int64_t BucketUntil(const TimeBorder& until) const noexcept;
  // The instant that is meant. A local time that occurs twice: the first. One that clocks skip: the
  // next.
  int64_t InstantOf(const TimeBorder& border) const noexcept;

  // Ignores `keep`, and what only affects how buckets are shown.
  bool SameBuckets(const BucketRule& other) const noexcept {
    return every == other.every && offset == other.offset && unit == other.unit;
  }
  bool operator==(const BucketRule&) const = default;
};

// Finds the buckets of times that are mostly close to each other. Threads: one.
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
  void FindFixed(int64_t micros) noexcept;

  const BucketRule& rule_;
  // A span of time whose instants all have `bucket_`; it need not be the whole bucket. µs
  int64_t start_ = 0;
  int64_t end_ = 0;
  int64_t bucket_ = 0;
  // A span in which the zone's clocks run evenly. In seconds.
  int64_t period_start_ = 0;
  int64_t period_end_ = 0;
  int64_t period_offset_ = 0;
};

}  // namespace murmur
