// Times: text, or a number in a unit, to microseconds since the Unix epoch in UTC.
//
// The one parser of everything that reads a time: event times, expressions, definitions and the
// command line. The forms of text are listed in docs/sources.md, "Times". Any number of decimals,
// cut below the microsecond. Without a zone, UTC. A date alone is its midnight. The leap second
// 23:59:60 is taken as the second before, with its decimals: Unix time has no number for it. What
// lies beyond the finite times (kFiniteTimeLimit), and the texts "infinity" and "-infinity", are
// the infinities.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "murmur/record.h"

namespace murmur {

// Remembers the date that it parsed last. Threads: one.
class TimeParser {
 public:
  // False if `text` is no such time; *micros is unchanged then. Any year; the infinities.
  bool Parse(std::string_view text, int64_t* micros) noexcept;

 private:
  bool UseDate(const char* text) noexcept;
  bool ParseDate(const char* text) noexcept;

  char date_[10] = {'1', '9', '7', '0', '-', '0', '1', '-', '0', '1'};
  int64_t date_micros_ = 0;
};

// A time of the years 0001 to 9999, as a person writes one in a definition or on the command line.
std::optional<int64_t> ParseEventTime(std::string_view text) noexcept;

// Whether a text that is a time says of which zone: "2026-03-01T12:00" does not.
bool SaysZone(std::string_view text) noexcept;

// One clause why `text`, which is no event time, is none, and what was expected: for a person.
std::string WhyNoTime(std::string_view text);

// Turns the digits of a number into a kTime, exactly: "1772366400.123456" in seconds. False if
// `text` is no number of up to 38 digits; *cell is unchanged then. REQUIRES: unit != kNone
bool ConvertNumberToTime(std::string_view text, TimeUnit unit, Cell* cell) noexcept;

// Turns a cell with a text that is a time, or a number in `unit` (floor to the microsecond), into
// kTime. A cell that is no time stays as it is. REQUIRES: a kDecimal's dec is readable.
void ConvertToTime(TimeUnit unit, TimeParser* parser, Cell* cell) noexcept;

// `value` whole units since the epoch, in microseconds (floor). REQUIRES: unit != kNone
int64_t TimeOfUnits(int64_t value, TimeUnit unit) noexcept;

// "s", "ms", "us", "ns", "d"; "" for kNone.
std::string_view TimeUnitName(TimeUnit unit) noexcept;
std::optional<TimeUnit> ParseTimeUnit(std::string_view name) noexcept;
inline constexpr std::string_view kTimeUnitNames = "s, ms, us, ns or d";

}  // namespace murmur
