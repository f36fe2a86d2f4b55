// Times: text, or a number in a unit, to microseconds since the Unix epoch in UTC.
//
// The one parser for all times: event times, expressions, definitions and the command line.
// docs/sources.md, "Times", lists the forms of text. Any number of decimals, cut below the
// microsecond. Without a zone, UTC. A date alone is its midnight. The leap second 23:59:60 becomes
// the second before it, with its decimals: Unix time has no number for it. Times beyond the finite
// range (kFiniteTimeLimit), and the texts "infinity" and "-infinity", are the infinities.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "murmur/record.h"

namespace murmur {

// Remembers the last date that it parsed. Threads: one.
class TimeParser {
 public:
  // Accepts any year and the infinities. False if `text` is not a time; *micros is unchanged then.
  bool Parse(std::string_view text, int64_t* micros) noexcept;

 private:
  bool UseDate(const char* text) noexcept;
  bool ParseDate(const char* text) noexcept;

  char date_[10] = {'1', '9', '7', '0', '-', '0', '1', '-', '0', '1'};
  int64_t date_micros_ = 0;
};

// A time in the years 0001 to 9999, as a person writes it in a definition or command line.
std::optional<int64_t> ParseEventTime(std::string_view text) noexcept;

// Whether a text that is a time names its zone: "2026-03-01T12:00" does not.
bool SaysZone(std::string_view text) noexcept;

// Why `text` is not an event time, and what was expected: one clause, for a person.
std::string WhyNoTime(std::string_view text);

// Converts the digits of a number to a kTime, exactly: "1772366400.123456" in seconds. False if
// `text` is not a number of up to 38 digits; *cell is unchanged then. REQUIRES: unit != kNone
bool ConvertNumberToTime(std::string_view text, TimeUnit unit, Cell* cell) noexcept;

// As ConvertToTime of murmur/record.h, for many cells. REQUIRES: a kDecimal's digits are readable.
void ConvertToTime(TimeUnit unit, TimeParser* parser, Cell* cell) noexcept;

// `value` whole units since the epoch, in microseconds (floor). REQUIRES: unit != kNone
int64_t TimeOfUnits(int64_t value, TimeUnit unit) noexcept;

// "s", "ms", "us", "ns", "d"; "" for kNone.
std::string_view TimeUnitName(TimeUnit unit) noexcept;
std::optional<TimeUnit> ParseTimeUnit(std::string_view name) noexcept;
inline constexpr std::string_view kTimeUnitNames = "s, ms, us, ns or d";

}  // namespace murmur
