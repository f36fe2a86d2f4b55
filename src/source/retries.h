// When a server that does not answer is asked again.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

#include "base/waiting.h"
#include "murmur/status.h"
#include "source/detachable_thread.h"

namespace murmur {

// How long to wait before something is tried again.
class Retries {
 public:
  explicit Retries(std::chrono::seconds patience) { Progress(patience); }

  // Something has progressed: from now on there is `patience`.
  void Progress(std::chrono::seconds patience) {
    attempts_ = 0;
    pause_ = kFirstPause;
    give_up_ = std::chrono::steady_clock::now() + patience;
  }
  // Empty: there have been enough tries.
  std::optional<std::chrono::milliseconds> Next() {
    if (std::chrono::steady_clock::now() >= give_up_) return std::nullopt;
    ++attempts_;
    return std::exchange(pause_, std::min(2 * pause_, kLongestPause));
  }
  // Since the last progress.
  int attempts() const { return attempts_; }

 private:
  static constexpr std::chrono::milliseconds kFirstPause{50};
  static constexpr std::chrono::milliseconds kLongestPause{2000};

  int attempts_ = 0;
  std::chrono::milliseconds pause_{};
  std::chrono::steady_clock::time_point give_up_;
};

// After a try that failed: OK after a pause, if there shall be another. `where`: of messages.
// Errors: kCancelled; `failure` itself, if it is not kUnavailable, or there have been enough tries.
template <class AnyRetries>
Status WaitToTryAgain(const Status& failure, AnyRetries* retries, const std::stop_token& stop,
                      const std::string& where) {
  if (failure.code() != Code::kUnavailable) return failure;
  const auto pause = retries->Next();
  if (!pause) return failure;
  return SleepUnlessStopped(*pause, stop) ? Status() : Status(Code::kCancelled, where);
}

// question(Connection&) → Result<T> or Status, on what `open` gives, tried again while opening or
// question are kUnavailable and `patience` lasts; then `done` has the connection. `where`: of
// messages. Errors: kCancelled, and those of both.
template <class Question, class Open, class Done>
auto AskAgain(std::chrono::seconds patience, const std::string& where, const std::stop_token& stop,
              const Question& question, const Open& open, const Done& done)
    -> decltype(question(**open())) {
  Retries retries(patience);
  for (;;) {
    auto connection = open();
    Status status = connection.status();
    if (connection.ok()) {
      auto answer = question(**connection);
      if (answer.ok()) {
        done(*std::move(connection));
        return answer;
      }
      if constexpr (std::is_same_v<decltype(answer), Status>) {
        status = std::move(answer);
      } else {
        status = answer.status();
      }
    }
    MURMUR_TRY(WaitToTryAgain(status, &retries, stop, where));
  }
}

}  // namespace murmur
