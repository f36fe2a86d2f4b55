// Hash tables of values (value_codec.h) in the states of set, count_by and topk.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "monoid/hash.h"
#include "monoid/varint.h"

namespace murmur {

struct ValueHash {
  using is_transparent = void;
  size_t operator()(std::string_view value) const noexcept { return HashBytes(value, kStringSeed); }
};

using ValueCounts = std::unordered_map<std::string, int64_t, ValueHash, std::equal_to<>>;

// About how much heap one entry of such a table takes.
inline size_t ValueEntryBytes(std::string_view value) {
  constexpr size_t kNodeBytes = 80;
  return kNodeBytes + (value.size() < 16 ? 0 : value.size() + 17);
}

inline void AddCount(ValueCounts& counts, std::string_view value, int64_t count) {
  const auto found = counts.find(value);
  if (found == counts.end()) {
    counts.emplace(value, count);
  } else {
    found->second = WrappingAdd(found->second, count);
  }
}

}  // namespace murmur
