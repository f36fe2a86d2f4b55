// Calls that are stopped while they wait for a peer that does not answer.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include "murmur/status.h"

namespace murmur {

// While it lives, nobody answers.
class Hang {
 public:
  Hang() = default;
  Hang(const Hang&) = delete;
  Hang& operator=(const Hang&) = delete;
  virtual ~Hang() = default;
};

// A server that accepts what it is sent and never answers: its process is suspended.
class HangingServer final : public Hang {
 public:
  explicit HangingServer(pid_t pid) : pid_(pid) { kill(pid_, SIGSTOP); }
  ~HangingServer() override { kill(pid_, SIGCONT); }
  // For the process that the environment variable names; null if it names none.
  static std::unique_ptr<Hang> Of(const char* variable) {
    const char* text = std::getenv(variable);
    const long pid = text == nullptr ? 0 : std::strtol(text, nullptr, 10);
    if (pid <= 0) return nullptr;
    return std::make_unique<HangingServer>(static_cast<pid_t>(pid));
  }

 private:
  const pid_t pid_;
};

struct StoppedCall {
  Status status;                      // that the call returned
  bool was_inside = false;            // it had not returned before the stop
  std::chrono::milliseconds took{0};  // from the stop to the return
};

inline constexpr std::chrono::milliseconds kStopMax{1000};  // as murmur/source.h promises

// Makes `call`, lets it reach the point where it waits, and asks it to stop.
inline StoppedCall StopInside(const std::function<Status(std::stop_token)>& call) {
  constexpr std::chrono::milliseconds kTimeToGetStuck{300};
  StoppedCall stopped;
  std::mutex mutex;
  std::condition_variable changed;
  bool returned = false;
  std::stop_source stop;
  std::jthread caller([&] {
    Status status = call(stop.get_token());
    const std::lock_guard lock(mutex);
    stopped.status = std::move(status);
    returned = true;
    changed.notify_all();
  });
  std::unique_lock lock(mutex);
  stopped.was_inside = !changed.wait_for(lock, kTimeToGetStuck, [&] { return returned; });
  const auto begin = std::chrono::steady_clock::now();
  stop.request_stop();
  changed.wait(lock, [&] { return returned; });
  stopped.took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begin);
  return stopped;
}

}  // namespace murmur
