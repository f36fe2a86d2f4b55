// Keeps several readers together to so many units per second, where what a request costs is known
// only afterwards.
#pragma once

#include <algorithm>
#include <chrono>
#include <mutex>
#include <stop_token>

namespace murmur {

// Threads: any.
class ReadBudget {
 public:
  // 0: there is no limit.
  explicit ReadBudget(double units_per_second) : per_second_(units_per_second) {}

  // How long to wait before the next request.
  std::chrono::milliseconds Wait() const {
    const std::lock_guard lock(mutex_);
    return std::max(std::chrono::milliseconds(0),
                    std::chrono::duration_cast<std::chrono::milliseconds>(paid_until_ - Now()));
  }
  // A request took so many units: none is made before they are paid for.
  void Pay(double units) {
    if (per_second_ == 0) return;
    const std::lock_guard lock(mutex_);
    paid_until_ =
        std::max(paid_until_, Now()) + std::chrono::duration_cast<Clock::duration>(
                                           std::chrono::duration<double>(units / per_second_));
  }
  double per_second() const noexcept { return per_second_; }

 private:
  using Clock = std::chrono::steady_clock;
  static Clock::time_point Now() { return Clock::now(); }

  const double per_second_;
  mutable std::mutex mutex_;
  Clock::time_point paid_until_;  // under mutex_
};

}  // namespace murmur
