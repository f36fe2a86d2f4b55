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
  MURMUR_TRY(connection->StartBinlog(after.file, after.offset, NewServerId(), kHeartbeat));
  return std::unique_ptr<MariaLog>(new MariaLog(std::move(place), std::move(connection), after));
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
    // The event itself tells only 32 bits, and a large transaction is in one file.
    const uint64_t end = at_.offset + bytes->size();
    at_.offset = static_cast<uint32_t>(end) == event->end ? end : event->end;
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

// The first one only repeats what was asked for.
Status MariaLog::TakeRotate(const BinlogEvent& event) {
  const auto file = ReadBinlogRotate(event.body);
  if (!file) return Damaged();
  if (is_described_ && at_.file != *file) at_ = {.file = *file, .offset = kFirstOffset};
  return {};
}

Status MariaLog::Unreadable(const Status& why) const {
  const std::string has = WhatMariaLogHas(place_);
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
