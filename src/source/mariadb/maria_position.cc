#include "source/mariadb/maria_position.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/big_endian.h"
#include "base/take_text.h"
#include "source/single_stream.h"

namespace murmur {
namespace {

constexpr std::string_view kAskingForGtids = "to ask for the transactions of its log";

Result<BinlogPlace> PlaceOf(const MariaConnection& connection, std::string_view file,
                            std::string_view offset) {
  BinlogPlace place{.file = std::string(file), .server = connection.server()};
  if (!file.empty() && TakeNumber(&offset, &place.offset) && offset.empty()) return place;
  return Status(Code::kDataLoss,
                connection.place().text + ": the server does not say where its log ends");
}

// "bin.000012:4711", "bin.000012:4711@1764535000", "-"
bool TakePlace(std::string_view* text, BinlogPlace* place) {
  if (TakeChar(text, '-')) return true;
  const size_t colon = std::min(text->rfind(':'), text->size());
  place->file = text->substr(0, colon);
  text->remove_prefix(colon);
  if (!TakeChar(text, ':') || !TakeNumber(text, &place->offset) || place->number() == 0) {
    return false;
  }
  return !TakeChar(text, '@') || TakeNumber(text, &place->begun);
}

// Up to the next ';'.
std::string_view NextFact(std::string_view* facts) {
  const std::string_view fact = facts->substr(0, facts->find(';'));
  facts->remove_prefix(std::min(fact.size() + 1, facts->size()));
  return fact;
}

// "server=1", "gtids=0-1-77", "part=0-1-78", "open=0-1-60"
bool TakeFact(std::string_view fact, MariaPosition* position) {
  const auto is = [&fact](std::string_view name) {
    if (!fact.starts_with(name)) return false;
    fact.remove_prefix(name.size());
    return true;
  };
  if (is("server=")) {
    uint32_t server = 0;
    const bool is_number = TakeNumber(&fact, &server) && fact.empty() && server > 0;
    position->SetServer(server);
    return is_number;
  }
  if (is("part=")) return TakeMariaGtid(&fact, &position->part.emplace()) && fact.empty();
  std::optional<MariaGtids>* gtids = nullptr;
  if (is("gtids=")) gtids = &position->gtids;
  if (is("open=") && position->open) gtids = &position->open->gtids;
  if (gtids == nullptr) return false;
  *gtids = ParseMariaGtids(fact);
  return gtids->has_value();
}

}  // namespace

uint64_t BinlogPlace::number() const noexcept {
  uint64_t number = 0;
  std::string_view digits = std::string_view(file).substr(std::min(file.rfind('.'), file.size()));
  if (!TakeChar(&digits, '.') || !TakeNumber(&digits, &number)) return 0;
  return number;
}

std::string BinlogPlace::ToBytes() const {
  std::string bytes;
  AppendBigEndian(number(), &bytes);
  bytes.erase(0, sizeof(uint32_t));
  AppendBigEndian(offset, &bytes);
  return bytes;
}

std::string BinlogPlace::ToString() const {
  if (file.empty()) return "-";
  return begun == 0 ? fmt::format("{}:{}", file, offset)
                    : fmt::format("{}:{}@{}", file, offset, begun);
}

std::string MariaPosition::ToString() const {
  std::string text = place.ToString();
  if (rows > 0) text += fmt::format("+{}", rows);
  if (open) text += "~" + open->place.ToString();
  if (!shape.empty() || place.server != 0) text += "#" + shape;
  if (place.server != 0) text += fmt::format(";server={}", place.server);
  if (gtids) text += ";gtids=" + gtids->ToString();
  if (part) text += ";part=" + part->ToString();
  if (open && open->gtids) text += ";open=" + open->gtids->ToString();
  return text;
}

Result<MariaPosition> ParseMariaPosition(std::string_view text) {
  MariaPosition position;
  std::string_view rest = text;
  const size_t shape = std::min(rest.find('#'), rest.size());
  std::string_view facts = rest.substr(std::min(shape + 1, rest.size()));
  rest = rest.substr(0, shape);
  const size_t open = std::min(rest.find('~'), rest.size());
  std::string_view of_open = rest.substr(open);
  rest = rest.substr(0, open);
  bool good = TakePlace(&rest, &position.place);
  if (good && TakeChar(&rest, '+')) {
    good = TakeNumber(&rest, &position.rows) && position.rows > 0;
  }
  if (good && TakeChar(&of_open, '~')) good = TakePlace(&of_open, &position.open.emplace().place);
  good = good && rest.empty() && of_open.empty();
  position.shape = NextFact(&facts);
  while (good && !facts.empty()) good = TakeFact(NextFact(&facts), &position);
  if (good && (!position.place.file.empty() || position.gtids)) return position;
  return Status(Code::kInvalidArgument,
                fmt::format("'{}' is no position in a log of MariaDB", text));
}

HandoffToken MariaHandoff(const MariaPlace& place, const MariaPosition& position) {
  return SingleStreamHandoff(place.name, position.ToString());
}

Result<BinlogPlace> EndOfBinlog(MariaConnection& connection, const std::stop_token& stop) {
  MURMUR_ASSIGN(const MariaRowSet now,
                connection.Ask("SHOW MASTER STATUS", "to ask where its log ends", stop));
  if (now.size() == 0) {
    return Status(Code::kFailedPrecondition,
                  connection.place().text + ": the server keeps no binary log");
  }
  return PlaceOf(connection, now.at(0, 0), now.at(0, 1));
}

Result<std::optional<MariaGtids>> GtidsAt(MariaConnection& connection, const BinlogPlace& place,
                                          const std::stop_token& stop) {
  MURMUR_ASSIGN(const MariaRowSet told,
                connection.Ask(fmt::format("SELECT BINLOG_GTID_POS({}, {})",
                                           QuotedMariaText(place.file), place.offset),
                               kAskingForGtids, stop));
  return told.is_null(0, 0) ? std::nullopt : ParseMariaGtids(told.at(0, 0));
}

Status FindGtids(MariaConnection& connection, const std::stop_token& stop,
                 MariaPosition* position) {
  const auto find = [&](BinlogPoint* point) -> Status {
    const BinlogPlace& place = point->place;
    if (point->gtids || place.file.empty() || place.server != connection.server()) return {};
    MURMUR_ASSIGN(point->gtids, GtidsAt(connection, place, stop));
    return {};
  };
  if (position->open) MURMUR_TRY(find(&*position->open));
  return find(position);
}

Result<std::optional<MariaGtids>> GtidsOfLog(MariaConnection& connection,
                                             const std::stop_token& stop) {
  MURMUR_ASSIGN(const MariaRowSet told,
                connection.Ask("SELECT @@global.gtid_binlog_pos", kAskingForGtids, stop));
  return ParseMariaGtids(told.at(0, 0));
}

// Not left to the server, which takes any transaction for granted of a domain that its log does not
// know.
Result<std::string> WhatLogLacks(MariaConnection& connection, const MariaGtids& needed,
                                 const std::stop_token& stop) {
  MURMUR_ASSIGN(const MariaRowSet told,
                connection.Ask("SELECT @@global.gtid_binlog_state", kAskingForGtids, stop));
  // Of each domain the last transaction of each server that wrote.
  std::vector<MariaGtid> has;
  for (std::string_view state = told.at(0, 0); TakeMariaGtid(&state, &has.emplace_back());) {
    (void)TakeChar(&state, ',');
  }
  has.pop_back();
  for (const MariaGtid& one : needed.all()) {
    bool has_one = false;
    bool has_others = false;
    for (const MariaGtid& last : has) {
      if (last.domain != one.domain || last.seq < one.seq) continue;
      has_others = true;
      has_one = has_one || last.server == one.server;
    }
    if (has_one) continue;
    return (has_others ? "it has other transactions in place of " : "it is behind ") +
           one.ToString();
  }
  return std::string();
}

Result<BinlogPlace> BeginMariaSnapshot(MariaConnection& connection, const std::stop_token& stop) {
  constexpr std::string_view kDoing = "to read as of one moment";
  MURMUR_TRY(connection.Ask("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", kDoing, stop)
                 .status());
  MURMUR_ASSIGN(const MariaRowSet status,
                connection.Ask("SHOW STATUS LIKE 'binlog_snapshot_%'", kDoing, stop));
  std::string_view file;
  std::string_view offset;
  for (int row = 0; row < status.size(); ++row) {
    if (status.at(row, 0) == "Binlog_snapshot_file") file = status.at(row, 1);
    if (status.at(row, 0) == "Binlog_snapshot_position") offset = status.at(row, 1);
  }
  return PlaceOf(connection, file, offset);
}

}  // namespace murmur
