// Calls that are stopped while they wait for something that does not answer. Used by the contracts
// of sources.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "murmur/source.h"
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
    EXPECT_FALSE(is_stopped && state.ok()) << "a Read after a stop";
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
