// BSON documents that own their bytes, and facts about values that libbson does not give.
#pragma once

#include <bson/bson.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/decimal.h"
#include "murmur/record.h"

namespace murmur {

// Owns a bson_t. After a move it may only be assigned to or destroyed.
class BsonDocument {
 public:
  BsonDocument() : bson_(bson_new()) {}
  // Takes ownership of `bson`. REQUIRES: bson_destroy frees it; not null
  explicit BsonDocument(bson_t* bson) noexcept : bson_(bson) {}

  bson_t* get() const noexcept { return bson_.get(); }
  // Valid until the document is changed.
  const uint8_t* data() const noexcept { return bson_get_data(bson_.get()); }
  size_t size() const noexcept { return bson_->len; }

 private:
  struct Destroy {
    void operator()(bson_t* bson) const noexcept { bson_destroy(bson); }
  };
  // Not bson_t: that name carries an alignment, which template arguments lose with a warning.
  std::unique_ptr<_bson_t, Destroy> bson_;
};

// A string that libbson has allocated.
struct BsonFree {
  void operator()(char* text) const noexcept { bson_free(text); }
};
using BsonText = std::unique_ptr<char, BsonFree>;

// Calls visit(const bson_iter_t*) for each element of a document or array until it returns false.
// Returns false if visit did, or if the bytes are not BSON (*valid is false then).
template <class Visit>
bool ForEachBsonElement(const uint8_t* data, size_t size, bool* valid, const Visit& visit) {
  bson_iter_t element;
  *valid = size > 0 && bson_iter_init_from_data(&element, data, size);
  if (!*valid) return false;
  while (bson_iter_next(&element)) {
    if (!visit(&element)) return false;
  }
  // libbson stops in the same way at the end and at invalid bytes; only the end is the last byte.
  *valid = bson_iter_offset(&element) + 1 == size;
  return *valid;
}

// The bytes of an embedded document or array.
struct BsonBytes {
  const uint8_t* data = nullptr;
  uint32_t size = 0;
};
// REQUIRES: `value` is a document or an array
inline BsonBytes EmbeddedBson(const bson_iter_t* value) {
  BsonBytes bytes;
  if (BSON_ITER_HOLDS_ARRAY(value)) {
    bson_iter_array(value, &bytes.size, &bytes.data);
  } else {
    bson_iter_document(value, &bytes.size, &bytes.data);
  }
  return bytes;
}

// The value of a Decimal128: ±digits * 10^exponent.
struct DecimalParts {
  enum class Form : uint8_t { kFinite, kInfinite, kNaN };
  Form form = Form::kFinite;
  bool negative = false;
  Int128 digits = 0;  // at most 34 of them
  int exponent = 0;
};

// Source: IEEE 754-2008, 3.5.2, binary integer encoding. More than 34 digits are not canonical and
// stand for 0.
inline DecimalParts SplitDecimal(const bson_decimal128_t& value) noexcept {
  constexpr int kExponentBias = 6176;
  constexpr Int128 kDigitsLimit = PowerOfTen(34);
  DecimalParts parts;
  parts.negative = (value.high >> 63) != 0;
  const unsigned combination = (value.high >> 58) & 0x1F;
  if (combination >= 0x1E) {
    parts.form = combination == 0x1F ? DecimalParts::Form::kNaN : DecimalParts::Form::kInfinite;
    return parts;
  }
  const bool long_digits = combination >= 0x18;  // 2^113 or more: never canonical
  const auto biased = static_cast<int>((value.high >> (long_digits ? 47 : 49)) & 0x3FFF);
  parts.exponent = biased - kExponentBias;
  if (long_digits) return parts;
  const Int128 digits = static_cast<Int128>(value.high & 0x1FFFFFFFFFFFF) << 64 | value.low;
  if (digits < kDigitsLimit) parts.digits = digits;
  return parts;
}

}  // namespace murmur
