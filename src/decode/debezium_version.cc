#include "decode/debezium_version.h"

#include <charconv>

#include "base/big_endian.h"
#include "murmur/row_version.h"

namespace murmur {
namespace {

enum Field : size_t {
  kConnector,
  kSnapshot,
  kLsn,
  kSequence,
  kFile,
  kPos,
  kRow,
  kServerId,
  kGtid,
  kTsMs,
  kOrd,
  kCommitLsn,
  kChangeLsn,
  kEventSerialNo,
  kScn,
};

// For databases with one log. It is named, since a version without a log name is a snapshot's.
constexpr std::string_view kOneLog = "-";
constexpr std::string_view kNoLsn = "00000000:00000000:0000";  // in SQL Server's form

std::optional<uint64_t> NumberIn(std::string_view text) {
  uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  return whole ? std::optional(number) : std::nullopt;
}

std::optional<uint64_t> Number(const Cell& cell) {
  if (cell.kind == Kind::kString) return NumberIn(cell.text());
  if (cell.kind != Kind::kInt || cell.i < 0) return std::nullopt;
  return static_cast<uint64_t>(cell.i);
}

std::string_view Text(const Cell& cell) {
  return cell.kind == Kind::kString ? cell.text() : std::string_view();
}

bool IsIncremental(const std::vector<Cell>& source) {
  return Text(source[kSnapshot]) == "incremental";
}

struct Place {
  std::string log = std::string(kOneLog);
  std::string bytes;  // empty: there is none
  std::string also;   // as RowVersion
  // Places are ordered by the ends of transactions, not by their changes.
  bool by_commit = true;
};

// The first of ["24023119","24023128"]; null until a transaction has ended since the connector
// began.
std::optional<uint64_t> LastCommit(std::string_view sequence) {
  const size_t begin = sequence.find_first_of("0123456789");
  const size_t end = sequence.find(',');
  if (begin == sequence.npos || end == sequence.npos || begin > end) return std::nullopt;
  const std::string_view rest = sequence.substr(begin, end - begin);
  return NumberIn(rest.substr(0, rest.find('"')));
}

// Transactions arrive in the order in which they ended. Without a last commit, the LSN takes its
// place; it lies after everything before it. An incremental snapshot's rows have the LSN of some
// change in the surrounding transaction, whose earlier changes are not of these rows.
Place OfPostgres(const std::vector<Cell>& source) {
  Place place;
  const auto lsn = Number(source[kLsn]);
  if (!lsn) return place;
  const auto last_commit = LastCommit(Text(source[kSequence]));
  place.by_commit = last_commit.has_value();
  AppendBigEndian(last_commit.value_or(*lsn), &place.bytes);
  AppendBigEndian(IsIncremental(source) ? 0 : *lsn, &place.bytes);
  return place;
}

// The last number of db58b0ae-2c10-11e6-b284-0242ac110002:199 or 0-1-199.
std::optional<uint64_t> TransactionOf(std::string_view gtid) {
  return NumberIn(gtid.substr(gtid.find_last_of(":-") + 1));
}

// The server is the one where the change was made. The binlog may be a replica's, and moving to
// another replica gives another binlog, but the same GTIDs. GTIDs alone don't order: the servers of
// a group take them from blocks.
Place OfMysql(const std::vector<Cell>& source) {
  Place place;
  const uint64_t server = Number(source[kServerId]).value_or(0);  // 0 in a snapshot
  place.by_commit = server != 0;
  if (server != 0) place.log = std::to_string(server);
  const std::string_view file = Text(source[kFile]);
  const auto number = NumberIn(file.substr(file.rfind('.') + 1));
  const auto pos = Number(source[kPos]);
  if (!number || !pos) return place;
  AppendBigEndian(*number, &place.bytes);
  AppendBigEndian(*pos, &place.bytes);
  AppendBigEndian(Number(source[kRow]).value_or(0), &place.bytes);
  if (const auto gtid = TransactionOf(Text(source[kGtid]))) AppendBigEndian(*gtid, &place.also);
  return place;
}

Place OfMongo(const std::vector<Cell>& source) {
  Place place;
  const auto time = Number(source[kTsMs]);
  const auto order = Number(source[kOrd]);
  if (!time || !order) return place;
  AppendBigEndian(*time, &place.bytes);
  AppendBigEndian(*order, &place.bytes);
  return place;
}

// LSNs are hexadecimal text of one length. A snapshot's rows have no change_lsn.
Place OfSqlServer(const std::vector<Cell>& source) {
  Place place;
  const std::string_view commit = Text(source[kCommitLsn]);
  std::string_view change = Text(source[kChangeLsn]);
  if (change.size() != kNoLsn.size()) change = kNoLsn;
  if (commit.size() != kNoLsn.size()) return place;
  place.bytes.append(commit).append(change);
  AppendBigEndian(Number(source[kEventSerialNo]).value_or(0), &place.bytes);
  return place;
}

Place OfOracle(const std::vector<Cell>& source) {
  Place place;
  place.by_commit = false;
  if (const auto scn = Number(source[kScn])) AppendBigEndian(*scn, &place.bytes);
  return place;
}

Place PlaceOf(const std::vector<Cell>& source) {
  const std::string_view connector = Text(source[kConnector]);
  if (connector == "postgresql") return OfPostgres(source);
  if (connector == "mysql" || connector == "mariadb") return OfMysql(source);
  if (connector == "mongodb") return OfMongo(source);
  if (connector == "sqlserver" || connector == "db2") return OfSqlServer(source);
  if (connector == "oracle") return OfOracle(source);
  return {};
}

}  // namespace

const std::vector<std::string>& DebeziumSourceFields() {
  static const auto* const fields = new std::vector<std::string>{
      "connector",  "snapshot",        "lsn",  "sequence", "file", "pos",
      "row",        "server_id",       "gtid", "ts_ms",    "ord",  "commit_lsn",
      "change_lsn", "event_serial_no", "scn"};
  return *fields;
}

bool IsFirstSnapshot(const std::vector<Cell>& source) {
  if (IsIncremental(source)) return false;
  // A snapshot requested while the log was followed has the last commit before it.
  return Text(source[kConnector]) != "postgresql" || !LastCommit(Text(source[kSequence]));
}

void AppendDebeziumVersion(const std::vector<Cell>& source, bool is_snapshot,
                           std::string* version) {
  const Place place = PlaceOf(source);
  if (place.bytes.empty()) return;
  // An incremental snapshot reads a row between two transactions, and that is the row's place. Any
  // other snapshot reads all rows before the log goes on from its place.
  const bool has_place = !is_snapshot || (IsIncremental(source) && place.by_commit);
  AppendRowVersion({.log = has_place ? place.log : "", .place = place.bytes, .also = place.also},
                   version);
}

}  // namespace murmur
