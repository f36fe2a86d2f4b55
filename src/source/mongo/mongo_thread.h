// Threads for what libmongoc does, which nothing can interrupt: whoever waits for one can let go of
// it.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

namespace murmur {

// Waits for `time`. False: a stop was asked for.
inline bool SleepFor(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any nothing;
  std::unique_lock lock(mutex);
  nothing.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

// Runs `work`, which owns all that it touches, or shares it.
class DetachableThread {
 public:
  explicit DetachableThread(std::function<void()> work)
      : thread_([ended = ended_, work = std::move(work)]() mutable {
          work();
          work = nullptr;  // what it held is gone before it has ended
          const std::lock_guard lock(ended->mutex);
          ended->value = true;
          ended->changed.notify_all();
        }) {}
  // REQUIRES: the work has been told to end. Left to itself if it does not soon.
  ~DetachableThread() {
    if (Wait({}, kLastWords)) {
      thread_.join();
    } else {
      thread_.detach();
    }
  }
  DetachableThread(const DetachableThread&) = delete;
  DetachableThread& operator=(const DetachableThread&) = delete;

  // Until the work has ended, or a stop is asked for.
  void Wait(const std::stop_token& stop) {
    while (!stop.stop_requested() && !Wait(stop, std::chrono::hours(1))) {
    }
  }

 private:
  static constexpr std::chrono::milliseconds kLastWords{400};

  struct Ended {
    std::mutex mutex;
    std::condition_variable_any changed;
    bool value = false;  // under mutex
  };

  bool Wait(const std::stop_token& stop, std::chrono::milliseconds time) {
    std::unique_lock lock(ended_->mutex);
    return ended_->changed.wait_for(lock, stop, time, [this] { return ended_->value; });
  }

  const std::shared_ptr<Ended> ended_ = std::make_shared<Ended>();
  std::thread thread_;
};

// How long to wait before something is tried again.
class Retries {
 public:
  explicit Retries(std::chrono::seconds patience) { Progress(patience); }

  // It went on a bit: from now on there is `patience`.
  void Progress(std::chrono::seconds patience) {
    attempts_ = 0;
    pause_ = kFirstPause;
    give_up_ = std::chrono::steady_clock::now() + patience;
  }
  // Empty: it was tried long enough.
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
