// The server's binary log, as a replica reads it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "murmur/status.h"
#include "source/mariadb/binlog_event.h"
#include "source/mariadb/maria_connection.h"
#include "source/mariadb/maria_position.h"

namespace murmur {

// The events of the log from a place on, over a connection of its own, under a number that is made
// for it. Threads: one.
class MariaLog {
 public:
  // Errors: those of MariaConnection::Open and StartBinlog; kAborted (another server answers than
  // the one whose place it is).
  static Result<std::unique_ptr<MariaLog>> Open(std::shared_ptr<const MariaPlace> place,
                                                const BinlogPlace& after);
  // After these transactions, in the log of whichever server answers.
  static Result<std::unique_ptr<MariaLog>> Open(std::shared_ptr<const MariaPlace> place,
                                                const MariaGtids& after);

  // Waits for the next event, which is valid until the next call; an idle server gives a heartbeat
  // a few times a second. Errors: kUnavailable (also: the server ends its log), kOutOfRange (the
  // server does not have this place; says what it has), kDataLoss (the event is damaged).
  Result<BinlogEvent> Next();

  // Of the event that came last: the place after it, in the file that is read then.
  const BinlogPlace& place() const noexcept { return at_; }
  // Whether that event begins a file; what was under way in the file before it will not end.
  static bool IsOfFiles(BinlogIs is) noexcept {
    return is == BinlogIs::kFormatDescription || is == BinlogIs::kRotate;
  }

 private:
  MariaLog(std::shared_ptr<const MariaPlace> place, std::unique_ptr<MariaConnection> connection)
      : place_(std::move(place)), connection_(std::move(connection)) {}

  Status TakeDescription(const BinlogEvent& event);
  Status TakeRotate(const BinlogEvent& event);
  Status Unreadable(const Status& why) const;
  Status Damaged() const;

  const std::shared_ptr<const MariaPlace> place_;
  const std::unique_ptr<MariaConnection> connection_;
  BinlogPlace at_;
  std::optional<MariaGtids> after_;  // by which it was begun
  bool is_described_ = false;
  bool is_checked_ = false;
};

// An event that makes no sense.
Status DamagedBinlog(const MariaPlace& place, const BinlogPlace& after);

}  // namespace murmur
