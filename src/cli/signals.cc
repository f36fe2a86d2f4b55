#include "cli/signals.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

namespace murmur::cli {
namespace {

std::atomic<int> g_signal{0};

}  // namespace

int SignalReceived() noexcept { return g_signal.load(); }

std::stop_token StopOnSignals() {
  // Lives until the process ends: the waiting thread is never joined.
  static auto* const source = new std::stop_source();
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals] {
    for (;;) {
      int signal = 0;
      if (sigwait(&signals, &signal) != 0) continue;
      if (g_signal.exchange(signal) != 0) ::_exit(128 + signal);
      source->request_stop();
    }
  }).detach();
  return source->get_token();
}

}  // namespace murmur::cli
