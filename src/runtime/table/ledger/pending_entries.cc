#include "runtime/table/ledger/pending_entries.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "monoid/hash.h"

namespace murmur {
namespace {

constexpr size_t kSlotsMin = 1 << 10;
constexpr size_t kRunMin = 16;  // average rows per run from which merging runs pays
constexpr size_t kWide = 16;    // slots for each record: too many to empty each time

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

void PendingEntries::Replace(std::string_view key, uint64_t hash, Entry entry) {
  const Slot& slot = slots_[SlotOf(key, hash)];
  if (slot.record_plus_1 == 0) return Put(key, hash, entry);
  Record& record = records_[slot.record_plus_1 - 1];
  if (!entry) {
    record.entry_size = kNoEntry;
  } else if (record.entry_size == kNoEntry || record.entry_size < entry->size()) {
    record = Store(key, entry);
  } else {
    record.entry_size = static_cast<uint32_t>(entry->size());
    std::memcpy(record.bytes + record.key_size, entry->data(), entry->size());
  }
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
  const bool has_runs = runs.size() * kRunMin <= records_.size();
  const Order order = has_runs ? OrderByRuns(std::move(runs)) : OrderByKeys();
  std::vector<LedgerRow> rows;
  rows.reserve(order.size());
  for (const uint32_t i : order) {
    LedgerRow& row = rows.emplace_back();
    row.key = records_[i].key();
    if (const Entry entry = records_[i].entry()) row.entry.emplace(*entry);
  }
  return rows;
}

// Compares the eight bytes after the keys' common prefix; whole keys if those are equal.
PendingEntries::Order PendingEntries::OrderByKeys() const {
  const std::string_view first = records_[0].key();
  size_t common = first.size();
  for (const Record& record : records_) {
    const std::string_view key = record.key().substr(0, common);
    common = static_cast<size_t>(std::mismatch(key.begin(), key.end(), first.begin()).first -
                                 key.begin());
  }
  struct Key {
    uint64_t bytes;
    uint32_t record;
  };
  std::vector<Key> keys;
  keys.reserve(records_.size());
  for (uint32_t i = 0; i < records_.size(); ++i) {
    const std::string_view rest = records_[i].key().substr(common, sizeof(uint64_t));
    uint64_t bytes = 0;
    for (const char c : rest) bytes = bytes << 8 | static_cast<unsigned char>(c);
    for (size_t n = rest.size(); n < sizeof bytes; ++n) bytes <<= 8;
    keys.push_back({bytes, i});
  }
  std::sort(keys.begin(), keys.end(), [this](const Key& a, const Key& b) {
    return a.bytes != b.bytes ? a.bytes < b.bytes : Less(a.record, b.record);
  });
  Order order;
  order.reserve(keys.size());
  for (const Key& key : keys) order.push_back(key.record);
  return order;
}

PendingEntries::Order PendingEntries::OrderByRuns(std::vector<Run> runs) const {
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
  return order;
}

// Runs of records that came in ascending order.
std::vector<PendingEntries::Run> PendingEntries::Runs() const {
  std::vector<Run> runs;
  for (size_t i = 0; i < records_.size(); ++i) {
    const bool ascends = i > 0 && records_[i - 1].key() < records_[i].key();
    if (!ascends) runs.emplace_back(i, i);
    runs.back().second = i + 1;
  }
  return runs;
}

// Merges sorted runs in begins[0] to begins[runs]; the runs are ordered by their first records.
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
