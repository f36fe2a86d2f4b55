#include "base/time_forms.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "base/civil_time.h"
#include "base/time_text.h"

namespace murmur {
namespace {

constexpr int kYearDigitsMax = 9;       // of Java's LocalDate.MAX
constexpr int kPlainYearDigitsMax = 6;  // for a year without a sign: PostgreSQL ends at 294276

constexpr std::string_view kMonths[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                        "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::string_view kWeekdays[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
// Names of UTC only: any other abbreviation has several meanings, or changes over the year.
constexpr std::string_view kUtcNames[] = {"utc", "gmt", "ut"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return Lower(a) == b; });
}

// The unread part of a text. Each Take… removes what it reads, or nothing.
class Rest {
 public:
  explicit Rest(std::string_view text) : text_(text) {}

  bool empty() const { return text_.empty(); }
  std::string_view text() const { return text_; }
  char front() const { return text_.empty() ? '\0' : text_.front(); }

  void RemovePrefix(size_t size) { text_.remove_prefix(size); }
  bool TakeFraction(int* micros) { return murmur::TakeFraction(&text_, micros); }
  bool Take(char c) {
    if (front() != c || text_.empty()) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool TakeText(std::string_view text) {
    if (!text_.starts_with(text)) return false;
    text_.remove_prefix(text.size());
    return true;
  }
  // A run of exactly `count` digits, or of `least` to `most`.
  bool TakeDigits(int count, int* value) { return TakeDigits(count, count, value); }
  bool TakeDigits(int least, int most, int* value) {
    const int count = CountDigits();
    return count >= least && count <= most && TakeFirstDigits(count, value);
  }
  // The first `count` digits of a run.
  bool TakeFirstDigits(int count, int* value) {
    if (CountDigits() < count) return false;
    *value = 0;
    for (int i = 0; i < count; ++i) *value = *value * 10 + (text_[static_cast<size_t>(i)] - '0');
    text_.remove_prefix(static_cast<size_t>(count));
    return true;
  }
  int CountDigits() const {
    const auto end = std::find_if_not(text_.begin(), text_.end(), IsDigit);
    return static_cast<int>(std::min<std::ptrdiff_t>(end - text_.begin(), kYearDigitsMax + 1));
  }
  // A word that is one of `names`.
  template <size_t n>
  bool TakeName(const std::string_view (&names)[n], int* index) {
    const std::string_view word = Word();
    const auto* const name = std::find_if(names, names + n, [word](std::string_view candidate) {
      return EqualsIgnoringCase(word, candidate);
    });
    if (name == names + n) return false;
    text_.remove_prefix(word.size());
    *index = static_cast<int>(name - names);
    return true;
  }
  std::string_view Word() const {
    const auto end = std::find_if_not(text_.begin(), text_.end(), IsLetter);
    return text_.substr(0, static_cast<size_t>(end - text_.begin()));
  }
  // From `open` to the first `close`, if `inside` accepts the characters between.
  bool TakeBracketed(char open, char close, bool (*inside)(char)) {
    Rest rest = *this;
    if (!rest.Take(open) || !rest.TakeThrough(close, inside)) return false;
    *this = rest;
    return true;
  }
  // Up to and including the first `close`.
  bool TakeThrough(char close, bool (*inside)(char)) {
    const size_t end = text_.find(close);
    if (end == text_.npos || end == 0) return false;
    const std::string_view text = text_.substr(0, end);
    if (!std::all_of(text.begin(), text.end(), inside)) return false;
    text_.remove_prefix(end + 1);
    return true;
  }

 private:
  std::string_view text_;
};

struct Written {
  CivilDate date;
  int seconds = 0;  // of the day
  int micros = 0;
  int offset_seconds = 0;
  bool says_zone = false;
  bool leap_second = false;
  int weekday = -1;  // Monday is 0; -1: unknown
};

// Unix time has no number for a leap second, so it becomes the second before it. Leap seconds occur
// only before a midnight in UTC.
bool Compose(const Written& written, int64_t* micros) {
  const CivilDate& date = written.date;
  if (date.month < 1 || date.month > 12) return false;
  if (date.day < 1 || date.day > DaysInMonth(date.year, date.month)) return false;
  const int64_t days = DaysFromCivil(date);
  if (written.weekday >= 0 && written.weekday + 1 != DayOfWeekOfDays(days)) return false;
  const Int128 second = Int128{days} * kSecondsPerDay + written.seconds - written.offset_seconds;
  if (written.leap_second && (second + 1) % kSecondsPerDay != 0) return false;
  *micros = SaturateTime(second * kMicrosPerSecond + written.micros);
  return true;
}

bool SetClock(int hour, int minute, int second, Written* written) {
  if (hour > 23 || minute > 59 || second > 60) return false;
  written->leap_second = second == 60;
  written->seconds = hour * 3600 + minute * 60 + (second == 60 ? 59 : second);
  return true;
}

// 10:00:00.123, 10:00, 10
bool TakeClock(Rest* rest, Written* written) {
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!rest->TakeDigits(2, &hour)) return false;
  const bool minutes = rest->Take(':');
  if (minutes && !rest->TakeDigits(2, &minute)) return false;
  if (minutes && rest->Take(':') &&
      (!rest->TakeDigits(2, &second) || !rest->TakeFraction(&written->micros))) {
    return false;
  }
  return SetClock(hour, minute, second, written);
}

// 100000.123, 1000, 10
bool TakeCompactClock(Rest* rest, Written* written) {
  int hour = 0;
  int minute = 0;
  int second = 0;
  const int digits = rest->CountDigits();
  if (digits != 2 && digits != 4 && digits != 6) return false;
  if (!rest->TakeFirstDigits(2, &hour)) return false;
  if (digits > 2 && !rest->TakeFirstDigits(2, &minute)) return false;
  if (digits > 4 && (!rest->TakeFirstDigits(2, &second) || !rest->TakeFraction(&written->micros))) {
    return false;
  }
  return SetClock(hour, minute, second, written);
}

bool IsSign(char c) { return c == '+' || c == '-'; }

// +01, +0100, +01:00, +01:00:00.
bool TakeOffset(Rest* rest, int* seconds) {
  const bool negative = rest->front() == '-';
  if (!rest->Take('+') && !rest->Take('-')) return false;
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (rest->CountDigits() > 2) {
    const int digits = rest->CountDigits();
    if (digits != 4 && digits != 6) return false;
    rest->TakeFirstDigits(2, &hour);
    rest->TakeFirstDigits(2, &minute);
    if (digits == 6) rest->TakeFirstDigits(2, &second);
  } else {
    if (!rest->TakeDigits(2, &hour)) return false;
    if (rest->Take(':')) {
      if (!rest->TakeDigits(2, &minute)) return false;
      if (rest->Take(':') && !rest->TakeDigits(2, &second)) return false;
    }
  }
  if (hour > 23 || minute > 59 || second > 59) return false;
  *seconds = (negative ? -1 : 1) * (hour * 3600 + minute * 60 + second);
  return true;
}

bool IsInRegion(char c) {
  return IsLetter(c) || IsDigit(c) || c == '/' || c == '_' || c == '+' || c == '-' || c == '=' ||
         c == '!' || c == ':' || c == '.';
}
bool IsInComment(char c) { return c != '(' && c != ')'; }

// Go's zone name after the offset: " CET", or " +03" for a zone without a name.
void TakeZoneName(Rest* rest, int offset_seconds) {
  constexpr size_t kNameMin = 3;  // so that BC, AM or PM do not match
  constexpr size_t kNameMax = 5;
  Rest zone = *rest;
  if (!zone.Take(' ')) return;
  const std::string_view word = zone.Word();
  const bool upper = std::none_of(word.begin(), word.end(), [](char c) { return c >= 'a'; });
  int again = 0;
  if (upper && word.size() >= kNameMin && word.size() <= kNameMax) {
    zone.RemovePrefix(word.size());
    *rest = zone;
  } else if (TakeOffset(&zone, &again) && again == offset_seconds) {
    *rest = zone;
  }
}

// Go's monotonic clock, " m=+0.123".
bool TakeMonotonicClock(Rest* rest) {
  if (!rest->TakeText(" m=")) return true;
  int ignored = 0;
  if (!rest->Take('+') && !rest->Take('-')) return false;
  if (!IsDigit(rest->front())) return false;
  while (IsDigit(rest->front())) rest->RemovePrefix(1);
  return rest->TakeFraction(&ignored);
}

// Z, UTC, GMT+0100, +01:00, with or without a space before; or nothing: UTC. Skips what may follow:
// [Europe/Paris] by Java, (UTC) in mails, and Go's additions.
bool TakeZone(Rest* rest, Written* written) {
  if (rest->empty()) return true;
  Rest zone = *rest;
  zone.Take(' ');
  int name = 0;
  const bool is_z = zone.Take('Z') || zone.Take('z');
  if (is_z && zone.empty()) {
    written->says_zone = true;
    *rest = zone;
    return true;
  }
  const bool named = is_z || zone.TakeName(kUtcNames, &name);
  const bool has_offset = !is_z && IsSign(zone.front());
  if (!named && !has_offset) return true;
  if (has_offset && !TakeOffset(&zone, &written->offset_seconds)) return false;
  if (has_offset && !named) TakeZoneName(&zone, written->offset_seconds);
  while (zone.TakeBracketed('[', ']', IsInRegion)) {
  }
  if (zone.TakeText(" (") && !zone.TakeThrough(')', IsInComment)) return false;
  if (!TakeMonotonicClock(&zone)) return false;
  written->says_zone = true;
  *rest = zone;
  return true;
}

// PostgreSQL's " BC": the year before 1 is 1 BC.
bool TakeEra(Rest* rest, Written* written) {
  if (!rest->TakeText(" BC")) return true;
  if (written->date.year < 1) return false;
  written->date.year = 1 - written->date.year;
  return true;
}

bool TakeDateSeparator(Rest* rest, char separator, int* next) {
  return rest->Take(separator) && rest->TakeDigits(2, next);
}

// 2026-02-01 and 2026/02/01; years beyond 9999 as in PostgreSQL, and with a sign as in Java.
bool TakeDate(Rest* rest, Written* written) {
  const bool negative = rest->front() == '-';
  const bool has_sign = rest->Take('+') || rest->Take('-');
  int year = 0;
  if (!rest->TakeDigits(4, has_sign ? kYearDigitsMax : kPlainYearDigitsMax, &year)) return false;
  if (negative && year == 0) return false;
  written->date.year = negative ? -year : year;
  const char separator = rest->front() == '/' ? '/' : '-';
  return TakeDateSeparator(rest, separator, &written->date.month) &&
         TakeDateSeparator(rest, separator, &written->date.day);
}

// 2026-02-01T10:00:00.123+01:00; 2026-02-01; 2026-02-01Z.
bool ParseIso(std::string_view text, Written* written) {
  Rest rest(text);
  if (!TakeDate(&rest, written)) return false;
  Rest clock = rest;
  const bool has_clock = (clock.Take('T') || clock.Take('t') || clock.Take(' ')) &&
                         IsDigit(clock.front()) && TakeClock(&clock, written);
  if (has_clock) {
    if (!TakeZone(&clock, written)) return false;
    rest = clock;
  } else if (rest.front() == '+') {
    // After a date, "-10:30" may also be a clock.
    if (rest.text().size() != 6 || !TakeOffset(&rest, &written->offset_seconds)) return false;
    written->says_zone = true;
  } else {
    written->says_zone = rest.Take('Z') || rest.Take('z');
  }
  return TakeEra(&rest, written) && rest.empty();
}

// 20260201T100000Z; 20260201.
bool ParseCompact(std::string_view text, Written* written) {
  Rest rest(text);
  int year = 0;
  if (rest.CountDigits() != 8) return false;
  rest.TakeFirstDigits(4, &year);
  rest.TakeFirstDigits(2, &written->date.month);
  rest.TakeFirstDigits(2, &written->date.day);
  written->date.year = year;
  if (!rest.empty()) {
    if (!rest.Take('T') && !rest.Take('t')) return false;
    if (!TakeCompactClock(&rest, written)) return false;
    if (!TakeZone(&rest, written)) return false;
  }
  return rest.empty();
}

bool TakeWeekday(Rest* rest, int* weekday) {
  if (!rest->TakeName(kWeekdays, weekday)) return true;
  rest->Take(',');
  return rest->Take(' ');
}

bool TakeMonth(Rest* rest, int* month) {
  if (!rest->TakeName(kMonths, month)) return false;
  ++*month;
  return true;
}

// Day, name of the month, year: Sun, 01 Feb 2026 10:00:00 GMT; 01/Feb/2026:10:00:00 +0000;
// 01-Feb-2026 10:00:00.
bool ParseDayFirst(std::string_view text, Written* written) {
  Rest rest(text);
  int year = 0;
  if (!TakeWeekday(&rest, &written->weekday)) return false;
  if (!rest.TakeDigits(1, 2, &written->date.day)) return false;
  const char separator = rest.front();
  if (separator != ' ' && separator != '/' && separator != '-') return false;
  if (!rest.Take(separator) || !TakeMonth(&rest, &written->date.month)) return false;
  if (!rest.Take(separator) || !rest.TakeDigits(4, &year)) return false;
  written->date.year = year;
  if (!rest.empty()) {
    if (!rest.Take(' ') && (separator != '/' || !rest.Take(':'))) return false;
    if (!TakeClock(&rest, written) || !TakeZone(&rest, written)) return false;
  }
  return rest.empty();
}

// UTC, Z, +0100, with nothing after it.
bool TakeShortZone(Rest* rest, int* offset_seconds) {
  int name = 0;
  *offset_seconds = 0;
  return rest->TakeName(kUtcNames, &name) || rest->Take('Z') || TakeOffset(rest, offset_seconds);
}

// Name of the month, day: Sun Feb  1 10:00:00 2026; Sun Feb 01 10:00:00 UTC 2026;
// Sun Feb 01 10:00:00 +0000 2026; Sun Feb 1 10:00:00 2026 +0000; Sun Feb 01 2026 10:00:00 GMT+0000
// (Coordinated Universal Time).
bool ParseMonthFirst(std::string_view text, Written* written) {
  Rest rest(text);
  int year = 0;
  if (!TakeWeekday(&rest, &written->weekday)) return false;
  if (!TakeMonth(&rest, &written->date.month) || !rest.Take(' ')) return false;
  rest.Take(' ');
  if (!rest.TakeDigits(1, 2, &written->date.day) || !rest.Take(' ')) return false;
  const bool year_first = rest.TakeDigits(4, &year);
  if (year_first && !rest.Take(' ')) return false;
  if (!TakeClock(&rest, written)) return false;
  // The zone stands before or after the year.
  bool zone = false;
  if (!year_first) {
    if (!rest.Take(' ')) return false;
    zone = !IsDigit(rest.front());
    if (zone && !(TakeShortZone(&rest, &written->offset_seconds) && rest.Take(' '))) return false;
    written->says_zone = zone;
    if (!rest.TakeDigits(4, &year)) return false;
  }
  if (!zone && !TakeZone(&rest, written)) return false;
  written->date.year = year;
  return rest.empty();
}

bool ParseInfinity(std::string_view text, int64_t* micros) {
  if (text == "infinity" || text == "+infinity") {
    *micros = kTimeInfinity;
  } else if (text == "-infinity") {
    *micros = kTimeMinusInfinity;
  } else {
    return false;
  }
  return true;
}

// 01/02/2026, 1.2.26
bool IsAmbiguousDate(std::string_view text) {
  Rest rest(text);
  int ignored = 0;
  if (!rest.TakeDigits(1, 2, &ignored)) return false;
  const char separator = rest.front();
  if (separator != '/' && separator != '.' && separator != '-') return false;
  return rest.Take(separator) && rest.TakeDigits(1, 2, &ignored) && rest.Take(separator) &&
         (rest.CountDigits() == 2 || rest.CountDigits() == 4);
}

// The last word, or the one before a final year; sets *begin to its start.
std::string_view LastWord(std::string_view text, size_t* begin) {
  if (text.size() > 5 && text[text.size() - 5] == ' ' &&
      std::all_of(text.end() - 4, text.end(), IsDigit)) {
    text.remove_suffix(5);
  }
  *begin = text.size();
  while (*begin > 0 && IsLetter(text[*begin - 1])) --*begin;
  return text.substr(*begin);
}

bool IsTime(std::string_view text) {
  int64_t ignored = 0;
  return ParseTimeForm(text, &ignored);
}

}  // namespace

bool ParseZone(std::string_view text, int* offset_seconds) noexcept {
  Rest rest(text);
  Written written;
  const bool taken = TakeZone(&rest, &written) && rest.empty();
  *offset_seconds = written.offset_seconds;
  return taken;
}

bool ParseTimeForm(std::string_view text, int64_t* micros, bool* says_zone) noexcept {
  for (const auto& parse : {ParseIso, ParseCompact, ParseDayFirst, ParseMonthFirst}) {
    Written written;
    if (!parse(text, &written) || !Compose(written, micros)) continue;
    if (says_zone != nullptr) *says_zone = written.says_zone;
    return true;
  }
  if (says_zone != nullptr) *says_zone = true;
  return ParseInfinity(text, micros);
}

std::string WhyNoTime(std::string_view text) {
  if (IsTime(text)) return "it lies outside the years 0001 to 9999";
  if (IsAmbiguousDate(text)) {
    return "which is the day and which the month can't be told; expected year, month, day, such as "
           "2026-03-01";
  }
  if (!text.empty() && std::all_of(text.begin(), text.end(), IsDigit)) {
    return "it is a number in quotes, and a text is no number; expected RFC 3339, or a number with "
           "a unit";
  }
  size_t begin = 0;
  const std::string word(LastWord(text, &begin));
  const std::string before(text.substr(0, begin));
  const std::string after(text.substr(begin + word.size()));
  if ((EqualsIgnoringCase(word, "am") || EqualsIgnoringCase(word, "pm")) && !before.empty()) {
    return "a clock of 12 hours is not read; expected RFC 3339, such as 2026-03-01T12:00:00Z";
  }
  if (!word.empty() && IsTime(before + "UTC" + after)) {
    return "the zone '" + word +
           "' tells no offset for certain; expected Z, UTC or an offset such as +01:00";
  }
  if (text.ends_with(']') && IsTime(text.substr(0, text.find('[')))) {
    return "a region without an offset is not read; expected an offset such as +01:00";
  }
  return "expected RFC 3339, such as 2026-03-01T12:00:00Z, or another form of a time that the "
         "documentation lists";
}

}  // namespace murmur
