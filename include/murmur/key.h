// The bytes of a state key: order-preserving, so that the store's order is the dump's order.
//
//   key     := (kKeyBase + rollup) part* bucket?
//   part    := 01                                   null
//            | 02 | 03                              false, true
//            | 04 ordered-double(8) residual(2) tail?   number, by value: 5, 5.0 and 5.00 are one
//            key | 05 ordered-int64(8)                  timestamp, µs | 06 escaped-bytes 00 string,
//            by UTF-8 bytes
//   bucket  := big-endian (index + 2^39), 5 bytes, only under a window
//
// ordered-double is the nearest double, bits flipped so that memcmp orders it. residual is
// 0x4000 + (value - that double) for integers, 0x4000 for doubles. A decimal that is neither has
// residual 0x8000 and its canonical text, escaped and terminated like a string, as tail.
// In escaped-bytes 00 is written 01 01, and 01 is written 01 02.
//
// Bytes from 0xF0 on at the start of a key are the store's own (positions and the like).
#pragma once

#include <chrono>
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
};

struct DecodedKey {
  size_t rollup = 0;
  std::vector<KeyValue> parts;
  int64_t bucket = 0;  // under a window
};
// Errors: kDataLoss
Result<DecodedKey> DecodeKey(std::string_view key, bool windowed);

// Which buckets a version has and keeps. Times in seconds.
struct BucketRule {
  int64_t every = 0;  // 0: no window
  int64_t offset = 0;
  int64_t keep = -1;  // -1: for ever

  bool windowed() const noexcept { return every > 0; }
  // The bucket that holds `micros`; of an event time it fits kBucketBytes.
  int64_t Bucket(int64_t micros) const noexcept {
    const int64_t second = FloorDiv(micros, 1000000);
    return FloorDiv(second - offset, every);
  }
  // µs; an infinity where the bucket of another definition begins beyond 64 bits.
  int64_t StartMicros(int64_t bucket) const noexcept;
  // The first bucket that is not expired when the newest event time is `newest_micros`: a bucket
  // is expired when its end is older than the newest event time minus keep.
  int64_t FirstKept(int64_t newest_micros) const noexcept {
    if (keep < 0 || newest_micros == INT64_MIN) return INT64_MIN;
    const int64_t limit = FloorDiv(newest_micros, 1000000) - keep;  // kept: end >= limit
    return FloorDiv(limit - offset + every - 1, every) - 1;
  }
  static int64_t FloorDiv(int64_t a, int64_t b) noexcept {
    const int64_t q = a / b;
    return q - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
  }
  bool operator==(const BucketRule&) const = default;
};

// "2026-03-01T00:00:00Z"; microseconds are added where they are not 0. "infinity", "-infinity".
std::string FormatTime(int64_t micros);

}  // namespace murmur
