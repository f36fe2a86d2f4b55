// The bytes of a state key. They preserve order, so the store's order is the dump's order.
//
//   key     := (kKeyBase + rollup) part* bucket?
//   part    := 01                                      null
//            | 02 | 03                                 false, true
//            | 04 ordered-double(8) residual(2) tail?  number, by value: 5, 5.0, 5.00 are one key
//            | 05 ordered-int64(8)                     timestamp, µs
//            | 06 escaped-bytes 00                     string, by UTF-8 bytes
//   bucket  := big-endian (its number (window.h) + 2^39), 5 bytes, only under a window
//
// ordered-double is the nearest double, its bits flipped so that memcmp orders it. residual is
// 0x4000 + (value - that double) for integers, and 0x4000 for doubles. Other decimals have residual
// 0x8000 and, as tail, their canonical text, escaped and terminated like a string. escaped-bytes
// writes 00 as 01 01, and 01 as 01 02.
//
// First bytes from 0xF0 on belong to the store's own records (positions and the like).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/record.h"
#include "murmur/status.h"

namespace murmur {

inline constexpr unsigned char kKeyBase = 0x10;
inline constexpr size_t kRollupsMax = 64;
inline constexpr size_t kBucketBytes = 5;
inline constexpr int64_t kBucketBias = int64_t{1} << 39;
inline constexpr unsigned char kStoreKeyBase = 0xF0;

// REQUIRES: cell.kind != kJson
void AppendKeyPart(const Cell& cell, std::string* key);
void AppendBucket(int64_t bucket, std::string* key);

// The bucket of a windowed key. REQUIRES: key.size() > kBucketBytes
int64_t BucketOfKey(std::string_view key) noexcept;

// One decoded part; owns its bytes.
struct KeyValue {
  Kind kind = Kind::kNull;
  int64_t i = 0;     // kBool, kInt, kTime
  double d = 0;      // kDouble
  std::string text;  // kString; kDecimal as its canonical text
  bool operator==(const KeyValue&) const = default;
};

// False, and *key is unchanged: a decimal whose text is none of at most 38 digits.
// REQUIRES: value.kind != kJson
bool AppendKeyPart(const KeyValue& value, std::string* key);

struct DecodedKey {
  size_t rollup = 0;
  std::vector<KeyValue> parts;
  int64_t bucket = 0;  // under a window
};
// Errors: kDataLoss
Result<DecodedKey> DecodeKey(std::string_view key, bool windowed);

// "2026-03-01T00:00:00Z", with microseconds if they are not 0. "infinity", "-infinity".
std::string FormatTime(int64_t micros);

}  // namespace murmur
