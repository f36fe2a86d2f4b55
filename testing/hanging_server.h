// A server of the tests that does not answer for a while.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "murmur/testing/stop_inside.h"

namespace murmur {

// A server that accepts what it is sent and never answers: its process is suspended, and those of
// its connections, if it has such.
class HangingServer final : public Hang {
 public:
  explicit HangingServer(pid_t pid) : pids_{pid} {
    kill(pid, SIGSTOP);  // first: it starts no other
    std::ifstream children("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) +
                           "/children");
    for (pid_t child = 0; children >> child;) {
      kill(child, SIGSTOP);
      pids_.push_back(child);
    }
  }
  ~HangingServer() override {
    for (const pid_t pid : pids_) kill(pid, SIGCONT);
  }
  // For the process that the environment variable names; null if it names none.
  static std::unique_ptr<Hang> Of(const char* variable) {
    const char* text = std::getenv(variable);
    const long pid = text == nullptr ? 0 : std::strtol(text, nullptr, 10);
    if (pid <= 0) return nullptr;
    return std::make_unique<HangingServer>(static_cast<pid_t>(pid));
  }

 private:
  std::vector<pid_t> pids_;
};

}  // namespace murmur
