// HyperLogLog: how many different hashes were seen, within about 1.04 / sqrt(2^precision).
//
// The registers are a function of the set of hashes alone, so states merge in any order to the same
// bytes. A state starts as one entry, grows into a small hash table of entries, and becomes an
// array of 2^precision registers when it would have more than 3/32 of them.
// An entry is index << 6 | rank: which register, and the highest rank (1 to 61) seen there.
//
// Bytes: 1, then the entries in ascending order, each the varint of gap << 6 | rank, where gap is
// the number of untouched registers before it; or 2, then all registers, 6 bits each, lowest first.
//
// Sources: Flajolet, Fusy, Gandouet, Meunier (2007), HyperLogLog. Estimator: Ertl (2017), New
// cardinality estimation algorithms for HyperLogLog sketches, section 4 (unbiased over the whole
// range, without tables).
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "murmur/arena.h"

namespace murmur {

inline constexpr int kRankBits = 6;
inline constexpr uint32_t kRankMask = (1u << kRankBits) - 1;
inline constexpr int kPrecisionMin = 4;
inline constexpr int kPrecisionMax = 18;

inline uint32_t HllEntry(uint64_t hash, int precision) noexcept {
  const auto index = static_cast<uint32_t>(hash >> (64 - precision));
  const uint64_t guard = uint64_t{1} << (precision - 1);  // ends the run of zeros
  const auto rank = static_cast<uint32_t>(std::countl_zero(hash << precision | guard)) + 1;
  return index << kRankBits | rank;
}

// The most entries that are kept, and encoded, one by one.
inline constexpr uint32_t SparseMax(int precision) noexcept { return (3u << precision) / 32; }

class HyperLogLog {
 public:
  void Add(uint32_t entry, int precision, Arena* arena) {
    if (form_ == Form::kDense) {
      uint8_t& rank = registers()[entry >> kRankBits];
      const auto other = static_cast<uint8_t>(entry & kRankMask);
      if (other > rank) rank = other;
    } else {
      AddSparse(entry, precision, arena);
    }
  }
  // Makes room for `entries` more.
  void Reserve(uint32_t entries, int precision, Arena* arena);
  // The address that Add(entry) will read, to prefetch.
  const void* Probe(uint32_t entry, int precision) const noexcept;

  // Prefetches the first lines of what Encode will read; the hardware goes on from there.
  void Prefetch() const noexcept {
    constexpr size_t kLine = 64;
    constexpr size_t kLines = 4;
    if (form_ != Form::kSparse && form_ != Form::kDense) return;
    for (size_t i = 0; i < kLines; ++i) {
      __builtin_prefetch(static_cast<const char*>(block_) + i * kLine);
    }
  }

  // Returns false, unchanged, if Encode does not write `encoded`. The identity has no bytes.
  bool Combine(std::string_view encoded, int precision, Arena* arena);
  void Encode(int precision, std::string* out) const;

 private:
  enum class Form : uint8_t { kEmpty, kOne, kSparse, kDense };

  uint8_t* registers() const noexcept { return static_cast<uint8_t*>(block_); }
  uint32_t* slots() const noexcept { return static_cast<uint32_t*>(block_); }
  // Registers come from hashes: the highest bits put entries nearly in order, for Encode.
  uint32_t SlotOf(uint32_t entry, int precision) const noexcept {
    return entry >> (kRankBits + precision - log_slots_);
  }
  void AddSparse(uint32_t entry, int precision, Arena* arena);
  void Insert(uint32_t entry, int precision) noexcept;
  void Rehash(uint8_t log_slots, int precision, Arena* arena);
  void MakeDense(int precision, Arena* arena);
  void EncodeSparse(std::string* out) const;

  void* block_;     // slots (0 = free) or registers, in the arena
  uint32_t count_;  // kOne: the entry; kSparse: the number of entries
  uint8_t log_slots_;
  Form form_;
  uint16_t reserved_;
};
static_assert(sizeof(HyperLogLog) == 16);

// The estimated number of different hashes; -1 if Encode does not write `encoded`.
double EstimateDistinct(std::string_view encoded, int precision);

}  // namespace murmur
