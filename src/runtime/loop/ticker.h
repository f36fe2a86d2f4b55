#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

namespace murmur {

// Calls `tick` now and then, from its own thread, until it is destroyed.
class Ticker {
 public:
  Ticker(std::chrono::milliseconds every, std::function<void()> tick)
      : thread_([every, tick = std::move(tick)](std::stop_token stop) {
          std::mutex mutex;
          std::condition_variable_any wake;
          std::unique_lock lock(mutex);
          while (!wake.wait_for(lock, stop, every, [] { return false; }) &&
                 !stop.stop_requested()) {
            tick();
          }
        }) {}

 private:
  std::jthread thread_;
};

}  // namespace murmur
