// Shared by the contracts of sources: each call that waits is stopped while it waits.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "murmur/source.h"
#include "testing/hang.h"

namespace murmur {

template <class Source>
struct StoppableCall {
  std::string name;
  std::function<Status(Source*, std::stop_token)> run;
};

// Reads to the end or until a stop; it is an error if a Read that began after the stop gives
// records.
inline Status ReadUntilStopped(RecordStream* stream, const Projection& projection,
                               const std::stop_token& stop) {
  RecordBatch batch(projection);
  for (;;) {
    const bool is_stopped = stop.stop_requested();
    const auto state = stream->Read(stop, &batch);
    EXPECT_FALSE(is_stopped && state.ok()) << "a Read behind a stop";
    if (!state.ok()) {
      EXPECT_EQ(batch.rows, 0u);
      return state.status();
    }
    if (*state == ReadState::kEnd) return {};
    if (*state == ReadState::kIdle) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

// Makes each call, each on its own source, while nobody answers, and stops it. Calls that were
// waiting must be cancelled at once. Returns how many waited; -1: nothing makes them wait.
template <class Source, class Fixture>
int StopInsideEach(const std::vector<StoppableCall<Source>>& calls,
                   const std::vector<std::unique_ptr<Source>>& sources, Fixture* fixture) {
  const auto hang = fixture->BeginHang();
  if (hang == nullptr) return -1;
  int inside = 0;
  for (size_t i = 0; i < calls.size(); ++i) {
    const auto stopped =
        StopInside([&](std::stop_token stop) { return calls[i].run(sources[i].get(), stop); });
    EXPECT_LT(stopped.took, kStopMax) << calls[i].name;
    EXPECT_EQ(stopped.status.code(), stopped.was_inside ? Code::kCancelled : Code::kOk)
        << calls[i].name << ": " << stopped.status.ToString();
    inside += stopped.was_inside ? 1 : 0;
  }
  return inside;
}

}  // namespace murmur
