// SIGINT and SIGTERM ask for a stop; a second one ends the process at once.
#pragma once

#include <stop_token>

namespace murmur::cli {

// Call it once, before any thread starts. From then on a separate thread takes the signals and asks
// the token to stop.
std::stop_token StopOnSignals();

// The signal that was received; 0: none.
int SignalReceived() noexcept;

}  // namespace murmur::cli
