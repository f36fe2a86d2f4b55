#include "runtime/pending_entries.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "monoid/hash.h"

namespace murmur {
namespace {

constexpr size_t kSlotsMin = 1 << 10;
constexpr size_t kWide = 16;  // slots for each record: too many to empty each time

}  // namespace

PendingEntries::PendingEntries() : slots_(kSlotsMin), mask_(kSlotsMin - 1) {}

uint64_t PendingEntries::Hash(std::string_view key) noexcept { return HashBytes(key, kStringSeed); }

void PendingEntries::Put(std::string_view key, uint64_t hash, Entry entry) {
  if (2 * (records_.size() + 1) > slots_.size()) GrowIndex();
  Slot& slot = slots_[SlotOf(key, hash)];
  const Record record = Store(key, entry);
  if (slot.record_plus_1 != 0) {
    records_[slot.record_plus_1 - 1] = record;
    return;
  }
  records_.push_back(record);
  slot = {.tag = static_cast<uint32_t>(hash),
          .record_plus_1 = static_cast<uint32_t>(records_.size())};
}

PendingEntries::Record PendingEntries::Store(std::string_view key, Entry entry) {
  const size_t size = key.size() + (entry ? entry->size() : 0);
  char* to = next_;
  if (size > kSlabBytes) {
    to = large_.emplace_back(std::make_unique_for_overwrite<char[]>(size)).get();
    slab_bytes_ += size;
  } else if (size > static_cast<size_t>(end_ - next_)) {
    if (slabs_used_ == slabs_.size()) {
      slabs_.push_back(std::make_unique_for_overwrite<char[]>(kSlabBytes));
    }
    to = slabs_[slabs_used_++].get();
    end_ = to + kSlabBytes;
    next_ = to + size;
    slab_bytes_ += kSlabBytes;
  } else {
    next_ += size;
  }
  if (!key.empty()) std::memcpy(to, key.data(), key.size());
  if (entry && !entry->empty()) std::memcpy(to + key.size(), entry->data(), entry->size());
  return {.bytes = to,
          .key_size = static_cast<uint32_t>(key.size()),
          .entry_size = entry ? static_cast<uint32_t>(entry->size()) : kNoEntry};
}

void PendingEntries::GrowIndex() {
  std::vector<Slot> grown(2 * slots_.size());
  mask_ = grown.size() - 1;
  for (const Slot& slot : slots_) {
    if (slot.record_plus_1 == 0) continue;
    size_t to = slot.tag & mask_;
    while (grown[to].record_plus_1 != 0) to = (to + 1) & mask_;
    grown[to] = slot;
  }
  slots_ = std::move(grown);
}

std::vector<LedgerRow> PendingEntries::Rows() const {
  std::vector<Run> runs = Runs();
  std::sort(runs.begin(), runs.end(), [this](const Run& a, const Run& b) {
    return Less(static_cast<uint32_t>(a.first), static_cast<uint32_t>(b.first));
  });
  Order order;
  order.reserve(records_.size());
  std::vector<size_t> begins;
  for (const auto& [begin, end] : runs) {
    begins.push_back(order.size());
    for (size_t i = begin; i < end; ++i) order.push_back(static_cast<uint32_t>(i));
  }
  begins.push_back(order.size());
  Merge(&order, begins.data(), runs.size());
  std::vector<LedgerRow> rows;
  rows.reserve(order.size());
  for (const uint32_t i : order) {
    LedgerRow& row = rows.emplace_back();
    row.key = records_[i].key();
    if (const Entry entry = records_[i].entry()) row.entry.emplace(*entry);
  }
  return rows;
}

// Stretches of records that came in ascending order.
std::vector<PendingEntries::Run> PendingEntries::Runs() const {
  std::vector<Run> runs;
  for (size_t i = 0; i < records_.size(); ++i) {
    const bool ascends = i > 0 && records_[i - 1].key() < records_[i].key();
    if (!ascends) runs.emplace_back(i, i);
    runs.back().second = i + 1;
  }
  return runs;
}

// begins[0] to begins[runs] is sorted run by run, and the runs by their firsts.
void PendingEntries::Merge(Order* order, const size_t* begins, size_t runs) const {
  if (runs < 2) return;
  const size_t half = runs / 2;
  Merge(order, begins, half);
  Merge(order, begins + half, runs - half);
  const auto at = [order](size_t i) { return order->begin() + static_cast<ptrdiff_t>(i); };
  const auto middle = at(begins[half]);
  if (Less(*(middle - 1), *middle)) return;
  std::inplace_merge(at(begins[0]), middle, at(begins[runs]),
                     [this](uint32_t a, uint32_t b) { return Less(a, b); });
}

void PendingEntries::Clear() {
  const bool is_wide = slots_.size() > kSlotsMin && kWide * records_.size() < slots_.size();
  slots_.assign(is_wide ? slots_.size() / 2 : slots_.size(), Slot());
  mask_ = slots_.size() - 1;
  records_.clear();
  large_.clear();
  slabs_used_ = 0;
  slab_bytes_ = 0;
  next_ = end_ = nullptr;
}

}  // namespace murmur
