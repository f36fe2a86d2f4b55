// Time zones: what the clocks of a place show at an instant.
//
// A Zone is made from the bytes of its rules, never by its name alone: a state keeps the bytes that
// it was built with, and counts by them for ever, whatever becomes of the system's database.
// Seconds are those of Unix time; a local second is what the clock on the wall shows, counted as
// if it were UTC.
// Sources: RFC 9636 (TZif), read by cctz; the IANA Time Zone Database.
// Threads: safe; a Zone does not change.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/status.h"

namespace murmur {

inline constexpr std::string_view kUtcName = "UTC";

class Zone {
 public:
  // `rules`: a file of the database. Errors: kInvalidArgument, they are no rules, or count leap
  // seconds.
  static Result<std::shared_ptr<const Zone>> Make(std::string name, std::string rules);
  // Needs no rules: it has none that could change.
  static const std::shared_ptr<const Zone>& Utc();

  const std::string& name() const noexcept { return name_; }
  const std::string& rules() const noexcept { return rules_; }  // empty: Utc()
  // Its times are written with Z.
  bool is_utc() const noexcept { return is_utc_; }

  // A span of seconds in which the clocks run on evenly: [start, end), local = second + offset.
  struct Period {
    int64_t start = 0;  // INT64_MIN: since ever
    int64_t end = 0;    // INT64_MAX: for ever
    int64_t offset = 0;
    bool Contains(int64_t second) const noexcept { return second >= start && second < end; }
  };
  // The one that holds `second`; two that follow each other may have one offset.
  Period PeriodAt(int64_t second) const noexcept;
  int64_t LocalAt(int64_t second) const noexcept { return second + PeriodAt(second).offset; }

  // Clocks are put back too, so a later second may show an earlier local one:
  // the greatest local second at or before `second`, and the least at or after it.
  int64_t GreatestLocalUntil(int64_t second) const noexcept;
  int64_t LeastLocalFrom(int64_t second) const noexcept;

  // The first second whose local one is `local` or later.
  int64_t FirstAtOrAfter(int64_t local) const noexcept;
  // The second after the last one whose local one is before `local`.
  int64_t EndBefore(int64_t local) const noexcept;

  // The first second from which the clocks of `other` show something else, of those within
  // [from, until); `until`: there is none.
  int64_t FirstDifference(const Zone& other, int64_t from, int64_t until) const noexcept;

 private:
  static Result<std::shared_ptr<const Zone>> Read(std::string name, std::string rules);
  Zone(std::string name, std::string rules) : name_(std::move(name)), rules_(std::move(rules)) {}

  const std::string name_;
  const std::string rules_;
  bool is_utc_ = false;
  std::vector<Period> periods_;       // ascending, without gaps; at least one
  int64_t repeats_from_ = INT64_MAX;  // seconds from here on are as those of 400 years before
};

// By name.
using ZoneMap = std::map<std::string, std::shared_ptr<const Zone>>;

// "2026-03-01T00:00:00+01:00", with Z for UTC; an offset has seconds where it has them. Otherwise
// as FormatTime.
std::string FormatTimeIn(const Zone& zone, int64_t micros);

}  // namespace murmur
