#include "fold/group_table.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <span>

#include "fold/mix.h"
#include "murmur/state_value.h"

namespace murmur {
namespace {

constexpr size_t kSlotsMin = size_t{1} << 12;
constexpr size_t kCacheLine = 64;

uint64_t Load(const char* p) noexcept {
  uint64_t v;
  std::memcpy(&v, p, 8);
  return v;
}

uint64_t NextGeneration() noexcept {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

// An entry that straddles two cache lines costs two misses.
size_t Stride(size_t bytes) noexcept {
  if (bytes > kCacheLine / 2 && bytes <= kCacheLine) return kCacheLine;
  return bytes;
}

}  // namespace

uint64_t HashKey(std::string_view key) noexcept {
  const char* p = key.data();
  uint64_t seed = 0xa0761d6478bd642fULL ^ key.size();
  if (key.size() > kHashedBytes) {
    const char* const last = p + key.size() - kHashedBytes;
    for (; p < last; p += 16) {
      seed = Mix(Load(p) ^ 0xe7037ed1a0b428dbULL, Load(p + 8) ^ seed);
    }
    p = last;
  }
  const uint64_t low = Mix(Load(p) ^ 0xe7037ed1a0b428dbULL, Load(p + 8) ^ seed);
  const uint64_t high = Mix(Load(p + 16) ^ 0x8ebc6af09c88c6e3ULL, Load(p + 24) ^ ~seed);
  return Mix(low ^ 0x589965cc75374cc3ULL, high ^ 0x1d8e4e27c47d124fULL);
}

GroupTable::GroupTable(std::vector<const Monoid*> monoids)
    : monoids_(std::move(monoids)), states_(monoids_.size()) {
  size_t hot = sizeof(Header);
  for (const Monoid* monoid : monoids_) {
    auto& scratch = scratches_.emplace_back(monoid->NewScratch());
    size_t& bytes = scratch ? cold_stride_ : hot;
    layouts_.push_back({.cold = scratch != nullptr, .offset = bytes});
    bytes += monoid->state_size();
  }
  hot_stride_ = Stride(hot);
  generation_ = NextGeneration();
  MakeIndex(kSlotsMin);
}

GroupTable::~GroupTable() { Clear(); }

size_t GroupTable::bytes() const noexcept {
  size_t total = slot_count_ * sizeof(Slot) + size_t{groups_} * (hot_stride_ + cold_stride_) +
                 long_keys_.size() + arena_.bytes();
  for (const auto& scratch : scratches_) total += scratch ? scratch->bytes() : 0;
  constexpr size_t kSortBytes = 32;  // two arrays of key prefix and group
  return total + size_t{groups_} * kSortBytes;
}

uint32_t GroupTable::Insert(std::string_view key, uint64_t slot, uint32_t tag) {
  const uint32_t group = groups_++;
  hot_.Grow(size_t{groups_} * hot_stride_);
  if (cold_stride_ != 0) cold_.Grow(size_t{groups_} * cold_stride_);
  Header* header = HeaderOf(group);
  header->length = static_cast<uint32_t>(key.size());
  if (key.size() <= kInlineKey) {
    std::memcpy(header->inline_key, key.data(), kInlineKey);
  } else {
    header->offset = static_cast<uint32_t>(long_keys_.size());
    long_keys_.append(key);
  }
  slots()[slot] = {tag, group + 1};
  if (uint64_t{groups_} * 2 > slot_count_) GrowIndex();
  return group;
}

// REQUIRES: slots_ is all zeros
void GroupTable::MakeIndex(uint64_t slot_count) {
  slots_.Grow(slot_count * sizeof(Slot));
  slot_count_ = slot_count;
  tag_shift_ = std::countl_zero(static_cast<uint32_t>(slot_count - 1));
}

void GroupTable::GrowIndex() {
  ZeroedMemory old;
  old.Swap(slots_);
  const auto* const from = reinterpret_cast<const Slot*>(old.data());
  const uint64_t count = slot_count_;
  MakeIndex(count * 2);
  for (uint64_t i = 0; i < count; ++i) {
    if (from[i].group_plus_1 == 0) continue;
    uint64_t slot = HomeOf(from[i].tag);
    while (slots()[slot].group_plus_1 != 0) slot = (slot + 1) & (slot_count_ - 1);
    slots()[slot] = from[i];
  }
}

StateSpan GroupTable::States(size_t index) noexcept {
  const Layout& layout = layouts_[index];
  return {.base = (layout.cold ? cold_ : hot_).data() + layout.offset,
          .stride = layout.cold ? cold_stride_ : hot_stride_,
          .arena = &arena_};
}

const char* GroupTable::State(size_t index, uint32_t group) const noexcept {
  const Layout& layout = layouts_[index];
  return layout.cold ? cold_.data() + size_t{group} * cold_stride_ + layout.offset
                     : Record(group) + layout.offset;
}

void GroupTable::Settle() {
  for (size_t i = 0; i < monoids_.size(); ++i) {
    if (scratches_[i]) monoids_[i]->Settle(States(i), groups_, scratches_[i].get());
  }
  settled_ = true;
}

void GroupTable::EncodeValue(uint32_t group, std::string* out) {
  for (size_t i = 0; i < monoids_.size(); ++i) states_[i] = State(i, group);
  AppendValue(Records(group), monoids_, states_, out);
}

uint32_t GroupTable::FindAny(std::string_view key) {
  if (key.size() >= kHashedBytes) return Find(key, HashKey(key));
  char padded[kHashedBytes] = {};
  std::memcpy(padded, key.data(), key.size());
  const std::string_view readable(padded, key.size());
  return Find(readable, HashKey(readable));
}

bool GroupTable::EncodeValueOf(std::string_view key, std::string* out) {
  const uint32_t group = FindAny(key);
  if (Records(group) == 0) return false;
  EncodeValue(group, out);
  return true;
}

void GroupTable::AddRange(GroupTable* other, std::string_view from, std::string_view until) {
  Settle();
  other->Settle();
  std::string encoded;
  for (uint32_t added = 0; added < other->groups_; ++added) {
    const std::string_view key = other->Key(added);
    if (key < from || (!until.empty() && key >= until)) continue;
    const uint32_t group = FindAny(key);
    Records(group) += other->Records(added);
    for (size_t i = 0; i < monoids_.size(); ++i) {
      if (monoids_[i]->state_size() == 0) continue;
      encoded.clear();
      monoids_[i]->Encode(other->State(i, added), &encoded);
      if (!encoded.empty()) monoids_[i]->Combine(States(i).at(group), encoded, &arena_);
    }
  }
}

void GroupTable::Subtract(GroupTable* other) {
  Settle();
  other->Settle();
  Arena scratch;
  for (uint32_t from = 0; from < other->groups_; ++from) {
    const uint32_t group = FindAny(other->Key(from));
    Records(group) -= other->Records(from);
    SubtractStates(*other, from, group, &scratch);
  }
}

void GroupTable::SubtractStates(const GroupTable& other, uint32_t from, uint32_t group,
                                Arena* scratch) {
  std::string encoded;
  for (size_t i = 0; i < monoids_.size(); ++i) {
    const Monoid& monoid = *monoids_[i];
    if (monoid.state_size() == 0) continue;
    encoded.clear();
    monoid.Encode(other.State(i, from), &encoded);
    if (encoded.empty()) continue;
    void* inverse = scratch->Allocate(monoid.state_size());
    auto* const state = static_cast<char*>(inverse);
    monoid.Combine(state, encoded, scratch);
    monoid.Negate(state, scratch);
    encoded.clear();
    monoid.Encode(state, &encoded);
    monoid.Destroy(state);
    scratch->Free(inverse, monoid.state_size());
    monoid.Combine(States(i).at(group), encoded, &arena_);
  }
}

namespace {

struct SortKey {
  uint64_t prefix;  // big-endian: the 8 bytes after the prefix common to all keys
  uint32_t group;
};

uint64_t PrefixAt(std::string_view key, size_t from) noexcept {
  char bytes[8] = {};
  if (from < key.size())
    std::memcpy(bytes, key.data() + from, std::min<size_t>(8, key.size() - from));
  return __builtin_bswap64(Load(bytes));
}

// Least significant byte first, only over the bytes that differ. Uses `other`, of the same size;
// returns which of the two holds the result.
std::span<SortKey> RadixSort(std::span<SortKey> keys, std::span<SortKey> other) {
  uint64_t all_or = 0;
  uint64_t all_and = ~uint64_t{0};
  for (const SortKey& key : keys) {
    all_or |= key.prefix;
    all_and &= key.prefix;
  }
  for (int byte = 0; byte < 8; ++byte) {
    const int shift = 8 * byte;
    if ((((all_or ^ all_and) >> shift) & 0xff) == 0) continue;
    size_t starts[257] = {};
    for (const SortKey& key : keys) ++starts[((key.prefix >> shift) & 0xff) + 1];
    for (int i = 0; i < 256; ++i) starts[i + 1] += starts[i];
    for (const SortKey& key : keys) other[starts[(key.prefix >> shift) & 0xff]++] = key;
    std::swap(keys, other);
  }
  return keys;
}

std::span<SortKey> Room(ZeroedMemory* memory, size_t count) {
  memory->Grow(count * sizeof(SortKey));
  return {reinterpret_cast<SortKey*>(memory->data()), count};
}

}  // namespace

void GroupTable::Sort(std::vector<uint32_t>* order) const {
  order->clear();
  if (groups_ == 0) return;
  const std::string_view first = Key(0);
  size_t shared = first.size();
  for (uint32_t group = 1; group < groups_ && shared > 0; ++group) {
    const std::string_view key = Key(group);
    shared = std::min(shared, key.size());
    while (std::memcmp(first.data(), key.data(), shared) != 0) --shared;
  }
  const std::span<SortKey> unsorted = Room(&unsorted_, groups_);
  for (uint32_t group = 0; group < groups_; ++group) {
    unsorted[group] = {PrefixAt(Key(group), shared), group};
  }
  const std::span<SortKey> keys = RadixSort(unsorted, Room(&sorted_, groups_));
  const auto less = [this](const SortKey& a, const SortKey& b) {
    return Key(a.group) < Key(b.group);
  };
  for (size_t begin = 0; begin < keys.size();) {
    size_t end = begin + 1;
    while (end < keys.size() && keys[end].prefix == keys[begin].prefix) ++end;
    if (end - begin > 1) {
      std::sort(keys.begin() + static_cast<ptrdiff_t>(begin),
                keys.begin() + static_cast<ptrdiff_t>(end), less);
    }
    begin = end;
  }
  order->reserve(keys.size());
  for (const SortKey& key : keys) order->push_back(key.group);
}

void GroupTable::Clear() {
  for (size_t i = 0; i < monoids_.size(); ++i) {
    if (scratches_[i] && !settled_) scratches_[i] = monoids_[i]->NewScratch();
    const StateSpan states = States(i);
    for (uint32_t group = 0; group < groups_; ++group) monoids_[i]->Destroy(states.at(group));
  }
  hot_.Clear(size_t{groups_} * hot_stride_);
  cold_.Clear(size_t{groups_} * cold_stride_);
  slots_.Clear(slot_count_ * sizeof(Slot));
  // Clearing an index much larger than needed at every commit would be a waste.
  if (slot_count_ > kSlotsMin && uint64_t{groups_} * 8 < slot_count_) MakeIndex(slot_count_ / 2);
  sorted_.Clear(0);
  unsorted_.Clear(0);
  long_keys_.clear();
  arena_.Reset();
  groups_ = 0;
  settled_ = true;
  generation_ = NextGeneration();
}

}  // namespace murmur
