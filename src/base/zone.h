// Time zones: what clocks of a place show at an instant.
//
// A Zone is made from the bytes of its rules, not from its name alone. A state keeps these bytes
// and uses them for ever, even if the system's database changes. Seconds are Unix time; a local
// second is what clocks show, counted as if it were UTC.
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
  // `rules`: a file of the database. Errors: kInvalidArgument (not rules, or rules that count leap
  // seconds).
  static Result<std::shared_ptr<const Zone>> Make(std::string name, std::string rules);
  // Needs no rules: it has none that could change.
  static const std::shared_ptr<const Zone>& Utc();

  const std::string& name() const noexcept { return name_; }
  const std::string& rules() const noexcept { return rules_; }  // empty: Utc()
  // Its times are written with Z.
  bool is_utc() const noexcept { return is_utc_; }

  // A span of seconds in which clocks run evenly: [start, end), local = second + offset.
  struct Period {
    int64_t start = 0;  // INT64_MIN: no start
    int64_t end = 0;    // INT64_MAX: no end
    int64_t offset = 0;
    bool Contains(int64_t second) const noexcept { return second >= start && second < end; }
  };
  // The period that holds `second`. Two successive periods may have the same offset.
  Period PeriodAt(int64_t second) const noexcept;
  int64_t LocalAt(int64_t second) const noexcept { return second + PeriodAt(second).offset; }

  // Clocks may be set back, so a later second can show an earlier local one. These give the
  // greatest local second at or before `second`, and the least one at or after it.
  int64_t GreatestLocalUntil(int64_t second) const noexcept;
  int64_t LeastLocalFrom(int64_t second) const noexcept;

  // The first second whose local second is `local` or later.
  int64_t FirstAtOrAfter(int64_t local) const noexcept;
  // The second after the last one whose local second is before `local`.
  int64_t EndBefore(int64_t local) const noexcept;

  // The first second in [from, until) at which the clocks of `other` show something else; `until`
  // if there is none.
  int64_t FirstDifference(const Zone& other, int64_t from, int64_t until) const noexcept;

 private:
  static Result<std::shared_ptr<const Zone>> Read(std::string name, std::string rules);
  Zone(std::string name, std::string rules) : name_(std::move(name)), rules_(std::move(rules)) {}

  const std::string name_;
  const std::string rules_;
  bool is_utc_ = false;
  std::vector<Period> periods_;       // ascending, without gaps; at least one
  int64_t repeats_from_ = INT64_MAX;  // from here on, seconds are like those 400 years before
};

// By name.
using ZoneMap = std::map<std::string, std::shared_ptr<const Zone>>;

// "2026-03-01T00:00:00+01:00", with Z for UTC; an offset shows its seconds if it has any. Otherwise
// as FormatTime.
std::string FormatTimeIn(const Zone& zone, int64_t micros);

}  // namespace murmur
