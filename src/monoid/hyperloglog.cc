#include "monoid/hyperloglog.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "monoid/varint.h"

namespace murmur {
namespace {

constexpr char kSparseTag = 1;
constexpr char kDenseTag = 2;
constexpr uint8_t kLogSlotsMin = 2;

uint32_t SlotsUsable(int log_slots) { return (1u << log_slots) / 4 * 3; }

uint32_t RankMax(int precision) { return static_cast<uint32_t>(64 - precision + 1); }

// Calls visit(entry) in ascending order of the registers that are not 0; false if `encoded` is not
// what Encode writes.
template <class Visit>
bool ForEachSparse(std::string_view encoded, int precision, Visit&& visit) {
  uint64_t index = 0;  // the next register
  uint32_t count = 0;
  while (!encoded.empty()) {
    uint64_t word;
    if (!ReadVarint(&encoded, &word)) return false;
    const uint64_t rank = word & kRankMask;
    const uint64_t gap = word >> kRankBits;
    if (rank == 0 || rank > RankMax(precision) || gap >= (uint64_t{1} << precision) - index) {
      return false;
    }
    visit(static_cast<uint32_t>((index + gap) << kRankBits | rank));
    index += gap + 1;
    if (++count > SparseMax(precision)) return false;
    if (index == uint64_t{1} << precision) return encoded.empty();
  }
  return count > 0;
}

template <class Visit>
bool ForEachDense(std::string_view encoded, int precision, Visit&& visit) {
  const uint32_t registers = 1u << precision;
  if (encoded.size() != registers / 4 * 3) return false;
  uint32_t used = 0;
  for (uint32_t i = 0; i < registers; i += 4) {
    uint32_t word = 0;
    for (uint32_t k = 0; k < 3; ++k) {
      word |= uint32_t{static_cast<unsigned char>(encoded[i / 4 * 3 + k])} << (8 * k);
    }
    for (uint32_t k = 0; k < 4; ++k) {
      const uint32_t rank = word >> (kRankBits * k) & kRankMask;
      if (rank == 0) continue;
      if (rank > RankMax(precision)) return false;
      ++used;
      visit((i + k) << kRankBits | rank);
    }
  }
  return used > SparseMax(precision);
}

template <class Visit>
bool ForEachEntry(std::string_view encoded, int precision, Visit&& visit) {
  if (encoded.empty()) return true;
  const char tag = encoded.front();
  encoded.remove_prefix(1);
  if (tag == kSparseTag) return ForEachSparse(encoded, precision, visit);
  return tag == kDenseTag && ForEachDense(encoded, precision, visit);
}

// Ertl (2017), equations for sigma and tau: the contributions of registers that are 0 and full.
double Sigma(double x) {
  if (x == 1) return std::numeric_limits<double>::infinity();
  double y = 1;
  double z = x;
  for (double before = -1; z != before; y += y) {
    x *= x;
    before = z;
    z += x * y;
  }
  return z;
}

double Tau(double x) {
  if (x == 0 || x == 1) return 0;
  double y = 1;
  double z = 1 - x;
  for (double before = -1; z != before;) {
    x = std::sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
  }
  return z / 3;
}

}  // namespace

void HyperLogLog::Insert(uint32_t entry, int precision) noexcept {
  const uint32_t mask = (1u << log_slots_) - 1;
  for (uint32_t at = SlotOf(entry, precision);; at = (at + 1) & mask) {
    uint32_t& slot = slots()[at];
    if (slot == 0) {
      slot = entry;
      ++count_;
      return;
    }
    if (slot >> kRankBits == entry >> kRankBits) {
      slot = std::max(slot, entry);
      return;
    }
  }
}

void HyperLogLog::Rehash(uint8_t log_slots, int precision, Arena* arena) {
  const uint32_t* before = form_ == Form::kSparse ? slots() : nullptr;
  const uint32_t before_size = before != nullptr ? 1u << log_slots_ : 0;
  const uint32_t one = form_ == Form::kOne ? count_ : 0;
  block_ = arena->Allocate(sizeof(uint32_t) << log_slots);
  log_slots_ = log_slots;
  form_ = Form::kSparse;
  count_ = 0;
  if (one != 0) Insert(one, precision);
  if (before == nullptr) return;
  for (uint32_t i = 0; i < before_size; ++i) {
    if (before[i] != 0) Insert(before[i], precision);
  }
  arena->Free(const_cast<uint32_t*>(before), sizeof(uint32_t) * before_size);
}

void HyperLogLog::MakeDense(int precision, Arena* arena) {
  auto* dense = static_cast<uint8_t*>(arena->Allocate(size_t{1} << precision));
  const auto set = [dense](uint32_t entry) {
    dense[entry >> kRankBits] = static_cast<uint8_t>(entry & kRankMask);
  };
  if (form_ == Form::kOne) set(count_);
  if (form_ == Form::kSparse) {
    for (uint32_t i = 0; i < 1u << log_slots_; ++i) {
      if (slots()[i] != 0) set(slots()[i]);
    }
    arena->Free(block_, sizeof(uint32_t) << log_slots_);
  }
  block_ = dense;
  count_ = 0;
  log_slots_ = 0;
  form_ = Form::kDense;
}

void HyperLogLog::AddSparse(uint32_t entry, int precision, Arena* arena) {
  if (form_ == Form::kEmpty) {
    form_ = Form::kOne;
    count_ = entry;
    return;
  }
  if (form_ == Form::kOne) {
    if (count_ >> kRankBits == entry >> kRankBits) {
      count_ = std::max(count_, entry);
      return;
    }
    Rehash(kLogSlotsMin, precision, arena);
  }
  Insert(entry, precision);
  if (count_ > SparseMax(precision)) {
    MakeDense(precision, arena);
  } else if (count_ >= SlotsUsable(log_slots_)) {
    Rehash(static_cast<uint8_t>(log_slots_ + 1), precision, arena);
  }
}

void HyperLogLog::Reserve(uint32_t entries, int precision, Arena* arena) {
  if (form_ == Form::kDense || entries <= 1) return;
  const uint32_t have = form_ == Form::kSparse ? count_ : form_ == Form::kOne ? 1 : 0;
  const uint32_t want = std::min(have + entries, SparseMax(precision) + 1);
  uint8_t log_slots = form_ == Form::kSparse ? log_slots_ : kLogSlotsMin;
  while (SlotsUsable(log_slots) <= want) ++log_slots;
  if (form_ != Form::kSparse || log_slots > log_slots_) Rehash(log_slots, precision, arena);
}

const void* HyperLogLog::Probe(uint32_t entry, int precision) const noexcept {
  if (form_ == Form::kDense) return registers() + (entry >> kRankBits);
  if (form_ == Form::kSparse) return slots() + SlotOf(entry, precision);
  return this;
}

bool HyperLogLog::Combine(std::string_view encoded, int precision, Arena* arena) {
  if (encoded.empty()) return true;
  if (!ForEachEntry(encoded, precision, [](uint32_t) {})) return false;
  if (encoded.front() == kDenseTag && form_ != Form::kDense) MakeDense(precision, arena);
  return ForEachEntry(encoded, precision, [&](uint32_t entry) { Add(entry, precision, arena); });
}

namespace {

// Entries are nearly in order, except those that found no free slot before the end.
void SortEntries(std::vector<uint32_t>* entries) {
  constexpr size_t kInsertionMax = 512;
  if (entries->size() > kInsertionMax) return std::sort(entries->begin(), entries->end());
  for (size_t i = 1; i < entries->size(); ++i) {
    const uint32_t entry = (*entries)[i];
    size_t at = i;
    for (; at > 0 && (*entries)[at - 1] > entry; --at) (*entries)[at] = (*entries)[at - 1];
    (*entries)[at] = entry;
  }
}

}  // namespace

void HyperLogLog::EncodeSparse(std::string* out) const {
  thread_local std::vector<uint32_t> entries;
  if (form_ == Form::kOne) {
    entries.assign(1, count_);
  } else {
    // Without a branch: a slot is free about half of the time.
    const uint32_t size = 1u << log_slots_;
    entries.resize(size);
    uint32_t used = 0;
    for (uint32_t i = 0; i < size; ++i) {
      entries[used] = slots()[i];
      used += slots()[i] != 0;
    }
    entries.resize(used);
    SortEntries(&entries);
  }
  constexpr size_t kEntryBytesMax = 4;  // 18 bits of register and 6 of rank
  const size_t before = out->size();
  out->resize(before + 1 + entries.size() * kEntryBytesMax);
  char* to = out->data() + before;
  *to++ = kSparseTag;
  uint32_t index = 0;
  for (const uint32_t entry : entries) {
    const uint32_t at = entry >> kRankBits;
    uint32_t word = (at - index) << kRankBits | (entry & kRankMask);
    for (; word >= 0x80; word >>= 7) *to++ = static_cast<char>(word | 0x80);
    *to++ = static_cast<char>(word);
    index = at + 1;
  }
  out->resize(static_cast<size_t>(to - out->data()));
}

void HyperLogLog::Encode(int precision, std::string* out) const {
  if (form_ == Form::kEmpty) return;
  if (form_ != Form::kDense) return EncodeSparse(out);
  const uint32_t size = 1u << precision;
  out->push_back(kDenseTag);
  out->reserve(out->size() + size / 4 * 3);
  for (uint32_t i = 0; i < size; i += 4) {
    uint32_t word = 0;
    for (uint32_t k = 0; k < 4; ++k) word |= uint32_t{registers()[i + k]} << (kRankBits * k);
    for (uint32_t k = 0; k < 3; ++k) out->push_back(static_cast<char>(word >> (8 * k)));
  }
}

double EstimateDistinct(std::string_view encoded, int precision) {
  const double size = std::ldexp(1.0, precision);
  std::array<uint32_t, 64> registers_of_rank{};
  registers_of_rank[0] = 1u << precision;
  const bool good = ForEachEntry(encoded, precision, [&](uint32_t entry) {
    ++registers_of_rank[entry & kRankMask];
    --registers_of_rank[0];
  });
  if (!good) return -1;
  const uint32_t full = RankMax(precision);
  double z = size * Tau(1 - registers_of_rank[full] / size);
  for (uint32_t rank = full - 1; rank >= 1; --rank) z = 0.5 * (z + registers_of_rank[rank]);
  z += size * Sigma(registers_of_rank[0] / size);
  constexpr double kAlphaInfinity = 0.72134752044448170368;  // 1 / (2 ln 2)
  return kAlphaInfinity * size * (size / z);
}

}  // namespace murmur
