// How much of the server's log there is: it removes old files (binlog_expire_logs_seconds).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>

#include "murmur/source.h"
#include "murmur/status.h"
#include "source/mariadb/maria_connection.h"
#include "source/mariadb/maria_position.h"

namespace murmur {

// Of the log of the server that answers. Threads: one.
class MariaReach {
 public:
  explicit MariaReach(std::shared_ptr<const MariaPlace> place) : place_(std::move(place)) {}

  // For a reader that needs the log from `oldest` on. Errors: those of MariaConnection::Ask and
  // MariaLog.
  Result<LogReach> Ask(MariaConnection& connection, const BinlogPlace& oldest,
                       const std::stop_token& stop);

 private:
  // When a file was begun, in seconds since the epoch.
  Result<uint32_t> Begun(const std::string& file);

  const std::shared_ptr<const MariaPlace> place_;
  uint32_t server_ = 0;
  std::map<std::string, uint32_t> begun_;  // of this server's files that are there
};

// Of a log that can't be read any more, for a message: "The oldest file that it has is bin.000007;
// binlog_expire_logs_seconds is 3600". Empty: the server does not say it.
std::string WhatMariaLogHas(const std::shared_ptr<const MariaPlace>& place);

}  // namespace murmur
