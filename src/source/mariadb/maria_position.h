// Places in MariaDB's binary log.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "murmur/source.h"
#include "murmur/status.h"
#include "source/mariadb/maria_connection.h"
#include "source/mariadb/maria_gtid.h"

namespace murmur {

// After an event: the log's file and the offset in it. Only the number at the end of the file's
// name orders files.
struct BinlogPlace {
  std::string file;  // "bin.000012"
  uint64_t offset = 0;
  // When the file was begun, in seconds since the epoch; 0: unknown. After RESET MASTER other files
  // have the names of those that were there.
  uint32_t begun = 0;
  uint32_t server = 0;  // whose log it is; 0: unknown. Places of two servers are in no order

  uint64_t number() const noexcept;  // of the file
  // As bytes, which are ordered as places are: TableRows::places, watermarks and read points.
  std::string ToBytes() const;
  std::string ToString() const;  // "bin.000012:4711", "bin.000012:4711@1764535000"
  bool operator==(const BinlogPlace& other) const {
    return file == other.file && offset == other.offset;
  }
  bool IsBefore(const BinlogPlace& other) const noexcept {
    return number() != other.number() ? number() < other.number() : offset < other.offset;
  }
};

// A place in one server's log, and in those of all that replicate it.
struct BinlogPoint {
  // Without a file: there is no such place, since what lies before it in the server's log is not
  // all that was read of another's.
  BinlogPlace place;
  std::optional<MariaGtids> gtids = {};  // none: unknown

  bool operator==(const BinlogPoint&) const = default;
};

// Up to where the log was read.
struct BinlogReached : BinlogPoint {
  // Where the oldest of the XA transactions begins that changed the table before `place` and are
  // prepared there: their changes count when they are committed.
  std::optional<BinlogPoint> open = {};

  bool operator==(const BinlogReached&) const = default;
};

// Everything that was committed up to the place has been read, and of the transaction that begins
// there the first `rows` changes of the table. `shape` tells the table, and what of it is read,
// from others (MariaRows::shape); empty: nothing was read yet. As text
// "bin.000012:4711#5e1f09c27ab49024;server=1;gtids=0-1-77",
// "bin.000012:4711@1764535000+17~bin.000011:99@1764530000#5e1f09c27ab49024;server=1;gtids=0-1-77,"
// "1-1-5;part=0-1-78;open=0-1-60,1-1-4", and for a point without a place
// "-#5e1f09c27ab49024;server=2;gtids=0-1-77". Older texts end with the shape, which then is that of
// the table and its server.
struct MariaPosition : BinlogReached {
  uint64_t rows = 0;
  std::optional<MariaGtid> part = {};  // of which these are; none: unknown
  std::string shape = {};

  void MoveTo(BinlogReached to) {
    static_cast<BinlogReached&>(*this) = std::move(to);
    rows = 0;
    part.reset();
  }
  // From where on the log is needed.
  const BinlogPoint& oldest() const { return open ? *open : *this; }
  // It is of this server's log, of which it was not known.
  void SetServer(uint32_t server) {
    place.server = server;
    if (open) open->place.server = server;
  }
  std::string ToString() const;
  bool operator==(const MariaPosition&) const = default;
};
inline MariaPosition PositionAt(BinlogPlace place) {
  MariaPosition position;
  position.place = std::move(place);
  return position;
}
// Errors: kInvalidArgument
Result<MariaPosition> ParseMariaPosition(std::string_view text);

HandoffToken MariaHandoff(const MariaPlace& place, const MariaPosition& position);

// The end of the log.
Result<BinlogPlace> EndOfBinlog(MariaConnection& connection, const std::stop_token& stop);

// The last transactions before a place of this server's log; none: it can't tell.
Result<std::optional<MariaGtids>> GtidsAt(MariaConnection& connection, const BinlogPlace& place,
                                          const std::stop_token& stop);
// Asks for the transactions before the place of a position, and before where its log is needed, if
// they are unknown and it is of this server.
Status FindGtids(MariaConnection& connection, const std::stop_token& stop, MariaPosition* position);
// And of the whole log.
Result<std::optional<MariaGtids>> GtidsOfLog(MariaConnection& connection,
                                             const std::stop_token& stop);
// Which of these transactions never were in this server's log, for a message: "it is behind
// 0-1-77"; empty: none.
Result<std::string> WhatLogLacks(MariaConnection& connection, const MariaGtids& needed,
                                 const std::stop_token& stop);

// Begins a transaction that sees all that was committed up to the place that it gives, and nothing
// later. Transactions that were only prepared (XA) are not among them, wherever the log has them.
Result<BinlogPlace> BeginMariaSnapshot(MariaConnection& connection, const std::stop_token& stop);

}  // namespace murmur
