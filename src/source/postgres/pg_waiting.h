// Tells for whom a question to the server waits: some wait until every transaction that has begun
// has ended.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "source/postgres/pg_connection.h"
#include "source/source_notes.h"

namespace murmur {

// Looks, as long as it lives, from a while on, and notes who is waited for whenever that changes.
class PgWaiting {
 public:
  // `what` waits: "the scan". `notes` outlives it.
  PgWaiting(std::shared_ptr<const PgPlace> place, std::string what, SourceNotes* notes);

 private:
  void Look(const std::stop_token& stop);

  const std::shared_ptr<const PgPlace> place_;
  const std::string what_;
  SourceNotes* const notes_;
  std::jthread thread_;  // last: it ends before the other members are destroyed
};

}  // namespace murmur
