#include "fold/column_encoder.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/short_text.h"
#include "fold/mix.h"

namespace murmur {
namespace {

constexpr size_t kSlotsMin = 256;
constexpr size_t kTextBytesMax = 4 << 20;     // of all values
constexpr uint32_t kLongTextBytesMax = 1024;  // of a value that gets a code
constexpr uint32_t kLongText = 0x80;          // in a tag

// `detail` tells values of one kind with the same bytes apart.
uint32_t TagOf(Kind kind, uint32_t detail) { return static_cast<uint32_t>(kind) | detail << 8; }

uint64_t HashOf(uint64_t low, uint64_t high, uint32_t tag) {
  return Mix(low ^ 0xa0761d6478bd642fULL, high ^ tag ^ 0xe7037ed1a0b428dbULL);
}

uint64_t HashOfText(std::string_view text) {
  uint64_t hash = text.size();
  for (size_t at = 0; at < text.size(); at += kShortTextBytes) {
    const auto bytes = static_cast<uint32_t>(std::min<size_t>(kShortTextBytes, text.size() - at));
    uint64_t words[2];
    _mm_storeu_si128(reinterpret_cast<__m128i*>(words), LoadShortText(text.data() + at, bytes));
    hash = Mix(words[0] ^ 0x8ebc6af09c88c6e3ULL, words[1] ^ hash);
  }
  return hash;
}

}  // namespace

ColumnEncoder::ColumnEncoder(Keep keep) : keep_(keep), codes_(kBatchRows) { Reset(); }

void ColumnEncoder::Reset() {
  slots_.assign(kSlotsMin, Slot{});
  shift_ = 64 - std::countr_zero(kSlotsMin);
  size_ = 0;
  size_before_ = 0;
  rows_before_ = 0;
  generation_ = NewDictionaryId();
  values_.clear();
  arena_.Reset();
  texts_.clear();
  dictionary_id_ = 0;
}

// Codes pay where values repeat: of many values, most rows of the last batch must have been known.
bool ColumnEncoder::Pays(uint32_t rows) const noexcept {
  constexpr uint32_t kRowsPerValueMin = 2;
  if (size_ + rows > kValuesMax || arena_.bytes() > kTextBytesMax) return false;
  return size_ <= kValuesFew || (size_ - size_before_) * kRowsPerValueMin <= rows_before_;
}

bool ColumnEncoder::Begin(uint32_t rows) {
  if (!backoff_.Try()) return false;
  if (!Pays(rows)) return GiveUp();
  size_before_ = size_;
  rows_before_ = rows;
  return true;
}

bool ColumnEncoder::GiveUp() {
  Reset();
  backoff_.Failed();
  return false;
}

bool ColumnEncoder::Encode(const int64_t* values, uint32_t rows) {
  if (!Begin(rows)) return false;
  const uint32_t tag = TagOf(Kind::kInt, 0);
  for (uint32_t row = 0; row < rows; ++row) {
    codes_[row] = CodeOf(static_cast<uint64_t>(values[row]), 0, tag);
  }
  return true;
}

bool ColumnEncoder::Encode(const Column& column, uint32_t rows) {
  if (!Begin(rows)) return false;
  if (column.dictionary_id == 0) {
    for (uint32_t row = 0; row < rows; ++row) {
      codes_[row] = CodeOf(column.cells[row]);
      if (codes_[row] == kNoCode) [[unlikely]]
        return GiveUp();
      if (keep_ == Keep::kValues && codes_[row] == values_.size()) KeepValue(column.cells[row]);
    }
    return true;
  }
  if (column.dictionary_id != dictionary_id_) {
    entry_codes_.clear();
    dictionary_id_ = column.dictionary_id;
  }
  entry_codes_.resize(column.dictionary_size, kNoCode);
  bool all_known = true;
  for (uint32_t row = 0; row < rows; ++row) {
    codes_[row] = entry_codes_[column.indices[row]];
    all_known &= codes_[row] != kNoCode;
  }
  return all_known || EncodeNewEntries(column, rows);
}

bool ColumnEncoder::EncodeNewEntries(const Column& column, uint32_t rows) {
  for (uint32_t row = 0; row < rows; ++row) {
    if (codes_[row] != kNoCode) continue;
    uint32_t& code = entry_codes_[column.indices[row]];
    if (code == kNoCode) code = CodeOf(column.dictionary[column.indices[row]]);
    if (code == kNoCode) return GiveUp();
    codes_[row] = code;
  }
  return true;
}

void ColumnEncoder::KeepValue(const Cell& cell) {
  Cell kept = cell;
  if ((cell.kind == Kind::kString || cell.kind == Kind::kJson) && cell.len > 0) {
    auto* text = static_cast<char*>(arena_.Allocate(cell.len));
    std::memcpy(text, cell.s, cell.len);
    kept.s = text;
  }
  values_.push_back(kept);
}

inline uint32_t ColumnEncoder::CodeOf(const Cell& cell) {
  switch (cell.kind) {
    case Kind::kString:
    case Kind::kJson: {
      if (cell.len > kShortTextBytes) return CodeOfLongText(cell);
      uint64_t words[2];
      _mm_storeu_si128(reinterpret_cast<__m128i*>(words), LoadShortText(cell.s, cell.len));
      return CodeOf(words[0], words[1], TagOf(cell.kind, cell.len));
    }
    case Kind::kDecimal: {
      const Int128 digits = cell.decimal();
      return CodeOf(static_cast<uint64_t>(digits), static_cast<uint64_t>(digits >> 64),
                    TagOf(cell.kind, cell.scale));
    }
    case Kind::kNull: return CodeOf(0, 0, TagOf(cell.kind, 0));
    default: return CodeOf(std::bit_cast<uint64_t>(cell.i), 0, TagOf(cell.kind, 0));
  }
}

inline uint32_t ColumnEncoder::CodeOf(uint64_t low, uint64_t high, uint32_t tag) {
  const uint64_t hash = HashOf(low, high, tag);
  for (uint64_t slot = HomeOf(hash);; slot = Next(slot)) {
    const Slot& found = slots_[slot];
    if (found.low == low && found.high == high && found.tag == tag && found.code_plus_1 != 0) {
      return found.code_plus_1 - 1;
    }
    if (found.code_plus_1 == 0) return Insert(hash, {low, high, tag, 0});
  }
}

uint32_t ColumnEncoder::CodeOfLongText(const Cell& cell) {
  if (cell.len > kLongTextBytesMax) return kNoCode;
  const std::string_view text = cell.text();
  const uint32_t tag = TagOf(cell.kind, 0) | kLongText;
  const uint64_t hash = HashOfText(text);
  for (uint64_t slot = HomeOf(hash);; slot = Next(slot)) {
    const Slot& found = slots_[slot];
    if (found.code_plus_1 == 0) break;
    if (found.low == hash && found.tag == tag && texts_[found.high] == text) {
      return found.code_plus_1 - 1;
    }
  }
  auto* copy = static_cast<char*>(arena_.Allocate(text.size()));
  std::memcpy(copy, text.data(), text.size());
  texts_.emplace_back(copy, text.size());
  return Insert(hash, {hash, texts_.size() - 1, tag, 0});
}

uint32_t ColumnEncoder::Insert(uint64_t hash, const Slot& value) {
  if (2 * (size_ + 1) > slots_.size()) Grow();
  uint64_t slot = HomeOf(hash);
  while (slots_[slot].code_plus_1 != 0) slot = Next(slot);
  slots_[slot] = value;
  slots_[slot].code_plus_1 = ++size_;
  return size_ - 1;
}

void ColumnEncoder::Grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  --shift_;
  for (const Slot& value : old) {
    if (value.code_plus_1 == 0) continue;
    const bool is_long = (value.tag & kLongText) != 0;
    uint64_t slot = HomeOf(is_long ? value.low : HashOf(value.low, value.high, value.tag));
    while (slots_[slot].code_plus_1 != 0) slot = Next(slot);
    slots_[slot] = value;
  }
}

}  // namespace murmur
