// A server of the tests that does not answer for a while.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <cstdlib>
#include <memory>

#include "murmur/testing/stop_inside.h"

namespace murmur {

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

}  // namespace murmur
