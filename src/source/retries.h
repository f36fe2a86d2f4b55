// When a server that does not answer is asked again.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <stop_token>
#include <utility>

#include "base/waiting.h"
#include "source/detachable_thread.h"

namespace murmur {

// How long to wait before something is tried again.
class Retries {
 public:
  explicit Retries(std::chrono::seconds patience) { Progress(patience); }

  // Something has progressed: from now on there is `patience`.
  void Progress(std::chrono::seconds patience) {
    attempts_ = 0;
    pause_ = kFirstPause;
    give_up_ = std::chrono::steady_clock::now() + patience;
  }
  // Empty: there have been enough tries.
  std::optional<std::chrono::milliseconds> Next() {
    if (std::chrono::steady_clock::now() >= give_up_) return std::nullopt;
    ++attempts_;
    return std::exchange(pause_, std::min(2 * pause_, kLongestPause));
  }
  // Since the last progress.
  int attempts() const { return attempts_; }

 private:
  static constexpr std::chrono::milliseconds kFirstPause{50};
  static constexpr std::chrono::milliseconds kLongestPause{2000};

  int attempts_ = 0;
  std::chrono::milliseconds pause_{};
  std::chrono::steady_clock::time_point give_up_;
};

}  // namespace murmur
