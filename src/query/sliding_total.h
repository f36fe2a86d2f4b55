// The combination of the windows in a span that moves forward, with about two combinations for each
// window, whatever the span's length: monoids can't be subtracted from.
//
// Windows that have come in since the last turn are combined as they come (back). A turn makes of
// them, from the newest to the oldest, the combinations of each with all newer ones (front); as the
// oldest leaves, the next of these is the total of those that stay. Source: K. Tangwongsan et al.,
// "General incremental sliding-window aggregation", VLDB 2015 ("two stacks").
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/state_value.h"

namespace murmur {

class SlidingTotal {
 public:
  // Whose monoids outlive it.
  explicit SlidingTotal(MonoidSpan monoids) : monoids_(monoids) {}

  // REQUIRES: bucket is greater than all before
  void Add(int64_t bucket, std::string_view value);
  void DropBefore(int64_t bucket);
  bool empty() const noexcept { return front_.empty() && back_.empty(); }
  // False: stored values are damaged. REQUIRES: !empty()
  bool Total(std::string* total) const;

 private:
  struct One {
    int64_t bucket;
    std::string value;
  };
  bool Combine(std::string_view a, std::string_view b, std::string* out) const;
  void Turn();

  const MonoidSpan monoids_;
  std::vector<One> front_;  // the oldest last; each value combines it with all newer ones of front
  std::vector<One> back_;   // the newest last
  std::string back_total_;
  bool damaged_ = false;
};

}  // namespace murmur
