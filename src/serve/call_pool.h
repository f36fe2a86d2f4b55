// Threads for calls that take long: they read many keys, or wait. Threads: any.
#pragma once

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <mutex>
#include <stop_token>
#include <utility>

#include "murmur/status.h"

namespace murmur {

class CallPool {
 public:
  // At most `waiting_max` calls are under way or wait for a thread.
  CallPool(size_t threads, size_t waiting_max) : waiting_max_(waiting_max), pool_(threads) {}
  ~CallPool() { Stop(); }

  // Runs `call` in a thread. Errors: kResourceExhausted, kUnavailable (after Stop); then it doesn't
  // run.
  template <class Call>
  Status Start(Call call) {
    const std::lock_guard lock(mutex_);
    if (stop_.stop_requested()) return Status(Code::kUnavailable, "the server ends");
    if (under_way_.fetch_add(1) >= waiting_max_) {
      under_way_.fetch_sub(1);
      return Status(Code::kResourceExhausted, "too many calls at once: try again a little later");
    }
    boost::asio::post(pool_, [this, call = std::move(call)]() mutable {
      call();
      under_way_.fetch_sub(1);
    });
    return {};
  }
  // Asks all calls to end, and waits for them.
  void Stop() {
    {
      const std::lock_guard lock(mutex_);  // a call that is just started is waited for
      stop_.request_stop();
    }
    pool_.join();
  }
  std::stop_token stop() const { return stop_.get_token(); }

 private:
  const size_t waiting_max_;
  std::mutex mutex_;
  std::stop_source stop_;
  std::atomic<size_t> under_way_{0};
  boost::asio::thread_pool pool_;
};

}  // namespace murmur
