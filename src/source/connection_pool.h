// Connections to one place that wait to be used again.
#pragma once

#include <memory>
#include <mutex>
#include <stop_token>
#include <utility>
#include <vector>

#include "murmur/status.h"

namespace murmur {

// A Connection has For::kQueries and Open(place, use, stop). Threads: any.
template <class Connection, class Place>
class ConnectionPool {
 public:
  explicit ConnectionPool(std::shared_ptr<const Place> place) : place_(std::move(place)) {}
  const Place& place() const noexcept { return *place_; }

  // One of them, or a new one for queries. Errors: Connection::Open.
  Result<std::unique_ptr<Connection>> Take(std::stop_token stop) {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        auto connection = std::move(idle_.back());
        idle_.pop_back();
        return connection;
      }
    }
    return Connection::Open(place_, Connection::For::kQueries, std::move(stop));
  }
  // REQUIRES: no statement and no transaction is under way
  void Give(std::unique_ptr<Connection> connection) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(connection));
  }

 private:
  const std::shared_ptr<const Place> place_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;  // under mutex_
};

}  // namespace murmur
