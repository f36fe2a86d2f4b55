#include "base/time_text.h"

#include <cmath>
#include <cstring>

#include "base/civil_time.h"
#include "base/decimal.h"
#include "base/time_forms.h"
#include "murmur/key.h"

namespace murmur {
namespace {

constexpr size_t kDateBytes = 10;  // "2026-03-01"
constexpr size_t kTimeBytes = 8;   // "12:34:56"

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Two digits, or -1.
int TwoDigits(const char* p) {
  return IsDigit(p[0]) && IsDigit(p[1]) ? (p[0] - '0') * 10 + (p[1] - '0') : -1;
}

// "hh:mm:ss" → seconds, or -1, also for a leap second. All eight bytes at once: digits become 0 to
// 9, colons 0.
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
  if (hour > 23 || minute > 59 || second > 59) return -1;
  return hour * 3600 + minute * 60 + second;
}

// ".dddZ", the most common ending, → milliseconds; otherwise -1.
int ParseMillisUtc(std::string_view text) {
  if (text.size() != 5 || text[0] != '.' || text[4] != 'Z') return -1;
  if (!IsDigit(text[1]) || !IsDigit(text[2]) || !IsDigit(text[3])) return -1;
  return (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0');
}

// Z, ±hh:mm, ±hhmm, ±hh: the most common zones, tried before the others.
bool ParseCommonZone(std::string_view text, int* offset_seconds) {
  *offset_seconds = 0;
  if (text.empty() || text == "Z") return true;
  if (text[0] != '+' && text[0] != '-') return false;
  const bool colon = text.size() == 6 && text[3] == ':';
  if (text.size() != 3 && text.size() != 5 && !colon) return false;
  const int hour = TwoDigits(text.data() + 1);
  const int minute = text.size() == 3 ? 0 : TwoDigits(text.data() + (colon ? 4 : 3));
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return false;
  *offset_seconds = (text[0] == '-' ? -60 : 60) * (hour * 60 + minute);
  return true;
}

// A unit in microseconds, as a fraction.
struct UnitSize {
  int64_t micros;
  int64_t divisor;
};
UnitSize SizeOf(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kNone: return {0, 1};
    case TimeUnit::kSeconds: return {kMicrosPerSecond, 1};
    case TimeUnit::kMillis: return {1000, 1};
    case TimeUnit::kMicros: return {1, 1};
    case TimeUnit::kNanos: return {1, 1000};
    case TimeUnit::kDays: return {kMicrosPerDay, 1};
  }
  return {0, 1};
}

Int128 FloorDivide(Int128 a, Int128 b) { return a / b - (a % b != 0 && a < 0 ? 1 : 0); }

// floor(value / 10^scale units) in microseconds.
int64_t ScaledToMicros(Int128 value, int scale, UnitSize unit) {
  constexpr int kScaleMax = 12;  // decimals of a day that a microsecond needs, plus one
  Int128 divisor = unit.divisor;
  for (; scale > kScaleMax; --scale) value = FloorDivide(value, 10);
  for (; scale > 0; --scale) divisor *= 10;
  // What does not fit is infinite: it is divided by at most 10^12.
  Int128 micros = 0;
  if (__builtin_mul_overflow(value, Int128{unit.micros}, &micros)) {
    return value < 0 ? kTimeMinusInfinity : kTimeInfinity;
  }
  return SaturateTime(divisor == 1 ? micros : FloorDivide(micros, divisor));
}

// floor(value units) in microseconds; false if `value` is NaN. Whole units are scaled as integers,
// only the fraction as a double, so large times lose nothing.
bool DoubleToMicros(double value, UnitSize unit, int64_t* micros) {
  constexpr double kWholeMax = 1e25;  // infinite in the smallest unit; scaled, it fits 128 bits
  if (std::isnan(value)) return false;
  if (std::fabs(value) > kWholeMax) {
    *micros = value < 0 ? kTimeMinusInfinity : kTimeInfinity;
    return true;
  }
  const double whole = std::floor(value);
  const Int128 scaled = static_cast<Int128>(whole) * unit.micros;
  const Int128 base = FloorDivide(scaled, unit.divisor);
  const auto rest = static_cast<double>(scaled - base * unit.divisor);
  const double below = std::floor((rest + (value - whole) * static_cast<double>(unit.micros)) /
                                  static_cast<double>(unit.divisor));
  *micros = SaturateTime(base + static_cast<int64_t>(below));
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
  date_micros_ = DaysFromCivil({year, month, day}) * kMicrosPerDay;
  std::memcpy(date_, text, kDateBytes);
  return true;
}

bool TimeParser::UseDate(const char* text) noexcept {
  return std::memcmp(text, date_, kDateBytes) == 0 || ParseDate(text);
}

bool TimeParser::Parse(std::string_view text, int64_t* micros) noexcept {
  if (text.size() == kDateBytes && UseDate(text.data())) {
    *micros = date_micros_;
    return true;
  }
  if (text.size() < kDateBytes + 1 + kTimeBytes || ((text[10] | 0x20) != 't' && text[10] != ' ') ||
      !UseDate(text.data())) {
    return ParseTimeForm(text, micros);
  }
  const int seconds = ParseClock(text.data() + kDateBytes + 1);
  if (seconds < 0) return ParseTimeForm(text, micros);
  std::string_view rest = text.substr(kDateBytes + 1 + kTimeBytes);
  if (const int millis = ParseMillisUtc(rest); millis >= 0) {
    *micros = date_micros_ + int64_t{seconds} * kMicrosPerSecond + millis * 1000;
    return true;
  }
  int fraction;
  int offset_seconds;
  if (!TakeFraction(&rest, &fraction) ||
      (!ParseCommonZone(rest, &offset_seconds) && !ParseZone(rest, &offset_seconds))) {
    return ParseTimeForm(text, micros);
  }
  *micros = date_micros_ + (int64_t{seconds} - offset_seconds) * kMicrosPerSecond + fraction;
  return true;
}

std::optional<int64_t> ParseEventTime(std::string_view text) noexcept {
  int64_t micros = 0;
  if (!TimeParser().Parse(text, &micros) || !IsEventTime(micros)) return std::nullopt;
  return micros;
}

bool SaysZone(std::string_view text) noexcept {
  int64_t ignored = 0;
  bool says_zone = false;
  return ParseTimeForm(text, &ignored, &says_zone) && says_zone;
}

bool ConvertNumberToTime(std::string_view text, TimeUnit unit, Cell* cell) noexcept {
  Int128 unscaled;
  int scale;
  if (!ParseDecimal(text, &unscaled, &scale)) return false;
  *cell = Cell::Time(ScaledToMicros(unscaled, scale, SizeOf(unit)));
  return true;
}

int64_t TimeOfUnits(int64_t value, TimeUnit unit) noexcept {
  const UnitSize size = SizeOf(unit);
  int64_t micros = 0;
  if (__builtin_mul_overflow(value, size.micros, &micros)) {
    return value < 0 ? kTimeMinusInfinity : kTimeInfinity;
  }
  return SaturateTime(civil_internal::FloorDiv(micros, size.divisor));
}

void ConvertToTime(TimeUnit unit, Cell* cell) noexcept {
  TimeParser parser;
  ConvertToTime(unit, &parser, cell);
}

void ConvertToTime(TimeUnit unit, TimeParser* parser, Cell* cell) noexcept {
  int64_t micros;
  if (cell->kind == Kind::kString) {
    if (parser->Parse(cell->text(), &micros)) *cell = Cell::Time(micros);
    return;
  }
  if (unit == TimeUnit::kNone) return;
  if (cell->kind == Kind::kInt) {
    *cell = Cell::Time(TimeOfUnits(cell->i, unit));
  } else if (cell->kind == Kind::kDecimal) {
    *cell = Cell::Time(ScaledToMicros(cell->decimal(), cell->scale, SizeOf(unit)));
  } else if (cell->kind == Kind::kDouble && DoubleToMicros(cell->d, SizeOf(unit), &micros)) {
    *cell = Cell::Time(micros);
  }
}

std::string_view TimeUnitName(TimeUnit unit) noexcept {
  switch (unit) {
    case TimeUnit::kNone: return "";
    case TimeUnit::kSeconds: return "s";
    case TimeUnit::kMillis: return "ms";
    case TimeUnit::kMicros: return "us";
    case TimeUnit::kNanos: return "ns";
    case TimeUnit::kDays: return "d";
  }
  return "";
}

std::optional<TimeUnit> ParseTimeUnit(std::string_view name) noexcept {
  for (const TimeUnit unit : {TimeUnit::kSeconds, TimeUnit::kMillis, TimeUnit::kMicros,
                              TimeUnit::kNanos, TimeUnit::kDays}) {
    if (name == TimeUnitName(unit)) return unit;
  }
  return std::nullopt;
}

}  // namespace murmur
