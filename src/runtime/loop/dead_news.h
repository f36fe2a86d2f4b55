// Reports the first dead letter of each kind at once, with its remedy, so that the user of a long
// run does not learn only at its end that nothing counts. Further ones of the kind are only
// counted.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <set>
#include <span>
#include <string>

#include "murmur/record.h"

namespace murmur {

class DeadNews {
 public:
  // `tell` is called by the thread that found the letter, one call at a time.
  DeadNews(std::function<void(const std::string&)> tell, std::string state_place)
      : tell_(std::move(tell)), state_place_(std::move(state_place)) {}

  void Note(std::span<const DeadLetter> letters);

 private:
  static constexpr size_t kKindsMax = 20;  // reported per run

  const std::function<void(const std::string&)> tell_;
  const std::string state_place_;
  std::mutex mutex_;
  std::set<std::string> kinds_;  // under mutex_
};

// "data/a.jsonl at 17", or the id instead of the offset.
std::string PlaceOf(const DeadLetter& letter);

// The remedy for records of this kind, in addition to the detail: one sentence.
std::string RemedyFor(DeadReason reason);

}  // namespace murmur
