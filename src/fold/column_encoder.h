// Dictionary-encodes a column: each value has a code, dense from 0, that stays the same from batch
// to batch. The key of a row is then a few small numbers instead of bytes, and an expression is
// computed once for each text. Values that are equal but written in another way (1 and 1.0) may
// have different codes. Threads: one worker.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/attempt_backoff.h"
#include "murmur/arena.h"
#include "murmur/record.h"

namespace murmur {

class ColumnEncoder {
 public:
  enum class Keep { kNothing, kValues };
  explicit ColumnEncoder(Keep keep = Keep::kNothing);

  // Fills codes() for the batch's rows. False: the column has too many values, or too long ones, so
  // that codes would not pay.
  bool Encode(const Column& column, uint32_t rows);
  bool Encode(const int64_t* values, uint32_t rows);

  const uint32_t* codes() const noexcept { return codes_.data(); }
  uint32_t size() const noexcept { return size_; }  // all codes so far are smaller
  // Changes when codes begin anew. Differs between encoders, and from the ids of all dictionaries.
  uint64_t generation() const noexcept { return generation_; }
  // With Keep::kValues: the value of each code. Valid until the next Encode.
  const std::vector<Cell>& values() const noexcept { return values_; }

 private:
  static constexpr uint32_t kValuesMax = 1u << 16;
  static constexpr uint32_t kValuesFew = 1u << 14;
  static constexpr uint32_t kNoCode = UINT32_MAX;

  // A value: up to 16 bytes, and what tells values with the same bytes apart. For a longer text:
  // its hash, and its place in texts_.
  struct Slot {
    uint64_t low;
    uint64_t high;
    uint32_t tag;
    uint32_t code_plus_1;  // 0: empty
  };

  bool Begin(uint32_t rows);
  bool Pays(uint32_t rows) const noexcept;
  bool EncodeNewEntries(const Column& column, uint32_t rows);
  bool GiveUp();
  void Reset();
  void KeepValue(const Cell& cell);
  uint32_t CodeOf(const Cell& cell);  // kNoCode: the value is too long
  uint32_t CodeOf(uint64_t low, uint64_t high, uint32_t tag);
  uint32_t CodeOfLongText(const Cell& cell);
  uint32_t Insert(uint64_t hash, const Slot& value);
  void Grow();
  uint64_t HomeOf(uint64_t hash) const noexcept { return hash >> shift_; }
  uint64_t Next(uint64_t slot) const noexcept { return (slot + 1) & (slots_.size() - 1); }

  const Keep keep_;
  std::vector<uint32_t> codes_;
  std::vector<Cell> values_;
  std::vector<Slot> slots_;  // a power of two
  int shift_ = 0;            // 64 - log2(slots_.size())
  uint32_t size_ = 0;
  uint32_t size_before_ = 0;  // the last batch
  uint32_t rows_before_ = 0;  // of the last batch
  uint64_t generation_ = 0;
  Arena arena_;
  std::vector<std::string_view> texts_;  // in arena_

  uint64_t dictionary_id_ = 0;  // of the dictionary that entry_codes_ belong to
  std::vector<uint32_t> entry_codes_;

  AttemptBackoff backoff_{256, 4, 4096};  // batches, after there were too many values
};

}  // namespace murmur
