// Threads for work of client libraries that nothing can interrupt: whoever waits for one can
// abandon it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "murmur/status.h"

namespace murmur {

// Runs `work`, which owns, or shares ownership of, everything that it touches.
class DetachableThread {
 public:
  explicit DetachableThread(std::function<void()> work)
      : thread_([ended = ended_, work = std::move(work)]() mutable {
          work();
          work = nullptr;  // what it held is released before it counts as ended
          const std::lock_guard lock(ended->mutex);
          ended->value = true;
          ended->changed.notify_all();
        }) {}
  // REQUIRES: the work has been told to end. If it does not end soon, it is abandoned.
  ~DetachableThread() {
    if (Wait({}, kLastWords)) {
      thread_.join();
    } else {
      thread_.detach();
    }
  }
  DetachableThread(const DetachableThread&) = delete;
  DetachableThread& operator=(const DetachableThread&) = delete;

  // Returns when the work has ended, or a stop is asked for.
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

// The result of `work`, or kCancelled soon after a stop; the work then continues in an abandoned
// thread. It owns, or shares ownership of, everything that it touches. `what` it is about.
template <class T>
Result<T> UnlessStopped(const std::stop_token& stop, std::string_view what,
                        std::function<Result<T>()> work) {
  const auto answer = std::make_shared<Result<T>>(Status(Code::kCancelled, std::string(what)));
  DetachableThread thread([answer, work = std::move(work)] { *answer = work(); });
  thread.Wait(stop);
  if (stop.stop_requested()) return Status(Code::kCancelled, std::string(what));
  return *std::move(answer);
}

}  // namespace murmur
