#include "source/parquet/values.h"

#include <simdjson.h>

#include <cstring>

#include "base/civil_time.h"
#include "base/decimal.h"
#include "base/time_text.h"
#include "murmur/key.h"

namespace murmur::parquet_source {
namespace {

constexpr Refusal kNotUtf8{DeadReason::kInvalidUtf8, "is no valid UTF-8"};
constexpr Refusal kLongText{DeadReason::kTooLong, "is longer than max_record"};
constexpr Refusal kLargeUnsigned{DeadReason::kNumberOverflow,
                                 "is an unsigned integer over 9223372036854775807"};
constexpr Refusal kFarTime{DeadReason::kNumberOverflow,
                           "is a time that 64 bits of microseconds can't hold"};

constexpr int64_t kJulianDayOfEpoch = 2440588;

bool IsShortAscii(std::string_view text) noexcept {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  const char* data = text.data();
  const size_t size = text.size();
  uint64_t seen = 0;
  uint64_t word;
  if (size < sizeof(word)) {
    for (const char c : text) seen |= static_cast<unsigned char>(c);
    return (seen & 0x80) == 0;
  }
  for (size_t i = 0; i + sizeof(word) <= size; i += sizeof(word)) {
    std::memcpy(&word, data + i, sizeof(word));
    seen |= word;
  }
  std::memcpy(&word, data + size - sizeof(word), sizeof(word));
  return ((seen | word) & kHighBits) == 0;
}

// simdjson's check is faster for long texts, but costs a call through its dispatch.
bool IsUtf8(std::string_view text) noexcept {
  constexpr size_t kShort = 64;
  if (text.size() <= kShort && IsShortAscii(text)) return true;
  return simdjson::validate_utf8(text.data(), text.size());
}

bool ToMicros(int64_t value, TimeUnit unit, int64_t* micros) noexcept {
  switch (unit) {
    case TimeUnit::kDays: return !__builtin_mul_overflow(value, kMicrosPerDay, micros);
    case TimeUnit::kSeconds: return !__builtin_mul_overflow(value, kMicrosPerSecond, micros);
    case TimeUnit::kMillis: return !__builtin_mul_overflow(value, 1000, micros);
    case TimeUnit::kNanos: *micros = civil_internal::FloorDiv(value, 1000); return true;
    case TimeUnit::kMicros:
    case TimeUnit::kNone: break;
  }
  *micros = value;
  return true;
}

}  // namespace

constexpr Refusal kLargeDecimal{DeadReason::kNumberOverflow, "is a decimal of more than 38 digits"};

const Refusal* TextCell(std::string_view text, uint64_t max_bytes, Cell* cell) {
  if (text.size() > max_bytes) return &kLongText;
  if (!IsUtf8(text)) return &kNotUtf8;
  *cell = Cell::String(text);
  return nullptr;
}

const Refusal* UnsignedCell(uint64_t value, Cell* cell) {
  if (value > INT64_MAX) return &kLargeUnsigned;
  *cell = Cell::Int(static_cast<int64_t>(value));
  return nullptr;
}

const Refusal* DecimalCell(const uint8_t* bytes, uint32_t size, int scale, Int128* store,
                           Cell* cell) {
  if (scale < 0 || scale > kDecimalDigitsMax) return &kLargeDecimal;
  const uint8_t sign = size > 0 && (bytes[0] & 0x80) != 0 ? 0xFF : 0;
  for (; size > sizeof(Int128); ++bytes, --size) {
    if (*bytes != sign) return &kLargeDecimal;
  }
  UInt128 value = sign != 0 ? ~UInt128{0} : 0;
  for (uint32_t i = 0; i < size; ++i) value = value << 8 | bytes[i];
  *store = static_cast<Int128>(value);
  if ((*store < 0) != (sign != 0) || !FitsDecimal(*store)) return &kLargeDecimal;
  *cell = FitsInt64(*store)
              ? Cell::SmallDecimal(static_cast<int64_t>(*store), static_cast<uint8_t>(scale))
              : Cell::Decimal(store, static_cast<uint8_t>(scale));
  return nullptr;
}

const Refusal* TimeCell(int64_t since_epoch, TimeUnit unit, Cell* cell) {
  *cell = Cell::Time(TimeOfUnits(since_epoch, unit));
  return nullptr;
}

const Refusal* DateCell(int32_t days_since_epoch, Cell* cell) {
  *cell = Cell::Time(TimeOfUnits(days_since_epoch, TimeUnit::kDays));
  return nullptr;
}

const Refusal* Int96Cell(const uint32_t words[3], Cell* cell) {
  int64_t nanos;
  std::memcpy(&nanos, words, sizeof(nanos));
  const int64_t day = static_cast<int32_t>(words[2]) - kJulianDayOfEpoch;
  const Int128 micros = Int128{day} * kMicrosPerDay + civil_internal::FloorDiv(nanos, 1000);
  *cell = Cell::Time(SaturateTime(micros));
  return nullptr;
}

const Refusal* TimeOfDayCell(int64_t since_midnight, TimeUnit unit, Cell* cell) {
  int64_t micros;
  if (!ToMicros(since_midnight, unit, &micros)) return &kFarTime;
  *cell = Cell::Int(micros);
  return nullptr;
}

void FormatUuid(const uint8_t* bytes, char* text) {
  constexpr char kHex[] = "0123456789abcdef";
  for (uint32_t i = 0; i < kUuidBytes; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *text++ = '-';
    *text++ = kHex[bytes[i] >> 4];
    *text++ = kHex[bytes[i] & 15];
  }
}

}  // namespace murmur::parquet_source
