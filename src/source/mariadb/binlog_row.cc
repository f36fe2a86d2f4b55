#include "source/mariadb/binlog_row.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>
#include <iterator>
#include <limits>

#include "base/civil_time.h"
#include "source/mariadb/binlog_inflate.h"

namespace murmur {
namespace {

// The most significant byte first. REQUIRES: at most eight bytes
uint64_t BigEndian(std::string_view bytes) {
  uint64_t number = 0;
  for (const char c : bytes) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

uint64_t LittleEndian(std::string_view bytes) {
  uint64_t number = 0;
  (void)ByteReader(bytes).TakeNumber(bytes.size(), &number);
  return number;
}

int64_t Signed(std::string_view bytes) {
  const auto unused = static_cast<int>(64 - 8 * bytes.size());
  return static_cast<int64_t>(LittleEndian(bytes) << unused) >> unused;
}

// With zeros before it.
void AppendPadded(uint64_t number, size_t digits, std::string* text) {
  const size_t begin = text->size();
  text->resize(begin + digits);
  for (size_t at = begin + digits; at > begin; number /= 10) {
    (*text)[--at] = static_cast<char>('0' + number % 10);
  }
}

// --- decimals: groups of nine digits in four bytes each; a group of fewer takes fewer

constexpr size_t kGroupDigits = 9;
constexpr size_t kGroupBytes = 4;
constexpr std::array<size_t, kGroupDigits + 1> kBytesOfDigits = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
constexpr size_t kDecimalDigitsMax = 65;

size_t BytesOfDigits(size_t digits) {
  return digits / kGroupDigits * kGroupBytes + kBytesOfDigits[digits % kGroupDigits];
}

std::optional<size_t> BytesOfDecimal(const BinlogType& type) {
  if (type.a > kDecimalDigitsMax || type.b > type.a) return std::nullopt;
  return BytesOfDigits(static_cast<size_t>(type.a - type.b)) + BytesOfDigits(type.b);
}

void AppendGroup(ByteReader* in, size_t digits, std::string* text) {
  std::string_view bytes;
  if (digits == 0 || !in->Take(kBytesOfDigits[digits], &bytes)) return;
  AppendPadded(BigEndian(bytes), digits, text);
}

// The first group before the point is the short one, behind it the last.
void AppendDecimal(const BinlogType& type, std::string_view value, std::string* text) {
  std::string bytes(value);
  const bool is_negative = (bytes[0] & 0x80) == 0;
  bytes[0] = static_cast<char>(bytes[0] ^ 0x80);
  for (char& c : bytes) c = static_cast<char>(is_negative ? ~c : c);
  ByteReader in(bytes);
  const size_t whole = static_cast<size_t>(type.a - type.b);
  std::string digits;
  AppendGroup(&in, whole % kGroupDigits, &digits);
  for (size_t i = 0; i < whole / kGroupDigits; ++i) AppendGroup(&in, kGroupDigits, &digits);
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.empty()) digits = "0";
  if (type.b > 0) digits += '.';
  for (size_t i = 0; i < type.b / kGroupDigits; ++i) AppendGroup(&in, kGroupDigits, &digits);
  AppendGroup(&in, type.b % kGroupDigits, &digits);
  const bool is_zero = digits.find_first_not_of("0.") == digits.npos;
  if (is_negative && !is_zero) *text += '-';
  *text += digits;
}

// --- times; fractions of one to six digits take a byte for two

constexpr unsigned kFractionDigitsMax = 6;

size_t FractionBytes(unsigned digits) { return (digits + 1) / 2; }

// `fraction` counts hundredths, ten-thousandths or millionths, by its bytes.
void AppendFraction(uint64_t fraction, unsigned digits, std::string* text) {
  if (digits == 0) return;
  // Of an odd count the last digit is there, and is zero.
  if (digits % 2 != 0) fraction /= 10;
  *text += '.';
  AppendPadded(fraction, digits, text);
}

void AppendDate(uint64_t year, uint64_t month, uint64_t day, std::string* text) {
  AppendPadded(year, 4, text);
  *text += '-';
  AppendPadded(month, 2, text);
  *text += '-';
  AppendPadded(day, 2, text);
}

// A span may have hours of three digits.
void AppendClock(uint64_t hours, uint64_t minutes, uint64_t seconds, std::string* text) {
  AppendPadded(hours, hours > 99 ? 3 : 2, text);
  *text += ':';
  AppendPadded(minutes, 2, text);
  *text += ':';
  AppendPadded(seconds, 2, text);
}
// Minutes and seconds in 6 bits each; the hours are the rest.
void AppendPackedClock(uint64_t packed, std::string* text) {
  AppendClock(packed >> 12, packed >> 6 & 63, packed & 63, text);
}

void AppendDateTime(unsigned digits, std::string_view value, std::string* text) {
  constexpr size_t kBytes = 5;
  constexpr uint64_t kZero = 0x8000000000;
  constexpr uint64_t kMonthsOfYear = 13;  // from 0 to 12
  const uint64_t packed = BigEndian(value.substr(0, kBytes)) - kZero;
  const uint64_t day_bits = packed >> 17;
  const uint64_t months = day_bits >> 5;
  AppendDate(months / kMonthsOfYear, months % kMonthsOfYear, day_bits & 31, text);
  *text += ' ';
  AppendPackedClock(packed & 0x1FFFF, text);
  AppendFraction(BigEndian(value.substr(kBytes)), digits, text);
}

// Seconds since the epoch; 0 is no time.
void AppendTimestamp(unsigned digits, std::string_view value, std::string* text) {
  constexpr size_t kBytes = 4;
  const auto seconds = static_cast<int64_t>(BigEndian(value.substr(0, kBytes)));
  const uint64_t fraction = BigEndian(value.substr(kBytes));
  if (seconds == 0 && fraction == 0) {
    *text += "0000-00-00 00:00:00";
  } else {
    const CivilDate date = CivilFromDays(seconds / kSecondsPerDay);
    const auto of_day = static_cast<uint64_t>(seconds % kSecondsPerDay);
    AppendDate(static_cast<uint64_t>(date.year), static_cast<uint64_t>(date.month),
               static_cast<uint64_t>(date.day), text);
    *text += ' ';
    AppendClock(of_day / 3600, of_day / 60 % 60, of_day % 60, text);
  }
  AppendFraction(fraction, digits, text);
}

// One number, with the fraction, less than zero before midnight.
void AppendTime(unsigned digits, std::string_view value, std::string* text) {
  const auto fraction_bits = static_cast<unsigned>(8 * FractionBytes(digits));
  const int64_t zero = int64_t{0x800000} << fraction_bits;
  int64_t packed = static_cast<int64_t>(BigEndian(value)) - zero;
  if (packed < 0) {
    *text += '-';
    packed = -packed;
  }
  const auto number = static_cast<uint64_t>(packed);
  AppendPackedClock(number >> fraction_bits, text);
  AppendFraction(number & ((uint64_t{1} << fraction_bits) - 1), digits, text);
}

// --- texts

// What follows its own length, of one byte or two.
std::optional<std::string_view> TakeWithLength(size_t length_bytes, ByteReader* in) {
  uint64_t size = 0;
  std::string_view value;
  if (!in->TakeNumber(length_bytes, &size) || !in->Take(size, &value)) return std::nullopt;
  return value;
}

size_t LengthBytes(size_t bytes_max) { return bytes_max > UINT8_MAX ? 2 : 1; }

std::optional<size_t> BytesOf(const BinlogType& type) {
  if (type.a > kFractionDigitsMax &&
      (type.code == MYSQL_TYPE_TIMESTAMP2 || type.code == MYSQL_TYPE_DATETIME2 ||
       type.code == MYSQL_TYPE_TIME2)) {
    return std::nullopt;
  }
  switch (type.code) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_YEAR: return 1;
    case MYSQL_TYPE_SHORT: return 2;
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE: return 3;
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_FLOAT: return 4;
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_DOUBLE: return 8;
    case MYSQL_TYPE_TIMESTAMP2: return 4 + FractionBytes(type.a);
    case MYSQL_TYPE_DATETIME2: return 5 + FractionBytes(type.a);
    case MYSQL_TYPE_TIME2: return 3 + FractionBytes(type.a);
    case MYSQL_TYPE_NEWDECIMAL: return BytesOfDecimal(type);
    case MYSQL_TYPE_BIT: return type.b + (type.a > 0 ? 1u : 0u);
    case MYSQL_TYPE_ENUM:
    case MYSQL_TYPE_SET: return type.b;
    default: return std::nullopt;
  }
}

// --- values by what their column is

bool AppendNumber(const BinlogType& type, bool is_unsigned, std::string_view value,
                  std::string* text) {
  uint64_t number = 0;
  if (type.code == MYSQL_TYPE_BIT) {
    number = BigEndian(value);
  } else if (type.code == MYSQL_TYPE_YEAR) {
    constexpr uint64_t kFirstYear = 1900;  // 0 is the year 0
    const uint64_t years = LittleEndian(value);
    number = years == 0 ? 0 : kFirstYear + years;
  } else if (is_unsigned) {
    number = LittleEndian(value);
  } else {
    *text += std::to_string(Signed(value));
    return true;
  }
  *text += std::to_string(number);
  return true;
}

bool AppendDouble(const BinlogType& type, std::string_view value, std::string* text) {
  double number = 0;
  if (type.code == MYSQL_TYPE_FLOAT) {
    number = static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(LittleEndian(value))));
  } else {
    number = std::bit_cast<double>(LittleEndian(value));
  }
  fmt::format_to(std::back_inserter(*text), "{}", number);
  return true;
}

bool AppendTimeOf(const BinlogType& type, std::string_view value, std::string* text) {
  if (type.code == MYSQL_TYPE_TIMESTAMP2) {
    AppendTimestamp(type.a, value, text);
  } else if (type.code == MYSQL_TYPE_DATETIME2) {
    AppendDateTime(type.a, value, text);
  } else if (type.code == MYSQL_TYPE_TIME2) {
    AppendTime(type.a, value, text);
  } else {
    const uint64_t packed = LittleEndian(value);
    AppendDate(packed >> 9, packed >> 5 & 15, packed & 31, text);
  }
  return true;
}

// By its number from 1 on; 0 stands for a value that was none.
bool AppendLabel(const MariaColumn& column, std::string_view value, std::string* text) {
  const uint64_t number = LittleEndian(value);
  if (number == 0) return true;
  if (number > column.labels.size()) return false;
  *text += column.labels[number - 1];
  return true;
}

bool AppendLabels(const MariaColumn& column, std::string_view value, std::string* text) {
  uint64_t bits = LittleEndian(value);
  bool is_first = true;
  for (const std::string& label : column.labels) {
    if ((bits & 1) != 0) {
      if (!is_first) *text += ',';
      is_first = false;
      *text += label;
    }
    bits >>= 1;
  }
  return bits == 0;
}

// A fixed number of bytes is without the zeros at its end.
bool AppendBytes(const BinlogType& type, MariaIs is, std::string_view value, std::string* text) {
  if (type.code != MYSQL_TYPE_STRING) return AppendMariaBytes(is, value, text);
  std::string whole(value);
  whole.resize(type.b, '\0');
  return AppendMariaBytes(is, whole, text);
}

// Whether the log's type is the column's. CHAR, ENUM and SET have one code there.
bool IsOf(const BinlogType& type, const MariaColumn& column) {
  if (column.is == MariaIs::kLabel) return type.code == MYSQL_TYPE_ENUM;
  if (column.is == MariaIs::kLabels) return type.code == MYSQL_TYPE_SET;
  return type.code == column.log_type;
}

}  // namespace

std::optional<std::string_view> TakeBinlogValue(const BinlogType& type, std::string_view* image) {
  constexpr size_t kLengthBytesMax = 4;
  ByteReader in(*image);
  std::optional<std::string_view> value;
  switch (type.code) {
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_STRING:
    case kBinlogVarcharCompressed: value = TakeWithLength(LengthBytes(type.b), &in); break;
    case MYSQL_TYPE_BLOB:
    case MYSQL_TYPE_GEOMETRY:
    case kBinlogBlobCompressed:
      if (type.a > 0 && type.a <= kLengthBytesMax) value = TakeWithLength(type.a, &in);
      break;
    default: {
      const auto bytes = BytesOf(type);
      std::string_view taken;
      if (bytes && *bytes > 0 && in.Take(*bytes, &taken)) value = taken;
    }
  }
  if (value) *image = in.rest();
  return value;
}

bool AppendBinlogText(const BinlogType& type, const MariaColumn& column, std::string_view value,
                      std::string* text) {
  if (!IsOf(type, column)) return false;
  std::string uncompressed;
  if (type.code == kBinlogBlobCompressed || type.code == kBinlogVarcharCompressed) {
    if (!AppendUncompressedValue(value, &uncompressed)) return false;
    value = uncompressed;
  }
  switch (column.is) {
    case MariaIs::kSigned:
    case MariaIs::kUnsigned:
      return value.size() <= 8 && AppendNumber(type, column.is == MariaIs::kUnsigned, value, text);
    case MariaIs::kDouble: return AppendDouble(type, value, text);
    case MariaIs::kDecimal: AppendDecimal(type, value, text); return true;
    case MariaIs::kDate:
    case MariaIs::kDateTime:
    case MariaIs::kTime: return AppendTimeOf(type, value, text);
    case MariaIs::kLabel: return value.size() <= 8 && AppendLabel(column, value, text);
    case MariaIs::kLabels: return value.size() <= 8 && AppendLabels(column, value, text);
    case MariaIs::kBytes:
    case MariaIs::kUuid:
    case MariaIs::kInet4:
    case MariaIs::kInet6: return AppendBytes(type, column.is, value, text);
    case MariaIs::kText:
    case MariaIs::kJson:
      if (column.charset != nullptr) {
        column.charset->AppendText(value, text);
      } else {
        *text += value;
      }
      return true;
  }
  return false;
}

bool TakeBinlogImage(const BinlogImageColumns& of, const MariaTable& table,
                     std::string_view* images, std::string* texts, TextRow* row) {
  const size_t count = of.map->size();
  size_t present = 0;
  for (size_t i = 0; i < count; ++i) present += BinlogBit(of.present, i) ? 1 : 0;
  ByteReader in(*images);
  std::string_view nulls;
  if (!in.Take((present + 7) / 8, &nulls)) return false;
  std::string_view rest = in.rest();
  row->assign(table.columns.size(), TextValue());
  texts->clear();
  std::vector<std::pair<size_t, size_t>> ends;  // of texts: column, end
  size_t at = 0;
  for (size_t i = 0; i < count; ++i) {
    if (!BinlogBit(of.present, i)) continue;
    const std::optional<size_t> column = (*of.columns)[i];
    if (BinlogBit(nulls, at++)) {
      if (column) (*row)[*column].is = TextValue::Is::kNull;
      continue;
    }
    const BinlogType& type = (*of.map)[i].type;
    const auto value = TakeBinlogValue(type, &rest);
    if (!value) return false;
    if (!column) continue;
    if (!AppendBinlogText(type, table.columns[*column], *value, texts)) return false;
    ends.emplace_back(*column, texts->size());
  }
  size_t begin = 0;
  for (const auto& [column, end] : ends) {
    (*row)[column] = {.is = TextValue::Is::kText,
                      .text = std::string_view(*texts).substr(begin, end - begin)};
    begin = end;
  }
  *images = rest;
  return true;
}

}  // namespace murmur
