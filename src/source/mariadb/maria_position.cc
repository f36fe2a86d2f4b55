#include "source/mariadb/maria_position.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/big_endian.h"
#include "base/take_text.h"
#include "source/single_stream.h"

namespace murmur {
namespace {

Result<BinlogPlace> PlaceOf(const MariaPlace& table, std::string_view file,
                            std::string_view offset) {
  BinlogPlace place{.file = std::string(file)};
  if (!file.empty() && TakeNumber(&offset, &place.offset) && offset.empty()) return place;
  return Status(Code::kDataLoss, table.text + ": the server does not say where its log ends");
}

// "bin.000012:4711", "bin.000012:4711@1764535000"
bool TakePlace(std::string_view* text, BinlogPlace* place) {
  const size_t colon = std::min(text->rfind(':'), text->size());
  place->file = text->substr(0, colon);
  text->remove_prefix(colon);
  if (!TakeChar(text, ':') || !TakeNumber(text, &place->offset) || place->number() == 0) {
    return false;
  }
  return !TakeChar(text, '@') || TakeNumber(text, &place->begun);
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
  return begun == 0 ? fmt::format("{}:{}", file, offset)
                    : fmt::format("{}:{}@{}", file, offset, begun);
}

std::string MariaPosition::ToString() const {
  std::string text = place.ToString();
  if (rows > 0) text += fmt::format("+{}", rows);
  if (open) text += "~" + open->ToString();
  return shape.empty() ? text : text + "#" + shape;
}

Result<MariaPosition> ParseMariaPosition(std::string_view text) {
  MariaPosition position;
  std::string_view rest = text;
  const size_t shape = std::min(rest.find('#'), rest.size());
  position.shape = rest.substr(std::min(shape + 1, rest.size()));
  rest = rest.substr(0, shape);
  const size_t open = std::min(rest.find('~'), rest.size());
  std::string_view of_open = rest.substr(open);
  rest = rest.substr(0, open);
  bool good = TakePlace(&rest, &position.place);
  if (good && TakeChar(&rest, '+')) {
    good = TakeNumber(&rest, &position.rows) && position.rows > 0;
  }
  if (good && TakeChar(&of_open, '~')) good = TakePlace(&of_open, &position.open.emplace());
  if (good && rest.empty() && of_open.empty()) return position;
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
  return PlaceOf(connection.place(), now.at(0, 0), now.at(0, 1));
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
  return PlaceOf(connection.place(), file, offset);
}

}  // namespace murmur
