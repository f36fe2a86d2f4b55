// Event times: RFC 3339 text, or a number in a unit, to microseconds since the Unix epoch in UTC.
//
// Text: "2026-03-01T12:34:56.789+01:00". Between date and time stands 'T', 't' or ' '. Any number
// of decimals, cut below the microsecond. Zone: 'Z', 'z', ±hh:mm or ±hhmm; without one, UTC. A
// date alone is its midnight. The leap second 60 is taken as 59, with its decimals: Unix time has
// no number for it.
#pragma once

#include <cstdint>
#include <string_view>

#include "murmur/record.h"

namespace murmur {

// Remembers the date that it parsed last. Threads: one.
class TimeParser {
 public:
  // False if `text` is no such time; *micros is unchanged then.
  bool Parse(std::string_view text, int64_t* micros) noexcept;

 private:
  bool ParseDate(const char* text) noexcept;

  char date_[10] = {};  // "2026-03-01"
  int64_t date_micros_ = 0;
};

// Turns the digits of a number into a kTime, exactly: "1772366400.123456" in seconds. False if
// `text` is no number, or the time outside the range; *cell is unchanged then. REQUIRES: unit !=
// kNone
bool ConvertNumberToTime(std::string_view text, TimeUnit unit, Cell* cell) noexcept;

// Turns a cell with RFC 3339 text, or a number in `unit` (floor to the microsecond), into kTime.
// A cell that is no time, or outside the range of int64 microseconds, stays as it is.
// REQUIRES: a kDecimal's dec is readable.
void ConvertToTime(TimeUnit unit, TimeParser* parser, Cell* cell) noexcept;

}  // namespace murmur
