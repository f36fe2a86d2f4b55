// SIGINT and SIGTERM ask for a stop; a second one ends the process at once.
#pragma once

#include <stop_token>

namespace murmur::cli {

// Call once, before any thread is started. From then on the signals are taken by a thread of their
// own, and ask the token to stop.
std::stop_token StopOnSignals();

// The signal that was received; 0: none.
int SignalReceived() noexcept;

}  // namespace murmur::cli
