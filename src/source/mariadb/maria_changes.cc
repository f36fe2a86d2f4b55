#include "source/mariadb/maria_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "source/mariadb/binlog_row.h"

namespace murmur {
namespace {

using std::chrono::steady_clock;

constexpr uint32_t kRowsPerChange = 3;  // a key that changes: before, gone, after
constexpr std::chrono::seconds kMoveEvery{5};

WatchedTable WatchedOf(const MariaRows& rows) {
  const MariaTable& table = rows.table();
  WatchedTable watched{.database = table.database, .table = table.table, .columns = rows.missing()};
  for (const size_t column : rows.needed()) watched.columns.push_back(table.columns[column].name);
  return watched;
}

}  // namespace

MariaChanges::MariaChanges(std::shared_ptr<const MariaPlace> place, MariaRows rows,
                           const MariaPosition& after, bool before,
                           std::shared_ptr<const MariaGoal> goal, std::function<void()> wake)
    : place_(std::move(place)),
      goal_(std::move(goal)),
      queue_(std::make_shared<MariaQueue>(std::move(wake))),
      before_(before),
      rows_(std::move(rows)),
      position_(after),
      fetching_(std::make_shared<MariaFetching>(place_, after, WatchedOf(rows_), queue_)),
      thread_([fetching = fetching_] { fetching->Run(); }) {}

MariaChanges::~MariaChanges() { queue_->Close(); }

Result<ReadState> MariaChanges::Read(std::stop_token stop, RecordBatch* batch) {
  rows_.Begin(batch);
  if (stop.stop_requested()) return Status(Code::kCancelled, place_->text);
  MURMUR_TRY(end_);
  if (next_ == page_.size() && images_.rest.empty()) {
    next_ = 0;
    page_.Clear();
    if (!queue_->Take(&page_)) {
      if (const auto end = queue_->end()) return end->status;
      return ReadMark(batch);
    }
  }
  const MariaPosition before = position_;
  while (end_.ok() && batch->rows + kRowsPerChange <= kBatchRows && !batch->table->cleared) {
    if (!images_.rest.empty()) {
      end_ = TakeRow();
      continue;
    }
    if (next_ == page_.size() || (position_ != before && NextIsAlone())) break;
    end_ = Take(page_[next_++]);
  }
  if (position_ == before) {
    MURMUR_TRY(end_);
    return next_ == page_.size() ? ReadMark(batch) : ReadState::kIdle;
  }
  Finish(batch);
  moved_at_ = steady_clock::now();
  return ReadState::kRecords;
}

bool MariaChanges::NextIsAlone() const {
  return page_[next_][0] == static_cast<char>(MariaMessage::kStatement);
}

void MariaChanges::Finish(RecordBatch* batch) {
  rows_.Finish();
  batch->after = position_.ToString();
  batch->AsTable().watermark = position_.place.ToBytes();
}

// A mark says that nothing came up to some place. It is given now and then, and when somebody waits
// for it.
Result<ReadState> MariaChanges::ReadMark(RecordBatch* batch) {
  const auto mark = queue_->mark();
  if (!mark || transaction_ || position_.rows > 0 ||
      !MariaGoal::IsAhead(position_.place, mark->place)) {
    return ReadState::kIdle;
  }
  const auto now = steady_clock::now();
  if (!goal_->IsBetween(position_.place, mark->place) && now - moved_at_ < kMoveEvery) {
    return ReadState::kIdle;
  }
  position_.MoveTo(*mark);
  moved_at_ = now;
  Finish(batch);
  return ReadState::kRecords;
}

Status MariaChanges::Damaged() const { return DamagedBinlog(*place_, position_.place); }

Status MariaChanges::Final(std::string_view what) const {
  return Status(Code::kFailedPrecondition,
                fmt::format("{}: {}. What was counted is what was there before; to count what is "
                            "there now: murmur bootstrap FILE --fresh",
                            place_->text, what));
}

Status MariaChanges::Take(std::string_view message) {
  const auto is = static_cast<MariaMessage>(message[0]);
  message.remove_prefix(1);
  switch (is) {
    case MariaMessage::kAnew: transaction_.reset(); return {};
    case MariaMessage::kBegin: return TakeBegin(message);
    case MariaMessage::kMap: return TakeMap(message);
    case MariaMessage::kRows: return TakeRows(static_cast<BinlogIs>(message[0]), message.substr(1));
    case MariaMessage::kStatement: return TakeStatement(message);
    case MariaMessage::kCommit: return TakeCommit(message);
  }
  return {};
}

Status MariaChanges::TakeBegin(std::string_view message) {
  const auto [gtid, begin, after_gtid] = MariaBegin::FromBytes(message);
  transaction_ = Transaction{.gtid = gtid, .begin = begin, .place = after_gtid.ToBytes()};
  maps_.clear();
  if (position_.rows == 0) return {};
  const bool is_it = position_.part ? *position_.part == gtid : begin.place == position_.place;
  if (!is_it) {
    return Final("a transaction that was read in part is not in the log any more");
  }
  transaction_->known = position_.rows;
  return {};
}

Status MariaChanges::TakeCommit(std::string_view message) {
  transaction_.reset();
  position_.MoveTo(BinlogReachedOf(message));
  return {};
}

Status MariaChanges::TakeStatement(std::string_view message) {
  if (!transaction_) return Damaged();
  switch (static_cast<StatementDoes>(message[0])) {
    case StatementDoes::kNothing: return {};
    case StatementDoes::kTruncate:
      if (TakeChange()) rows_.Clear();
      return {};
    case StatementDoes::kDrop: return Final("was dropped or made anew");
    case StatementDoes::kRename: return Final("was renamed, or another table was given its name");
    case StatementDoes::kAlter:
      return Final(
          "was altered: a column that the definition names was added, dropped, renamed or given "
          "another type, or its rows were changed as a whole");
    case StatementDoes::kWrite:
      return Final(
          "the log has a statement that may have changed its rows, and not those rows: whoever "
          "writes to it must not set binlog_format to STATEMENT or MIXED");
  }
  return {};
}

Result<std::optional<size_t>> MariaChanges::ColumnOf(const BinlogColumn& column) const {
  if (column.name.empty()) return Final("binlog_row_metadata is not FULL any more");
  const MariaColumn* const found = rows_.table().Find(column.name);
  if (found == nullptr) {
    const auto& missing = rows_.missing();
    if (std::find(missing.begin(), missing.end(), column.name) == missing.end()) {
      return std::optional<size_t>();
    }
    return Final(fmt::format("column '{}', which the definition names, was added", column.name));
  }
  const auto index = static_cast<size_t>(found - rows_.table().columns.data());
  const auto& needed = rows_.needed();
  if (std::find(needed.begin(), needed.end(), index) == needed.end()) {
    return std::optional<size_t>();
  }
  if (column.declared == found->log_type) return std::optional(index);
  return Final(fmt::format("the type of column '{}' was changed", found->name));
}

Status MariaChanges::TakeMap(std::string_view body) {
  const auto id = ReadBinlogRowsTable(body);
  if (!id) return Damaged();
  Map& map = maps_[*id];
  map.body = body;
  auto read = ReadBinlogTableMap(map.body);
  if (!read) return Damaged();
  map.map = *std::move(read);
  map.columns.clear();
  std::vector<bool> told(rows_.table().columns.size(), false);
  for (const BinlogColumn& column : map.map.columns) {
    MURMUR_ASSIGN(const auto index, ColumnOf(column));
    map.columns.push_back(index);
    if (index) told[*index] = true;
  }
  for (const size_t needed : rows_.needed()) {
    if (told[needed]) continue;
    return Final(fmt::format("column '{}' is not in its changes: it was dropped or renamed",
                             rows_.table().columns[needed].name));
  }
  return {};
}

Status MariaChanges::CheckPresent(const Map& map, std::string_view present) const {
  for (size_t i = 0; i < map.columns.size(); ++i) {
    if (map.columns[i] && !BinlogBit(present, i)) {
      return Final("the log has only parts of its rows: binlog_row_image is not FULL any more");
    }
  }
  return {};
}

Status MariaChanges::TakeRows(BinlogIs is, std::string_view body) {
  if (!transaction_) return Damaged();
  auto rows = ReadBinlogRows(is, body, &images_.inflated);
  if (!rows) return Damaged();
  const auto map = maps_.find(rows->table);
  if (map == maps_.end() || map->second.map.columns.size() != rows->columns) return Damaged();
  images_.map = &map->second;
  images_.rows = *rows;
  images_.rest = rows->images;
  MURMUR_TRY(CheckPresent(*images_.map, rows->first));
  return rows->second.empty() ? Status() : CheckPresent(*images_.map, rows->second);
}

Status MariaChanges::TakeRow() {
  const MariaTable& table = rows_.table();
  BinlogImageColumns of{.map = &images_.map->map.columns,
                        .columns = &images_.map->columns,
                        .present = images_.rows.first};
  before_row_.clear();
  after_row_.clear();
  if (images_.rows.are != BinlogRowsAre::kInserted) {
    if (!TakeBinlogImage(of, table, &images_.rest, &before_texts_, &before_row_)) return Damaged();
    of.present = images_.rows.second;
  }
  if (images_.rows.are != BinlogRowsAre::kDeleted) {
    if (!TakeBinlogImage(of, table, &images_.rest, &after_texts_, &after_row_)) return Damaged();
  }
  if (!TakeChange()) return {};
  MURMUR_TRY(Tell(before_row_, after_row_));
  if (before_) rows_.SetPlace(transaction_->place);
  return {};
}

bool MariaChanges::TakeChange() {
  if (++transaction_->rows <= transaction_->known) return false;
  if (position_.rows == 0) {
    static_cast<BinlogPoint&>(position_) = transaction_->begin;
    position_.part = transaction_->gtid;
  }
  position_.rows = transaction_->rows;
  return true;
}

// Either may be empty: there was, or is, no row.
Status MariaChanges::Tell(const TextRow& before, const TextRow& after) {
  if (before.empty()) return rows_.Put(after);
  if (before_) MURMUR_TRY(rows_.Retract(before));
  if (after.empty()) return rows_.Delete(before);
  if (!IsSameKey(before, after)) MURMUR_TRY(rows_.Delete(before));
  return rows_.Put(after);
}

bool MariaChanges::IsSameKey(const TextRow& a, const TextRow& b) const {
  const auto& key = rows_.table().key;
  return std::all_of(key.begin(), key.end(),
                     [&](size_t column) { return a[column].text == b[column].text; });
}

}  // namespace murmur
