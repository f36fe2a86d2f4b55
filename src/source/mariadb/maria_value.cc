#include "source/mariadb/maria_value.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/civil_time.h"
#include "base/decimal.h"
#include "base/hex.h"
#include "base/take_text.h"
#include "murmur/key.h"

namespace murmur {
namespace {

constexpr size_t kUuidBytes = 16;
constexpr size_t kInet4Bytes = 4;
constexpr size_t kInet6Bytes = 16;

template <class Number>
bool ReadNumber(std::string_view text, Number* number) {
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, *number);
  return error == std::errc() && end == last;
}

bool ReadDecimal(std::string_view text, TextArena* arena, Cell* cell) {
  Int128 digits = 0;
  int scale = 0;
  if (ParseDecimal(text, &digits, &scale)) {
    *cell = MakeDecimalCell(digits, scale, arena);
    return true;
  }
  double nearest = 0;
  if (!ReadNumber(text, &nearest) || !std::isfinite(nearest)) return false;
  *cell = Cell::Double(nearest);  // of more than 38 digits
  cell->flags = Cell::kRounded;
  return true;
}

// Beyond 64 bits with a sign it is a decimal.
bool ReadUnsigned(std::string_view text, TextArena* arena, Cell* cell) {
  uint64_t value = 0;
  if (!ReadNumber(text, &value)) return false;
  *cell = value <= INT64_MAX ? Cell::Int(static_cast<int64_t>(value))
                             : MakeDecimalCell(Int128{value}, 0, arena);
  return true;
}

// [.123] → 123000
bool TakeFraction(std::string_view* text, int64_t* micros) {
  *micros = 0;
  if (!TakeChar(text, '.')) return true;
  int64_t unit = 100'000;
  for (; !text->empty() && (*text)[0] >= '0' && (*text)[0] <= '9'; text->remove_prefix(1)) {
    *micros += ((*text)[0] - '0') * unit;
    unit /= 10;
  }
  return true;
}

// hours:minutes:seconds[.fraction], in microseconds.
bool TakeClock(std::string_view* text, int64_t* micros) {
  uint32_t hours = 0;
  uint32_t minutes = 0;
  uint32_t seconds = 0;
  int64_t fraction = 0;
  if (!TakeNumber(text, &hours) || !TakeChar(text, ':') || !TakeNumber(text, &minutes) ||
      !TakeChar(text, ':') || !TakeNumber(text, &seconds) || !TakeFraction(text, &fraction)) {
    return false;
  }
  *micros =
      hours * kMicrosPerHour + minutes * kMicrosPerMinute + seconds * kMicrosPerSecond + fraction;
  return true;
}

// "2026-03-01", "2026-03-01 12:00:00.5". What is no date ("0000-00-00", "2026-02-31"), as settings
// of the server may allow, stays text: no two of them are one.
bool ReadTime(std::string_view value, Cell* cell) {
  std::string_view text = value;
  uint32_t year = 0;
  uint32_t month = 0;
  uint32_t day = 0;
  int64_t clock = 0;
  if (!TakeNumber(&text, &year) || !TakeChar(&text, '-') || !TakeNumber(&text, &month) ||
      !TakeChar(&text, '-') || !TakeNumber(&text, &day) || month > 12 || day > 31) {
    return false;
  }
  if (TakeChar(&text, ' ') && !TakeClock(&text, &clock)) return false;
  if (!text.empty()) return false;
  const CivilDate date{year, static_cast<int>(month), static_cast<int>(day)};
  if (month == 0 || day == 0 || date.day > DaysInMonth(date.year, date.month)) {
    *cell = Cell::String(value);
  } else {
    *cell = Cell::Time(DaysFromCivil(date) * kMicrosPerDay + clock);
  }
  return true;
}

void AppendUuid(std::string_view bytes, std::string* text) {
  std::string digits = ToHex(bytes);
  for (const size_t at : {20, 16, 12, 8}) digits.insert(at, 1, '-');
  *text += digits;
}

void AppendAddress(int family, std::string_view bytes, std::string* text) {
  char address[INET6_ADDRSTRLEN];
  if (inet_ntop(family, bytes.data(), address, sizeof(address)) != nullptr) *text += address;
}

}  // namespace

bool IsOfBytes(MariaIs is) noexcept {
  return is == MariaIs::kBytes || is == MariaIs::kUuid || is == MariaIs::kInet4 ||
         is == MariaIs::kInet6;
}

bool AppendMariaBytes(MariaIs is, std::string_view bytes, std::string* text) {
  switch (is) {
    case MariaIs::kUuid:
      if (bytes.size() != kUuidBytes) return false;
      AppendUuid(bytes, text);
      return true;
    case MariaIs::kInet4:
      if (bytes.size() != kInet4Bytes) return false;
      AppendAddress(AF_INET, bytes, text);
      return true;
    case MariaIs::kInet6:
      if (bytes.size() != kInet6Bytes) return false;
      AppendAddress(AF_INET6, bytes, text);
      return true;
    default: *text += ToHex(bytes); return true;
  }
}

bool ReadMariaScalar(MariaIs is, std::string_view text, TextArena* arena, Cell* cell) {
  switch (is) {
    case MariaIs::kSigned: {
      int64_t value = 0;
      if (!ReadNumber(text, &value)) return false;
      *cell = Cell::Int(value);
      return true;
    }
    case MariaIs::kUnsigned: return ReadUnsigned(text, arena, cell);
    case MariaIs::kDecimal: return ReadDecimal(text, arena, cell);
    case MariaIs::kDouble: {
      double value = 0;
      if (!ReadNumber(text, &value)) return false;
      *cell = Cell::Double(value);
      return true;
    }
    case MariaIs::kDate:
    case MariaIs::kDateTime: return ReadTime(text, cell);
    default: *cell = Cell::String(text); return true;
  }
}

bool AppendMariaKeyPart(MariaIs is, std::string_view text, TextArena* arena, std::string* key) {
  Cell cell;
  if (!ReadMariaScalar(is, text, arena, &cell)) return false;
  // Beyond 63 bits they would not be ordered as the server orders them.
  if (is == MariaIs::kUnsigned) {
    constexpr uint64_t kShift = uint64_t{1} << 63;
    uint64_t value = 0;
    (void)ReadNumber(text, &value);
    cell = Cell::Int(static_cast<int64_t>(value ^ kShift));
  }
  // Values that have one cell would be one row.
  if ((cell.flags & Cell::kRounded) != 0) cell = Cell::String(text);
  AppendKeyPart(cell, key);
  return true;
}

Result<TextFieldReader> MakeMariaFieldReader(MariaIs is, const FieldRequest& request) {
  if (is == MariaIs::kJson) {
    const auto as_json = [](std::string_view text, std::string* json) {
      *json += text;
      return true;
    };
    return TextFieldReader::OfJson(request, as_json, "");
  }
  return TextFieldReader::OfScalars(request,
                                    [is](std::string_view text, TextArena* arena, Cell* cell) {
                                      return ReadMariaScalar(is, text, arena, cell);
                                    });
}

}  // namespace murmur
