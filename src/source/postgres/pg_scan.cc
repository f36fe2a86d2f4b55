#include "source/postgres/pg_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/big_endian.h"
#include "source/postgres/pg_position.h"

namespace murmur {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kInputWait{100};
constexpr milliseconds kFillWait{5};  // for a batch to get full
constexpr std::string_view kDoing = "to read rows";
// Random keys per split. The last of each group is a bound, so few ranges are twice the intended
// size.
constexpr uint64_t kSamplesPerSplit = 20;

// Values of the key's first column, in its order, each once.
Result<std::vector<std::string>> SampleKeys(PgConnection& connection, const PgTable& table,
                                            uint64_t count, const std::stop_token& stop) {
  const std::string column = QuotedIdentifier(table.columns[table.key[0]].name);
  const double percent =
      std::min(100.0, 100.0 * static_cast<double>(count) / static_cast<double>(table.rows));
  MURMUR_ASSIGN(
      const PgRowSet sample,
      connection.Ask(fmt::format("SELECT {0} FROM (SELECT DISTINCT {0} FROM {1} TABLESAMPLE "
                                 "BERNOULLI ({2:.6f})) AS s ORDER BY {0}",
                                 column, connection.place().Quoted(), percent),
                     "to cut the table into ranges", stop));
  std::vector<std::string> keys;
  for (int row = 0; row < sample.size(); ++row) keys.emplace_back(sample.at(row, 0));
  return keys;
}

// The value of one field of COPY's text format, whose text lies at `field`.
std::string_view Unescaped(std::string_view field, std::string* store) {
  if (field.find('\\') == field.npos) return field;
  store->clear();
  for (size_t i = 0; i < field.size(); ++i) {
    char c = field[i];
    if (c == '\\' && i + 1 < field.size()) {
      c = field[++i];
      switch (c) {
        case 'b': c = '\b'; break;
        case 'f': c = '\f'; break;
        case 'n': c = '\n'; break;
        case 'r': c = '\r'; break;
        case 't': c = '\t'; break;
        case 'v': c = '\v'; break;
        default: break;
      }
    }
    *store += c;
  }
  return *store;
}

}  // namespace

Result<std::vector<Split>> CutPgTable(PgConnection& connection, const PgTable& table,
                                      uint64_t split_rows, const std::stop_token& stop) {
  const bool has_names = !table.key.empty();
  const uint64_t wanted =
      !has_names
          ? 1
          : std::clamp<uint64_t>((table.rows + split_rows - 1) / split_rows, 1, kKeyRangesMax);
  std::vector<std::string> bounds;
  if (wanted > 1) {
    MURMUR_ASSIGN(const auto keys, SampleKeys(connection, table, wanted * kSamplesPerSplit, stop));
    for (size_t at = kSamplesPerSplit; at < keys.size(); at += kSamplesPerSplit) {
      bounds.push_back(keys[at]);
    }
  }
  return SplitsAt(bounds, fmt::format("{}.{}", connection.place().schema, connection.place().table),
                  table.bytes);
}

PgScanStream::PgScanStream(std::shared_ptr<const PgPlace> place, std::shared_ptr<PgPool> pool,
                           PgRows rows, KeyRange range)
    : place_(std::move(place)),
      pool_(std::move(pool)),
      rows_(std::move(rows)),
      range_(std::move(range)),
      row_(rows_.table().columns.size()),
      unescaped_(rows_.table().columns.size()),
      row_bytes_(rows_.table().rows == 0 ? 0 : rows_.table().bytes / rows_.table().rows) {}

// Of the columns that are needed, in their order.
std::string PgScanStream::Statement() const {
  const auto name = [this](size_t column) {
    return QuotedIdentifier(rows_.table().columns[column].name);
  };
  std::vector<std::string> columns;
  for (const size_t column : rows_.needed()) columns.push_back(name(column));
  std::vector<std::string> key;
  for (const size_t column : rows_.table().key) key.push_back(name(column));
  std::vector<std::string> conditions;
  if (range_.from) conditions.push_back(key[0] + " >= " + QuotedLiteral(*range_.from));
  if (range_.until) conditions.push_back(key[0] + " < " + QuotedLiteral(*range_.until));
  if (!range_.after.empty()) {
    std::vector<std::string> values;
    for (const std::string& value : range_.after) values.push_back(QuotedLiteral(value));
    conditions.push_back(fmt::format("({}) > ({})", fmt::join(key, ", "), fmt::join(values, ", ")));
  }
  return fmt::format("COPY (SELECT {} FROM {}{}{}{}{}) TO STDOUT", fmt::join(columns, ", "),
                     place_->Quoted(), conditions.empty() ? "" : " WHERE ",
                     fmt::join(conditions, " AND "), key.empty() ? "" : " ORDER BY ",
                     fmt::join(key, ", "));
}

Status PgScanStream::Start(const std::stop_token& stop) {
  MURMUR_ASSIGN(auto connection, pool_->Take(stop));
  // Whoever writes all rows anew (ALTER TABLE) leaves none to an older snapshot, so that must be
  // over: the table is locked first. A change that the snapshot shows lies before the end of the
  // log that is asked for after it.
  MURMUR_ASSIGN(
      const PgRowSet snapshot,
      connection->Ask(fmt::format("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE {} "
                                  "IN ACCESS SHARE MODE; SELECT pg_current_snapshot(), CASE WHEN "
                                  "pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE "
                                  "pg_current_wal_insert_lsn() END",
                                  place_->Quoted()),
                      kDoing, stop));
  PgLsn end = 0;
  if (!ParsePgLsn(snapshot.at(0, 1), &end)) {
    return Status(Code::kDataLoss, place_->text + ": the server does not say where its log ends");
  }
  MURMUR_TRY(connection->StartCopy(Statement(), kDoing, stop));
  read_point_ = PgReadPoint(snapshot.at(0, 0), end);
  connection_ = std::move(connection);
  return {};
}

Result<ReadState> PgScanStream::Read(std::stop_token stop, RecordBatch* batch) {
  rows_.Begin(batch);
  if (stop.stop_requested()) return Status(Code::kCancelled, place_->text);
  if (at_end_) {
    batch->AsTable().read_point = read_point_;
    return ReadState::kEnd;
  }
  Status status = connection_ == nullptr ? Start(stop) : Status();
  if (status.ok()) {
    auto state = ReadOn(stop, batch);
    if (state.ok()) return state;
    status = state.status();
  }
  connection_.reset();
  if (status.code() == Code::kUnavailable && IsInOneRead() && !range_.after.empty()) {
    return status.Annotated(
        "it has no primary key, so that its rows are read anew when this is run "
        "again");
  }
  MURMUR_TRY(WaitToTryAgain(status, &retries_, stop, place_->text));
  rows_.Begin(batch);
  return ReadState::kIdle;
}

Result<ReadState> PgScanStream::ReadOn(const std::stop_token& stop, RecordBatch* batch) {
  PgConnection::Piece piece;
  bool is_end = false;
  while (batch->rows < kBatchRows && !is_end) {
    MURMUR_ASSIGN(const auto copied, connection_->NextPiece(&piece, kDoing, stop));
    if (copied == PgConnection::Copied::kPiece) {
      MURMUR_TRY(TakeRow(piece.view()));
      continue;
    }
    is_end = copied == PgConnection::Copied::kEnd;
    if (is_end) break;
    const bool has_more = connection_->WaitForInput(batch->rows > 0 ? kFillWait : kInputWait, stop);
    if (stop.stop_requested()) return Status(Code::kCancelled, place_->text);
    if (has_more) continue;
    if (batch->rows > 0) break;
    return ReadState::kIdle;
  }
  if (is_end) {
    if (connection_->Ask("COMMIT", kDoing, stop).ok()) pool_->Give(std::move(connection_));
    connection_.reset();
  }
  at_end_ = is_end;
  batch->AsTable().read_point = read_point_;
  if (batch->rows == 0) return ReadState::kEnd;
  retries_.Progress(kPgPatience);
  range_.after.clear();
  for (const size_t column : rows_.table().key) range_.after.emplace_back(row_[column].text);
  if (IsInOneRead()) range_.after = {std::to_string(taken_)};
  rows_.Finish();
  // Like the sizes of splits: stored bytes, not only those requested.
  if (row_bytes_ > 0) batch->bytes = batch->rows * row_bytes_;
  batch->after = PositionAfter(range_.after);
  return ReadState::kRecords;
}

// A line of COPY's text format.
Status PgScanStream::TakeRow(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  const bool has_escapes = line.find('\\') != line.npos;  // of a null, too
  for (const size_t column : rows_.needed()) {
    const size_t end = std::min(line.find('\t'), line.size());
    const std::string_view field = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    TextValue& value = row_[column];
    const bool is_null = has_escapes && field == "\\N";
    value.is = is_null ? TextValue::Is::kNull : TextValue::Is::kText;
    value.text = field;
    if (is_null) value.text = {};
    if (has_escapes && !is_null) value.text = Unescaped(field, &unescaped_[column]);
  }
  if (IsInOneRead()) {
    std::string number;
    AppendBigEndian(++taken_, &number);
    rows_.Name(std::move(number), fmt::format("row {}", taken_));
  }
  return rows_.Put(row_);
}

}  // namespace murmur
