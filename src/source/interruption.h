// Ends requests under way when a stop is asked for, where the waiting code takes no stop token:
// reads through Arrow's file interface.
#pragma once

#include <mutex>
#include <stop_token>
#include <utility>

namespace murmur {

// Threads: any.
class Interruption {
 public:
  // For a request that begins now.
  std::stop_token token() const {
    const std::lock_guard lock(mutex_);
    return source_.get_token();
  }
  // Stops the requests whose token was taken before; later ones are not affected.
  void Request() {
    std::stop_source stopped;
    {
      const std::lock_guard lock(mutex_);
      stopped = std::exchange(source_, std::stop_source());
    }
    stopped.request_stop();
  }

 private:
  mutable std::mutex mutex_;
  std::stop_source source_;
};

}  // namespace murmur
