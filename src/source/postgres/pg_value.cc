#include "source/postgres/pg_value.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "base/civil_time.h"
#include "base/decimal.h"
#include "monoid/numbers.h"
#include "murmur/key.h"

namespace murmur {
namespace {

// Source: the server's pg_type.dat.
enum Oid : uint32_t {
  kBool = 16,
  kBytea = 17,
  kInt8 = 20,
  kInt2 = 21,
  kInt4 = 23,
  kText = 25,
  kOid = 26,
  kJson = 114,
  kFloat4 = 700,
  kFloat8 = 701,
  kBpchar = 1042,
  kVarchar = 1043,
  kDate = 1082,
  kTimestamp = 1114,
  kTimestamptz = 1184,
  kNumeric = 1700,
  kUuid = 2950,
  kJsonb = 3802,
};

template <class Number>
bool ReadNumber(std::string_view text, Number* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

bool ReadInteger(std::string_view text, Cell* cell) {
  int64_t value = 0;
  if (!ReadNumber(text, &value)) return false;
  *cell = Cell::Int(value);
  return true;
}

// "NaN", "Infinity" and "-Infinity" are what from_chars reads, too. A float's text is the shortest
// that gives it again; as a double it is the float, not the text.
template <class Float>
bool ReadFloat(std::string_view text, Cell* cell) {
  Float value = 0;
  if (!ReadNumber(text, &value)) return false;
  if (std::isnan(value)) value = std::numeric_limits<Float>::quiet_NaN();
  *cell = Cell::Double(static_cast<double>(value));
  return true;
}

// [-]digits[.digits] of up to 18 digits, at the scale that is written: a column's values have one.
bool ReadShortNumeric(std::string_view text, Cell* cell) {
  constexpr size_t kDigitsMax = 18;
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  if (text.empty() || text.size() > kDigitsMax + 1) return false;
  uint64_t digits = 0;  // also of one more, which is refused below
  size_t point = text.size();
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.' && point == text.size()) {
      point = i;
    } else if (text[i] >= '0' && text[i] <= '9') {
      digits = digits * 10 + static_cast<uint64_t>(text[i] - '0');
    } else {
      return false;
    }
  }
  const size_t scale = point == text.size() ? 0 : text.size() - point - 1;
  if (text.size() - (scale > 0 ? 1 : 0) > kDigitsMax) return false;
  const auto unscaled = static_cast<int64_t>(digits);
  *cell = Cell::SmallDecimal(is_negative ? -unscaled : unscaled, static_cast<uint8_t>(scale));
  return true;
}

bool ReadNumeric(std::string_view text, TextArena* arena, Cell* cell) {
  if (ReadShortNumeric(text, cell)) return true;
  Int128 digits = 0;
  int scale = 0;
  if (ParseDecimal(text, &digits, &scale)) {
    *cell = FitsInt64(digits)
                ? Cell::SmallDecimal(static_cast<int64_t>(digits), static_cast<uint8_t>(scale))
                : Cell::Decimal(arena->StoreDecimal(digits), static_cast<uint8_t>(scale));
    return true;
  }
  double nearest = 0;
  if (!ReadNumber(text, &nearest)) return false;
  *cell = Cell::Double(std::isnan(nearest) ? std::numeric_limits<double>::quiet_NaN() : nearest);
  if (std::isfinite(nearest)) cell->flags = Cell::kRounded;
  return true;
}

// A part of a time's text.
class TimeText {
 public:
  explicit TimeText(std::string_view text) : text_(text) {}

  bool empty() const { return text_.empty(); }
  bool Take(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool Take(std::string_view word) {
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }
  bool TakeNumber(int64_t* number) {
    constexpr int64_t kNumberMax = 9'999'999;  // beyond every year
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), *number);
    if (error != std::errc() || text_.starts_with('-') || *number > kNumberMax) return false;
    text_.remove_prefix(static_cast<size_t>(end - text_.data()));
    return true;
  }
  // ".123" → 123000
  bool TakeFraction(int64_t* micros) {
    *micros = 0;
    if (!Take('.')) return true;
    int64_t unit = 100'000;
    if (text_.empty() || text_[0] < '0' || text_[0] > '9') return false;
    for (; !text_.empty() && text_[0] >= '0' && text_[0] <= '9'; text_.remove_prefix(1)) {
      *micros += (text_[0] - '0') * unit;
      unit /= 10;
    }
    return true;
  }

 private:
  std::string_view text_;
};

// hours:minutes[:seconds[.fraction]], in microseconds.
bool TakeClock(TimeText* text, int64_t* micros) {
  int64_t hours = 0;
  int64_t minutes = 0;
  int64_t seconds = 0;
  int64_t fraction = 0;
  if (!text->TakeNumber(&hours)) return false;
  if (text->Take(':') && !text->TakeNumber(&minutes)) return false;
  if (text->Take(':') && !(text->TakeNumber(&seconds) && text->TakeFraction(&fraction)))
    return false;
  *micros =
      hours * kMicrosPerHour + minutes * kMicrosPerMinute + seconds * kMicrosPerSecond + fraction;
  return true;
}

// Exactly `count` digits.
bool ReadDigits(const char* text, int count, int64_t* number) {
  int64_t value = 0;
  for (int i = 0; i < count; ++i) {
    const auto digit = static_cast<unsigned>(text[i] - '0');
    if (digit > 9) return false;
    value = value * 10 + digit;
  }
  *number = value;
  return true;
}

// "2026-03-01 12:00:00[.123456][+00]", as nearly all times are written. False: another form.
bool ReadUsualTime(std::string_view value, Cell* cell) {
  constexpr size_t kSecondsEnd = 19;
  constexpr std::string_view kUtc = "+00";
  if (value.ends_with(kUtc)) value.remove_suffix(kUtc.size());
  if (value.size() < kSecondsEnd) return false;
  const char* const text = value.data();
  CivilDate date;
  int64_t month = 0;
  int64_t day = 0;
  int64_t hours = 0;
  int64_t minutes = 0;
  int64_t seconds = 0;
  int64_t micros = 0;
  const bool is_usual =
      ReadDigits(text, 4, &date.year) && text[4] == '-' && ReadDigits(text + 5, 2, &month) &&
      text[7] == '-' && ReadDigits(text + 8, 2, &day) && text[10] == ' ' &&
      ReadDigits(text + 11, 2, &hours) && text[13] == ':' && ReadDigits(text + 14, 2, &minutes) &&
      text[16] == ':' && ReadDigits(text + 17, 2, &seconds);
  if (!is_usual || month < 1 || month > 12 || day < 1 || day > 31) return false;
  if (value.size() > kSecondsEnd) {
    constexpr size_t kFractionMax = 6;
    const size_t digits = value.size() - kSecondsEnd - 1;
    if (text[kSecondsEnd] != '.' || digits == 0 || digits > kFractionMax) return false;
    if (!ReadDigits(text + kSecondsEnd + 1, static_cast<int>(digits), &micros)) return false;
    for (size_t i = digits; i < kFractionMax; ++i) micros *= 10;
  }
  date.month = static_cast<int>(month);
  date.day = static_cast<int>(day);
  *cell = Cell::Time(DaysFromCivil(date) * kMicrosPerDay + hours * kMicrosPerHour +
                     minutes * kMicrosPerMinute + seconds * kMicrosPerSecond + micros);
  return true;
}

// The forms of DateStyle ISO: "2026-03-01", "2026-03-01 12:00:00.5+02", "0044-03-15 BC",
// "infinity".
bool ReadTime(std::string_view value, Cell* cell) {
  if (ReadUsualTime(value, cell)) return true;
  if (value == "infinity" || value == "-infinity") {
    *cell = Cell::Time(value.front() == '-' ? kTimeMinusInfinity : kTimeInfinity);
    return true;
  }
  TimeText text(value);
  CivilDate date;
  int64_t month = 0;
  int64_t day = 0;
  int64_t clock = 0;
  int64_t zone = 0;
  if (!text.TakeNumber(&date.year) || !text.Take('-') || !text.TakeNumber(&month) ||
      !text.Take('-') || !text.TakeNumber(&day) || month < 1 || month > 12 || day < 1 || day > 31) {
    return false;
  }
  const bool is_bc_date = text.Take(std::string_view(" BC"));
  if (!is_bc_date && text.Take(' ') && !TakeClock(&text, &clock)) return false;
  const bool is_east = text.Take('+');
  if ((is_east || text.Take('-')) && !TakeClock(&text, &zone)) return false;
  const bool is_bc = is_bc_date || text.Take(std::string_view(" BC"));
  if (!text.empty()) return false;
  if (is_bc) date.year = 1 - date.year;
  date.month = static_cast<int>(month);
  date.day = static_cast<int>(day);
  const Int128 micros = Int128{DaysFromCivil(date)} * kMicrosPerDay + clock;
  *cell = Cell::Time(SaturateTime(is_east ? micros - zone : micros + zone));
  return true;
}

bool IsJson(const PgType& type) { return type.oid == kJson || type.oid == kJsonb; }

// The kinds of elements that are JSON as they are written.
bool IsPlainInJson(uint32_t element) {
  return element == kInt2 || element == kInt4 || element == kInt8 || element == kOid ||
         element == kNumeric || element == kFloat4 || element == kFloat8;
}

void AppendElement(std::string_view text, bool is_quoted, uint32_t element, std::string* json) {
  if (!is_quoted && (text == "NULL" || text == "null")) {
    *json += "null";
  } else if (element == kBool) {
    *json += text == "t" ? "true" : "false";
  } else if (IsPlainInJson(element) && text.find_first_of("NnIi") == text.npos) {
    *json += text;
  } else if (element == kJson || element == kJsonb) {
    *json += text;
  } else {
    AppendJsonString(text, json);
  }
}

// The text of an array from `at`, which is a '{', to after its '}'. False: it is damaged.
bool AppendArray(std::string_view text, size_t* at, uint32_t element, std::string* json) {
  *json += '[';
  ++*at;
  bool is_first = true;
  std::string value;
  while (*at < text.size() && text[*at] != '}') {
    if (!is_first) {
      if (text[*at] != ',') return false;
      ++*at;
      *json += ',';
    }
    is_first = false;
    if (*at < text.size() && text[*at] == '{') {
      if (!AppendArray(text, at, element, json)) return false;
      continue;
    }
    value.clear();
    const bool is_quoted = *at < text.size() && text[*at] == '"';
    if (is_quoted) ++*at;
    for (; *at < text.size(); ++*at) {
      const char c = text[*at];
      if (is_quoted ? c == '"' : c == ',' || c == '}') break;
      if (c == '\\' && *at + 1 < text.size()) ++*at;
      value += text[*at];
    }
    if (is_quoted) {
      if (*at >= text.size()) return false;
      ++*at;
    }
    AppendElement(value, is_quoted, element, json);
  }
  if (*at >= text.size()) return false;
  ++*at;
  *json += ']';
  return true;
}

}  // namespace

bool IsInByteOrder(const PgType& type) noexcept {
  switch (type.oid) {
    case kBool:
    case kBytea:
    case kInt8:
    case kInt2:
    case kInt4:
    case kText:
    case kVarchar:
    case kOid:
    case kDate:
    case kTimestamp:
    case kTimestamptz:
    case kUuid: return true;
    default: return false;
  }
}

bool ReadPgScalar(const PgType& type, std::string_view text, TextArena* arena, Cell* cell) {
  switch (type.oid) {
    case kBool: *cell = Cell::Bool(text == "t"); return text == "t" || text == "f";
    case kInt2:
    case kInt4:
    case kInt8:
    case kOid: return ReadInteger(text, cell);
    case kFloat4: return ReadFloat<float>(text, cell);
    case kFloat8: return ReadFloat<double>(text, cell);
    case kNumeric: return ReadNumeric(text, arena, cell);
    case kDate:
    case kTimestamp:
    case kTimestamptz: return ReadTime(text, cell);
    default: *cell = Cell::String(text); return true;
  }
}

bool AppendPgKeyPart(const PgType& type, std::string_view text, TextArena* arena,
                     std::string* key) {
  Cell cell;
  if (!ReadPgScalar(type, text, arena, &cell)) return false;
  // Values that have one cell would be one row.
  const bool is_far =
      cell.kind == Kind::kTime && IsInfiniteTime(cell.i) && !text.ends_with("infinity");
  if (is_far || (cell.flags & Cell::kRounded) != 0) cell = Cell::String(text);
  AppendKeyPart(cell, key);
  return true;
}

bool AppendPgArrayAsJson(std::string_view text, uint32_t element, std::string* json) {
  // Bounds other than 1 are written before it: [0:2]={1,2,3}
  if (text.starts_with('[')) {
    const size_t begin = text.find("={");
    if (begin == text.npos) return false;
    text.remove_prefix(begin + 1);
  }
  size_t at = 0;
  return text.starts_with('{') && AppendArray(text, &at, element, json) && at == text.size();
}

Result<TextFieldReader> MakePgFieldReader(const PgType& type, const FieldRequest& request) {
  if (type.element != 0) {
    const auto as_json = [element = type.element](std::string_view text, std::string* json) {
      return AppendPgArrayAsJson(text, element, json);
    };
    return TextFieldReader::OfJson(request, as_json, "an array is not written as arrays are");
  }
  if (IsJson(type)) {
    const auto as_json = [](std::string_view text, std::string* json) {
      *json += text;
      return true;
    };
    return TextFieldReader::OfJson(request, as_json, "");
  }
  return TextFieldReader::OfScalars(request,
                                    [type](std::string_view text, TextArena* arena, Cell* cell) {
                                      return ReadPgScalar(type, text, arena, cell);
                                    });
}

}  // namespace murmur
