// Tries something that may fail less and less often. Counted in occasions, not in time.
// Threads: one.
#pragma once

#include <algorithm>
#include <cstdint>

namespace murmur {

class AttemptBackoff {
 public:
  // After failure number n, `least` * `factor`^(n-1) occasions are passed over, `most` at most.
  constexpr AttemptBackoff(uint32_t least, uint32_t factor, uint32_t most) noexcept
      : least_(least), factor_(factor), most_(most), next_(least) {}

  // Whether to try on this occasion.
  bool Try() noexcept {
    if (passing_ == 0) return true;
    --passing_;
    return false;
  }
  void Failed() noexcept {
    passing_ = next_;
    next_ = std::min(factor_ * next_, most_);
  }
  void Succeeded() noexcept { next_ = least_; }

 private:
  uint32_t least_;
  uint32_t factor_;
  uint32_t most_;
  uint32_t next_;
  uint32_t passing_ = 0;
};

}  // namespace murmur
