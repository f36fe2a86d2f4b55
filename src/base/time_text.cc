#include "base/time_text.h"

#include <cmath>
#include <cstring>

#include "base/decimal.h"

namespace murmur {
namespace {

constexpr size_t kDateBytes = 10;  // "2026-03-01"
constexpr size_t kTimeBytes = 8;   // "12:34:56"
constexpr int64_t kMicrosPerSecond = 1000000;
constexpr int64_t kMicrosPerDay = 86400 * kMicrosPerSecond;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Two digits, or -1.
int TwoDigits(const char* p) {
  return IsDigit(p[0]) && IsDigit(p[1]) ? (p[0] - '0') * 10 + (p[1] - '0') : -1;
}

// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
int64_t DaysFromCivil(int year, int month, int day) {
  year -= month <= 2;
  const int era = (year >= 0 ? year : year - 399) / 400;
  const int year_of_era = year - era * 400;
  const int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return int64_t{era} * 146097 + day_of_era - 719468;
}

int DaysInMonth(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : kDays[month - 1];
}

// "hh:mm:ss" → seconds, or -1. All eight bytes at once: digits become 0 to 9, colons 0.
int ParseClock(const char* text) {
  uint64_t v;
  std::memcpy(&v, text, sizeof v);
  v ^= 0x30303A30303A3030;
  if (((v + 0x7676767676767676) | v) & 0x8080808080808080) return -1;
  if (v & 0x0000FF0000FF0000) return -1;
  const uint64_t pairs = v * 10 + (v >> 8);
  const int hour = pairs & 0xff;
  const int minute = (pairs >> 24) & 0xff;
  const int second = (pairs >> 48) & 0xff;
  if (hour > 23 || minute > 59 || second > 60) return -1;
  return hour * 3600 + minute * 60 + (second == 60 ? 59 : second);
}

// ".dddZ", the most common ending, → milliseconds; otherwise -1.
int ParseMillisUtc(std::string_view text) {
  if (text.size() != 5 || text[0] != '.' || text[4] != 'Z') return -1;
  if (!IsDigit(text[1]) || !IsDigit(text[2]) || !IsDigit(text[3])) return -1;
  return (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0');
}

// Takes ".ddd…" from the front of *text; false if a point has no digits behind it.
bool TakeFraction(std::string_view* text, int* micros) {
  *micros = 0;
  if (text->empty() || text->front() != '.') return true;
  size_t at = 1;
  int value = 0;
  for (; at < text->size() && IsDigit((*text)[at]); ++at) {
    if (at <= 6) value = value * 10 + ((*text)[at] - '0');
  }
  if (at == 1) return false;
  for (size_t digits = at - 1; digits < 6; ++digits) value *= 10;
  text->remove_prefix(at);
  *micros = value;
  return true;
}

// The whole of `text` as a zone; false if it is none.
bool ParseZone(std::string_view text, int* offset_minutes) {
  *offset_minutes = 0;
  if (text.empty() || text == "Z" || text == "z") return true;
  const bool colon = text.size() == 6 && text[3] == ':';
  if ((text.size() != 5 && !colon) || (text[0] != '+' && text[0] != '-')) return false;
  const int hour = TwoDigits(text.data() + 1);
  const int minute = TwoDigits(text.data() + (colon ? 4 : 3));
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return false;
  *offset_minutes = (text[0] == '-' ? -1 : 1) * (hour * 60 + minute);
  return true;
}

int64_t UnitsPerSecond(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kNone: return 0;
    case TimeUnit::kSeconds: return 1;
    case TimeUnit::kMillis: return 1000;
    case TimeUnit::kMicros: return kMicrosPerSecond;
    case TimeUnit::kNanos: return 1000 * kMicrosPerSecond;
  }
  return 0;
}

Int128 FloorDivide(Int128 a, Int128 b) { return a / b - (a % b != 0 && a < 0 ? 1 : 0); }

// floor(value / 10^scale units) in microseconds; false if it can't be an int64.
bool ScaledToMicros(Int128 value, int scale, int64_t units_per_second, int64_t* micros) {
  Int128 divisor = units_per_second;
  // Nine decimals of the finest unit are more than a microsecond needs; cut before it overflows.
  for (; scale > 9; --scale) value = FloorDivide(value, 10);
  for (; scale > 0; --scale) divisor *= 10;
  constexpr Int128 kLimit = (Int128{1} << 126) / kMicrosPerSecond;
  if (value > kLimit || value < -kLimit) return false;
  const Int128 floor = FloorDivide(value * kMicrosPerSecond, divisor);
  if (floor < INT64_MIN || floor > INT64_MAX) return false;
  *micros = static_cast<int64_t>(floor);
  return true;
}

// floor(value units) in microseconds. Whole units are scaled as integers, only the fraction as a
// double, so that large times lose nothing.
bool DoubleToMicros(double value, int64_t units_per_second, int64_t* micros) {
  const double whole = std::floor(value);
  if (!(std::fabs(whole) < 9.2e18)) return false;
  const auto units = static_cast<int64_t>(whole);
  const Int128 scaled = Int128{units} * kMicrosPerSecond;
  const Int128 base = FloorDivide(scaled, units_per_second);
  const auto rest = static_cast<double>(scaled - base * units_per_second);
  const double below = std::floor((rest + (value - whole) * kMicrosPerSecond) /
                                  static_cast<double>(units_per_second));
  const Int128 result = base + static_cast<int64_t>(below);
  if (result < INT64_MIN || result > INT64_MAX) return false;
  *micros = static_cast<int64_t>(result);
  return true;
}

}  // namespace

bool TimeParser::ParseDate(const char* text) noexcept {
  const int century = TwoDigits(text);
  const int year_of_century = TwoDigits(text + 2);
  const int month = TwoDigits(text + 5);
  const int day = TwoDigits(text + 8);
  if (century < 0 || year_of_century < 0 || text[4] != '-' || text[7] != '-') return false;
  const int year = century * 100 + year_of_century;
  if (month < 1 || month > 12 || day < 1 || day > DaysInMonth(year, month)) return false;
  date_micros_ = DaysFromCivil(year, month, day) * kMicrosPerDay;
  std::memcpy(date_, text, kDateBytes);
  return true;
}

bool TimeParser::Parse(std::string_view text, int64_t* micros) noexcept {
  if (text.size() < kDateBytes) return false;
  if (std::memcmp(text.data(), date_, kDateBytes) != 0 && !ParseDate(text.data())) return false;
  text.remove_prefix(kDateBytes);
  if (text.empty()) {
    *micros = date_micros_;
    return true;
  }
  if (text.size() < 1 + kTimeBytes || ((text[0] | 0x20) != 't' && text[0] != ' ')) return false;
  const int seconds = ParseClock(text.data() + 1);
  if (seconds < 0) return false;
  text.remove_prefix(1 + kTimeBytes);
  if (const int millis = ParseMillisUtc(text); millis >= 0) {
    *micros = date_micros_ + int64_t{seconds} * kMicrosPerSecond + millis * 1000;
    return true;
  }
  int fraction;
  int offset_minutes;
  if (!TakeFraction(&text, &fraction) || !ParseZone(text, &offset_minutes)) return false;
  *micros = date_micros_ + (int64_t{seconds} - offset_minutes * 60) * kMicrosPerSecond + fraction;
  return true;
}

bool ConvertNumberToTime(std::string_view text, TimeUnit unit, Cell* cell) noexcept {
  Int128 unscaled;
  int scale;
  int64_t micros;
  if (!ParseDecimal(text, &unscaled, &scale) ||
      !ScaledToMicros(unscaled, scale, UnitsPerSecond(unit), &micros)) {
    return false;
  }
  *cell = Cell::Time(micros);
  return true;
}

void ConvertToTime(TimeUnit unit, TimeParser* parser, Cell* cell) noexcept {
  int64_t micros;
  if (cell->kind == Kind::kString) {
    if (parser->Parse(cell->text(), &micros)) *cell = Cell::Time(micros);
    return;
  }
  const int64_t units_per_second = UnitsPerSecond(unit);
  if (units_per_second == 0) return;
  bool converted = false;
  if (cell->kind == Kind::kInt) {
    converted = ScaledToMicros(cell->i, 0, units_per_second, &micros);
  } else if (cell->kind == Kind::kDecimal) {
    converted = ScaledToMicros(cell->decimal(), cell->scale, units_per_second, &micros);
  } else if (cell->kind == Kind::kDouble) {
    converted = DoubleToMicros(cell->d, units_per_second, &micros);
  }
  if (converted) *cell = Cell::Time(micros);
}

}  // namespace murmur
