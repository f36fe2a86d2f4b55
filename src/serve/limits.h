// What a server grants one call, and all of them together.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <utility>

#include "murmur/state.h"

namespace murmur {

// What a call gets that doesn't say how many.
inline constexpr uint64_t kKeysDefault = 100;
inline constexpr uint64_t kTopDefault = 10;

struct ServeLimits {
  size_t request_bytes = 4 << 20;
  size_t header_bytes = 16 << 10;
  size_t keys = 10'000;                // of a call: keys, questions
  uint64_t rows = 1'000'000;           // of an answer that is not a stream
  uint64_t compared_keys = 1'000'000;  // of Top
  size_t connections = 10'000;
  size_t waiting_calls = 1'000;            // of those that take a thread of their own
  std::chrono::milliseconds call{10'000};  // a call that isn't a stream; less if asked
  std::chrono::milliseconds stream{3'600'000};
  std::chrono::milliseconds request{30'000};  // until a request has arrived, once it has begun
  std::chrono::milliseconds idle{300'000};    // of a connection between requests
  std::chrono::milliseconds write{60'000};    // until the client has taken a piece
};

// Of a call that begins now and may take `time`.
inline ScanLimit LimitFor(std::chrono::milliseconds time, std::stop_token stop) {
  return {.stop = std::move(stop), .deadline = std::chrono::steady_clock::now() + time};
}

}  // namespace murmur
