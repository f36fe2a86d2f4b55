#include "source/mariadb/maria_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "source/mariadb/maria_position.h"
#include "source/mariadb/maria_ranges.h"

namespace murmur {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kInputWait{100};
constexpr milliseconds kFillWait{5};  // for a batch to get full
constexpr std::string_view kDoing = "to read rows";

// (a, b) > (1, 2), in the form for which the server uses the key.
std::string After(const MariaTable& table, const std::vector<std::string>& after) {
  std::vector<std::string> alternatives;
  std::string equal;
  for (size_t i = 0; i < table.key.size(); ++i) {
    const MariaColumn& column = table.columns[table.key[i]];
    const std::string name = QuotedMariaName(column.name);
    const std::string literal = MariaLiteralOf(column, after[i]);
    alternatives.push_back(fmt::format("({}{} > {})", equal, name, literal));
    equal += fmt::format("{} = {} AND ", name, literal);
  }
  const MariaColumn& first = table.columns[table.key[0]];
  return fmt::format("{} >= {} AND ({})", QuotedMariaName(first.name),
                     MariaLiteralOf(first, after[0]), fmt::join(alternatives, " OR "));
}

}  // namespace

Status ScannedElsewhere(const MariaPlace& place, uint32_t scanned, uint32_t answers) {
  return Status(Code::kFailedPrecondition,
                fmt::format("{}: server_id {} answers, and the scan read rows of server_id {}. A "
                            "scan, and the changes up to its end, are of one server. Let that one "
                            "answer, or begin anew: murmur bootstrap FILE --fresh",
                            place.text, answers, scanned));
}

MariaScanStream::MariaScanStream(std::shared_ptr<const MariaPlace> place,
                                 std::shared_ptr<MariaPool> pool, MariaRows rows, KeyRange range,
                                 uint32_t server, std::shared_ptr<MariaXaWatch> watch)
    : place_(std::move(place)),
      pool_(std::move(pool)),
      rows_(std::move(rows)),
      range_(std::move(range)),
      server_(server),
      watch_(std::move(watch)),
      row_(rows_.table().columns.size()),
      texts_(rows_.table().columns.size()),
      row_bytes_(rows_.table().rows == 0 ? 0 : rows_.table().bytes / rows_.table().rows) {}

// Of the columns that are needed, in their order.
std::string MariaScanStream::Statement() const {
  const MariaTable& table = rows_.table();
  std::vector<std::string> columns;
  for (const size_t column : rows_.needed()) columns.push_back(table.columns[column].select);
  std::vector<std::string> key;
  for (const size_t column : table.key) key.push_back(QuotedMariaName(table.columns[column].name));
  const MariaColumn& first = table.columns[table.key[0]];
  std::vector<std::string> conditions;
  if (range_.from && range_.after.empty()) {
    conditions.push_back(key[0] + " >= " + MariaLiteralOf(first, *range_.from));
  }
  if (range_.until) conditions.push_back(key[0] + " < " + MariaLiteralOf(first, *range_.until));
  if (!range_.after.empty()) conditions.push_back(After(table, range_.after));
  return fmt::format("SELECT {} FROM {}{}{} ORDER BY {}", fmt::join(columns, ", "),
                     place_->Quoted(), conditions.empty() ? "" : " WHERE ",
                     fmt::join(conditions, " AND "), fmt::join(key, ", "));
}

Status MariaScanStream::Start(const std::stop_token& stop) {
  if (!range_.after.empty() && range_.after.size() != rows_.table().key.size()) {
    return Status(Code::kInvalidArgument, place_->text + ": a position by another key");
  }
  MURMUR_ASSIGN(auto connection, pool_->Take(stop));
  if (connection->server() != server_) {
    return ScannedElsewhere(*place_, server_, connection->server());
  }
  MURMUR_ASSIGN(const BinlogPlace place, watch_ ? watch_->BeginRead(*connection, stop)
                                                : BeginMariaSnapshot(*connection, stop));
  MURMUR_TRY(connection->StartRows(Statement(), kDoing, stop));
  read_point_ = place.ToBytes();
  connection_ = std::move(connection);
  return {};
}

Result<ReadState> MariaScanStream::Read(std::stop_token stop, RecordBatch* batch) {
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
  MURMUR_TRY(WaitToTryAgain(status, &retries_, stop, place_->text));
  rows_.Begin(batch);
  return ReadState::kIdle;
}

Result<ReadState> MariaScanStream::ReadOn(const std::stop_token& stop, RecordBatch* batch) {
  bool is_end = false;
  while (batch->rows < kBatchRows && !is_end) {
    MURMUR_ASSIGN(const auto fetched, connection_->NextRow(&fetched_, kDoing));
    if (fetched == MariaConnection::Fetched::kRow) {
      MURMUR_TRY(TakeRow());
      continue;
    }
    is_end = fetched == MariaConnection::Fetched::kEnd;
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
  retries_.Progress(kMariaPatience);
  rows_.Finish();
  // Like the sizes of splits: stored bytes, not only those requested.
  if (row_bytes_ > 0) batch->bytes = batch->rows * row_bytes_;
  batch->after = PositionAfter(range_.after);
  return ReadState::kRecords;
}

Status MariaScanStream::TakeRow() {
  for (size_t i = 0; i < fetched_.size(); ++i) {
    const size_t column = rows_.needed()[i];
    TextValue& value = row_[column];
    value = {};
    value.is = fetched_[i] ? TextValue::Is::kText : TextValue::Is::kNull;
    if (!fetched_[i]) continue;
    value.text = *fetched_[i];
    if (!IsOfBytes(rows_.table().columns[column].is)) continue;
    texts_[column] = MariaTextOf(rows_.table().columns[column], *fetched_[i]);
    value.text = texts_[column];
  }
  // Now, since the next call for a row takes the texts away.
  const std::vector<size_t>& key = rows_.table().key;
  range_.after.resize(key.size());
  for (size_t i = 0; i < key.size(); ++i) range_.after[i] = row_[key[i]].text;
  return rows_.Put(row_);
}

}  // namespace murmur
