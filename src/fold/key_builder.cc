#include "fold/key_builder.h"

#include <cstring>

#include "base/key_number.h"
#include "base/short_text.h"
#include "fold/group_table.h"

namespace murmur {
namespace {

constexpr uint32_t kShortString = 15;
constexpr char kStringTag = '\6';  // as murmur/key.h has it

}  // namespace

KeyBuilder::KeyBuilder()
    : rows_(kBatchRows * kRowStride),
      lengths_(kBatchRows),
      hashes_(kBatchRows),
      long_keys_(kBatchRows) {}

void KeyBuilder::Start(uint32_t rollup, std::span<const uint32_t> rows) {
  of_rows_ = rows;
  count_ = static_cast<uint32_t>(rows.size());
  std::memset(rows_.data(), 0, size_t{count_} * kRowStride);
  for (uint32_t row = 0; row < count_; ++row) {
    rows_[row * kRowStride] = static_cast<char>(kKeyBase + rollup);
    lengths_[row] = 1;
  }
}

// True if it could: a string that fits in place, without the two bytes that need escaping.
inline bool KeyBuilder::AppendShortString(uint32_t row, std::string_view text) {
  const auto size = static_cast<uint32_t>(text.size());
  const uint32_t at = lengths_[row];
  if (size > kShortString || at + size + 2 > kRowBytes) return false;
  const __m128i bytes = LoadShortText(text.data(), size);
  const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(1)), bytes);  // 0 and 1
  const auto escapes = static_cast<uint32_t>(_mm_movemask_epi8(low)) & ((1u << size) - 1);
  if (escapes != 0) return false;
  char* out = rows_.data() + row * kRowStride + at;
  *out = kStringTag;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 1), bytes);
  lengths_[row] = at + size + 2;  // the terminator is a zero that is already there
  return true;
}

// True if it could: a key in place that has room.
inline bool KeyBuilder::AppendInt(uint32_t row, int64_t v) {
  const uint32_t at = lengths_[row];
  if (at + kKeyNumberBytes > kRowBytes) return false;
  WriteKeyInt(v, rows_.data() + row * kRowStride + at);
  lengths_[row] = at + kKeyNumberBytes;
  return true;
}

void KeyBuilder::AppendColumn(const Column& column) {
  for (uint32_t row = 0; row < count_; ++row) {
    const Cell& cell = CellAt(column, of_rows_[row]);
    if (cell.kind == Kind::kString && AppendShortString(row, cell.text())) continue;
    if (cell.kind == Kind::kInt && AppendInt(row, cell.i)) continue;
    AppendCell(row, cell);
  }
}

void KeyBuilder::AppendCell(uint32_t row, const Cell& cell) {
  part_.clear();
  AppendKeyPart(cell, &part_);
  AppendBytes(row, part_);
}

void KeyBuilder::AppendBytes(uint32_t row, std::string_view bytes) {
  const uint32_t at = lengths_[row];
  const auto size = static_cast<uint32_t>(bytes.size());
  char* in_place = rows_.data() + row * kRowStride;
  if (at <= kRowBytes && at + size <= kRowBytes) {
    std::memcpy(in_place + at, bytes.data(), size);
  } else {
    if (at <= kRowBytes) long_keys_[row].assign(in_place, at);
    long_keys_[row].append(bytes);
  }
  lengths_[row] = at + size;
}

void KeyBuilder::AppendBuckets(const int64_t* buckets) {
  for (uint32_t row = 0; row < count_; ++row) {
    const auto biased = static_cast<uint64_t>(buckets[of_rows_[row]] + kBucketBias);
    const uint64_t big_endian = __builtin_bswap64(biased << (64 - 8 * kBucketBytes));
    char bytes[8];
    std::memcpy(bytes, &big_endian, 8);
    if (lengths_[row] + 8 <= kRowBytes) {
      std::memcpy(rows_.data() + row * kRowStride + lengths_[row], bytes, 8);
      lengths_[row] += kBucketBytes;
    } else {
      AppendBytes(row, {bytes, kBucketBytes});
    }
  }
}

void KeyBuilder::Finish() {
  for (uint32_t row = 0; row < count_; ++row) hashes_[row] = HashKey(key(row));
}

}  // namespace murmur
