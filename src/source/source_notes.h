// What a user should know of a source while it is read.
#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace murmur {

// Threads: any.
class SourceNotes {
 public:
  void Add(std::string note) {
    const std::lock_guard lock(mutex_);
    notes_.push_back(std::move(note));
  }
  // Each note is given once.
  std::vector<std::string> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(notes_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> notes_;  // under mutex_
};

}  // namespace murmur
