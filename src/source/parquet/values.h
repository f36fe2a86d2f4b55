// Parquet's stored values as cells. A Refusal says why a value can't become one.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/decimal.h"
#include "murmur/record.h"

namespace murmur::parquet_source {

// Why a value can't be a cell; the record becomes a dead letter. Constants, compared by address.
struct Refusal {
  DeadReason reason;
  std::string_view sentence;  // follows the field's name: "is no valid UTF-8"
};

// Each returns null when *cell is filled.
const Refusal* TextCell(std::string_view text, uint64_t max_bytes, Cell* cell);
const Refusal* UnsignedCell(uint64_t value, Cell* cell);
extern const Refusal kLargeDecimal;
inline const Refusal* SmallDecimalCell(int64_t unscaled, int scale, Cell* cell) {
  if (scale < 0 || scale > kDecimalDigitsMax) return &kLargeDecimal;
  *cell = Cell::SmallDecimal(unscaled, static_cast<uint8_t>(scale));
  return nullptr;
}
// Two's complement, the most significant byte first, as Parquet stores decimals. *store holds the
// digits and must live as long as the cell.
const Refusal* DecimalCell(const uint8_t* bytes, uint32_t size, int scale, Int128* store,
                           Cell* cell);
// REQUIRES: unit is not kNone
const Refusal* TimeCell(int64_t since_epoch, TimeUnit unit, Cell* cell);
const Refusal* DateCell(int32_t days_since_epoch, Cell* cell);
// INT96: nanoseconds of the day, then the Julian day.
const Refusal* Int96Cell(const uint32_t words[3], Cell* cell);
// A time of day: integer microseconds since midnight.
const Refusal* TimeOfDayCell(int64_t since_midnight, TimeUnit unit, Cell* cell);

inline constexpr uint32_t kUuidBytes = 16;
inline constexpr uint32_t kUuidTextBytes = 36;
// "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
void FormatUuid(const uint8_t* bytes, char* text);

}  // namespace murmur::parquet_source
