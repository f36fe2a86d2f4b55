#include "source/mariadb/maria_log.h"

#include <fmt/format.h>

#include <chrono>
#include <random>
#include <utility>

#include "source/mariadb/maria_reach.h"

namespace murmur {
namespace {

// An idle server is heard of so often; then the thread that waits for it may end.
constexpr std::chrono::milliseconds kHeartbeat{100};
constexpr uint64_t kFirstOffset = 4;  // of a file's first event

// The event itself tells only 32 bits of where it ends, and a large transaction is in one file.
uint64_t OffsetAfter(uint64_t before, uint32_t end) {
  constexpr uint64_t kLap = uint64_t{1} << 32;
  const uint64_t offset = before / kLap * kLap + end;
  return offset < before ? offset + kLap : offset;
}

// Two replicas of one number would throw each other out.
uint32_t NewServerId() {
  constexpr uint32_t kNoServers = 0x80000000;
  return kNoServers | static_cast<uint32_t>(std::random_device()());
}

}  // namespace

Result<std::unique_ptr<MariaLog>> MariaLog::Open(std::shared_ptr<const MariaPlace> place,
                                                 const BinlogPlace& after) {
  MURMUR_ASSIGN(auto connection,
                MariaConnection::Open(place, MariaConnection::For::kReplication, {}));
  if (after.server != 0 && after.server != connection->server()) {
    return Status(Code::kAborted, fmt::format("{}: another server answers (server_id {}) than the "
                                              "one whose log was read (server_id {})",
                                              place->text, connection->server(), after.server));
  }
  MURMUR_TRY(connection->StartBinlog({.file = after.file, .offset = after.offset}, NewServerId(),
                                     kHeartbeat));
  std::unique_ptr<MariaLog> log(new MariaLog(std::move(place), std::move(connection)));
  log->at_ = after;
  log->at_.server = log->connection_->server();
  return log;
}

Result<std::unique_ptr<MariaLog>> MariaLog::Open(std::shared_ptr<const MariaPlace> place,
                                                 const MariaGtids& after) {
  MURMUR_ASSIGN(auto connection,
                MariaConnection::Open(place, MariaConnection::For::kReplication, {}));
  MURMUR_TRY(connection->StartBinlog(
      {.file = {}, .offset = kFirstOffset, .gtids = after.ToString()}, NewServerId(), kHeartbeat));
  std::unique_ptr<MariaLog> log(new MariaLog(std::move(place), std::move(connection)));
  log->after_ = after;
  log->at_.server = log->connection_->server();
  return log;
}

Result<BinlogEvent> MariaLog::Next() {
  const auto bytes = connection_->NextEvent();
  if (bytes.status().code() == Code::kOutOfRange) return Unreadable(bytes.status());
  MURMUR_TRY(bytes.status());
  if (bytes->empty()) {
    return Status(Code::kUnavailable, place_->text + ": the server ended its log");
  }
  const auto event = ReadBinlogEvent(*bytes, is_checked_);
  if (!event) return Damaged();
  if (event->is == BinlogIs::kFormatDescription) MURMUR_TRY(TakeDescription(*event));
  if (event->is == BinlogIs::kRotate) {
    MURMUR_TRY(TakeRotate(*event));
  } else if (event->end != 0 && (event->flags & BinlogEvent::kArtificial) == 0) {
    at_.offset = OffsetAfter(at_.offset, event->end);
  }
  return *event;
}

Status MariaLog::TakeDescription(const BinlogEvent& event) {
  const auto format = ReadBinlogFormat(event.body);
  if (!format) return Damaged();
  is_checked_ = format->is_checked;
  is_described_ = true;
  if (at_.begun != 0 && at_.begun != event.time) {
    return Unreadable(Status(Code::kOutOfRange,
                             place_->text + ": the server's log was begun anew (RESET MASTER)"));
  }
  at_.begun = event.time;
  return {};
}

// The first one repeats the place that was asked for, or tells the file that has the transactions.
Status MariaLog::TakeRotate(const BinlogEvent& event) {
  const auto file = ReadBinlogRotate(event.body);
  if (!file) return Damaged();
  if (at_.file.empty() || (is_described_ && at_.file != *file)) {
    at_ = {.file = *file, .offset = kFirstOffset, .server = at_.server};
  }
  return {};
}

Status MariaLog::Unreadable(const Status& why) const {
  const std::string has = WhatMariaLogHas(place_);
  if (after_) {
    return Status(
        Code::kOutOfRange,
        fmt::format(
            "{}. Another server's log was read up to {}, and this one (server_id {}) does not have "
            "what comes after: it purged that, or never had it. {}{}Let a server answer that has "
            "it; if there is none, begin anew: murmur bootstrap FILE --fresh",
            why.message(), after_->ToString(), at_.server, has, has.empty() ? "" : ". "));
  }
  return Status(
      Code::kOutOfRange,
      fmt::format(
          "{}. The log was read up to {}, and the server does not have it from there on: "
          "it was purged, or it is another server's. {}{}Begin anew, and let the server "
          "keep its log for longer than a run may be stopped: murmur bootstrap FILE --fresh",
          why.message(), at_.ToString(), has, has.empty() ? "" : ". "));
}

Status MariaLog::Damaged() const { return DamagedBinlog(*place_, at_); }

Status DamagedBinlog(const MariaPlace& place, const BinlogPlace& after) {
  return Status(Code::kDataLoss, fmt::format("{}: an event after {} of its log that makes no sense",
                                             place.text, after.ToString()));
}

}  // namespace murmur
