// Lets a thread that makes pieces wait until another has passed each on: at most one is under way.
// Threads: one waits, another opens.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "murmur/status.h"

namespace murmur {

class PieceGate {
 public:
  // Waits for Open. Errors: what Open said; kDeadlineExceeded; kCancelled (the server ends).
  Status Wait(std::chrono::steady_clock::time_point deadline, std::stop_token stop) {
    std::unique_lock lock(mutex_);
    const bool opened = opened_.wait_until(lock, stop, deadline, [this] { return is_open_; });
    if (opened) {
      is_open_ = false;
      return outcome_;
    }
    if (stop.stop_requested()) return Status(Code::kCancelled, "the server ends");
    return Status(Code::kDeadlineExceeded, "the client did not take the answer in time");
  }
  void Open(Status outcome) {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    outcome_ = std::move(outcome);
    opened_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any opened_;
  bool is_open_ = false;
  Status outcome_;
};

}  // namespace murmur
