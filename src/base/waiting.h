// Waits that a stop ends, and a way to wake a thread that waits.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

namespace murmur {

// Waits for `time`. False: a stop was asked for.
inline bool SleepUnlessStopped(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

// Wakes a waiting thread; if none waits, the next wait ends at once. Threads: any; one waits.
class Wakeup {
 public:
  void Notify() {
    {
      const std::lock_guard lock(mutex_);
      if (notified_) return;
      notified_ = true;
    }
    condition_.notify_one();
  }
  void WaitUntil(std::chrono::steady_clock::time_point time, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    condition_.wait_until(lock, stop, time, [this] { return notified_; });
    notified_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any condition_;
  bool notified_ = false;  // under mutex_
};

}  // namespace murmur
