// Tells for whom a question to the server waits: some wait until every transaction that has begun
// has ended.
#pragma once

#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "source/postgres/pg_connection.h"

namespace murmur {

// What a user should know. Threads: any.
class PgNotes {
 public:
  void Add(std::string note) {
    const std::lock_guard lock(mutex_);
    notes_.push_back(std::move(note));
  }
  std::vector<std::string> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(notes_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> notes_;  // under mutex_
};

// Looks, as long as it lives, from a while on, and notes who is waited for whenever that changes.
class PgWaiting {
 public:
  // `what` waits: "the scan". `notes` outlives it.
  PgWaiting(std::shared_ptr<const PgPlace> place, std::string what, PgNotes* notes);

 private:
  void Look(const std::stop_token& stop);

  const std::shared_ptr<const PgPlace> place_;
  const std::string what_;
  PgNotes* const notes_;
  std::jthread thread_;  // last: it ends before the other members are destroyed
};

}  // namespace murmur
