// The first dead letter of a kind is told at once, with what to do about it: who waits for a long
// run shall not learn at its end that nothing counts. The others of the kind are counted only.
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
  // `tell` is called by whichever thread found the letter, one call at a time.
  DeadNews(std::function<void(const std::string&)> tell, std::string state_path)
      : tell_(std::move(tell)), state_path_(std::move(state_path)) {}

  void Note(std::span<const DeadLetter> letters);

 private:
  static constexpr size_t kKindsMax = 20;  // told of in a run

  const std::function<void(const std::string&)> tell_;
  const std::string state_path_;
  std::mutex mutex_;
  std::set<std::string> kinds_;  // under mutex_
};

// "data/a.jsonl at 17", or the id instead of the offset.
std::string PlaceOf(const DeadLetter& letter);

// What its owner may do about records of this kind, beside what the detail says: a sentence.
std::string RemedyFor(DeadReason reason);

}  // namespace murmur
