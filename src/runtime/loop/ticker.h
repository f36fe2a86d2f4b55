#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/waiting.h"

namespace murmur {

// Calls `tick` now and then, from its own thread, until it is destroyed.
class Ticker {
 public:
  Ticker(std::chrono::milliseconds every, std::function<void()> tick)
      : thread_([every, tick = std::move(tick)](std::stop_token stop) {
          while (SleepUnlessStopped(every, stop)) tick();
        }) {}

 private:
  std::jthread thread_;
};

}  // namespace murmur
