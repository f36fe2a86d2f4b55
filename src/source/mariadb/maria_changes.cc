#include "source/mariadb/maria_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <set>
#include <utility>

#include "base/big_endian.h"
#include "source/mariadb/binlog_row.h"

namespace murmur {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr uint32_t kRowsPerChange = 3;  // a key that changes: before, gone, after
constexpr std::chrono::seconds kMoveEvery{5};
// An idle server is heard of so often; then the thread that waits for it may end.
constexpr milliseconds kHeartbeat{100};
constexpr std::chrono::seconds kStartPatience{90};
constexpr std::chrono::hours kForEver{24 * 365 * 10};
constexpr uint64_t kFirstOffset = 4;  // of a file's first event

// Messages from the thread that fetches to the one that reads: a letter, and then
enum class Message : char {
  kAnew = '!',   // nothing: the stream begins anew, at the last commit that was put
  kBegin = 'B',  // whether it is prepared only (XA); a place before it, and after its first event
  kMap = 'M',    // the body of an event
  kRows = 'R',   // the event's kind, and its body
  kStatement = 'S',  // StatementDoes
  kCommit = 'C',     // a place
};

std::string MessageOf(Message message, std::string_view rest = {}) {
  std::string bytes(1, static_cast<char>(message));
  bytes += rest;
  return bytes;
}
std::string MessageOf(Message message, char first, std::string_view rest = {}) {
  std::string bytes(1, static_cast<char>(message));
  bytes += first;
  bytes += rest;
  return bytes;
}

// A place within a file, which is named after it.
void AppendOffset(uint64_t offset, uint32_t begun, std::string* bytes) {
  AppendBigEndian(offset, bytes);
  AppendBigEndian(begun, bytes);
}
constexpr size_t kOffsetBytes = 2 * sizeof(uint64_t);

// REQUIRES: kOffsetBytes are readable
BinlogPlace PlaceAt(std::string_view offset, std::string_view file) {
  return {.file = std::string(file),
          .offset = ReadBigEndian(offset.data()),
          .begun = static_cast<uint32_t>(ReadBigEndian(offset.data() + sizeof(uint64_t)))};
}

WatchedTable WatchedOf(const MariaRows& rows) {
  const MariaTable& table = rows.table();
  WatchedTable watched{.database = table.database, .table = table.table, .columns = rows.missing()};
  for (const size_t column : rows.needed()) watched.columns.push_back(table.columns[column].name);
  return watched;
}

// Events between those that matter, and those that belong to statements.
bool IsIgnored(BinlogIs is) {
  switch (is) {
    case BinlogIs::kStop:
    case BinlogIs::kIntvar:
    case BinlogIs::kRand:
    case BinlogIs::kUserVar:
    case BinlogIs::kBeginLoadQuery:
    case BinlogIs::kAnnotateRows:
    case BinlogIs::kBinlogCheckpoint:
    case BinlogIs::kGtidList:
    case BinlogIs::kStartEncryption: return true;
    default: return false;
  }
}

}  // namespace

// --- the fetching thread

class MariaChanges::Fetching {
 public:
  Fetching(std::shared_ptr<const MariaPlace> place, BinlogPlace after, WatchedTable watched,
           std::shared_ptr<Queue> queue)
      : place_(std::move(place)),
        watched_(std::move(watched)),
        queue_(std::move(queue)),
        put_(std::move(after)) {}

  void Run() {
    while (!queue_->closed()) {
      Status status = connection_ == nullptr ? Start() : Status();
      if (status.ok()) status = Fetch();
      if (status.ok()) continue;
      connection_.reset();
      if (status.code() != Code::kUnavailable) return queue_->End(std::move(status));
      const auto pause = retries_.Next();
      if (!pause) return queue_->End(std::move(status));
      if (!queue_->Sleep(*pause)) return;
    }
  }

 private:
  Status Start() {
    MURMUR_ASSIGN(connection_,
                  MariaConnection::Open(place_, MariaConnection::For::kReplication, {}));
    // Two replicas of one number would throw each other out.
    constexpr uint32_t kNoServers = 0x80000000;
    const uint32_t server_id = kNoServers | static_cast<uint32_t>(std::random_device()());
    MURMUR_TRY(connection_->StartBinlog(put_.file, put_.offset, server_id, kHeartbeat));
    file_ = put_.file;
    begun_ = put_.begun;
    is_described_ = false;
    is_checked_ = false;
    group_.reset();
    return Put(MessageOf(Message::kAnew));
  }

  Status Put(const std::string& message) {
    if (queue_->Put(message)) return {};
    return Status(Code::kCancelled, place_->text);
  }

  Status Fetch() {
    auto bytes = connection_->NextEvent();
    if (bytes.status().code() == Code::kOutOfRange) return Unreadable(bytes.status());
    MURMUR_TRY(bytes.status());
    if (bytes->empty()) {
      return Status(Code::kUnavailable, place_->text + ": the server ended its log");
    }
    retries_.Progress(kForEver);
    const auto event = ReadBinlogEvent(*bytes, is_checked_);
    if (!event) return Damaged();
    MURMUR_TRY(TakeEvent(*event));
    if (event->end == 0 || (event->flags & BinlogEvent::kArtificial) != 0) return {};
    if (!group_ && event->is != BinlogIs::kRotate) MoveTo({file_, event->end, begun_});
    return {};
  }

  Status Unreadable(const Status& why) const {
    return Status(
        Code::kOutOfRange,
        fmt::format(
            "{}. The log was read up to {}, and the server does not have it from there on: "
            "it was purged (binlog_expire_logs_seconds, expire_logs_days), or it is another "
            "server's. Begin anew: murmur bootstrap FILE --fresh",
            why.message(), put_.ToString()));
  }
  Status Damaged() const {
    return Status(Code::kDataLoss,
                  fmt::format("{}: an event after {} of its log that makes no sense", place_->text,
                              put_.ToString()));
  }

  void MoveTo(BinlogPlace to) {
    put_ = std::move(to);
    queue_->PutMark(put_);
  }

  Status TakeEvent(const BinlogEvent& event) {
    switch (event.is) {
      case BinlogIs::kFormatDescription: return TakeDescription(event);
      case BinlogIs::kRotate: return TakeRotate(event);
      case BinlogIs::kGtid: return TakeGtid(event);
      case BinlogIs::kTableMap: return TakeTableMap(event);
      case BinlogIs::kQuery:
      case BinlogIs::kQueryCompressed:
      case BinlogIs::kExecuteLoadQuery: return TakeQuery(event);
      case BinlogIs::kXid:
      case BinlogIs::kXaPrepare: return EndGroup(event.end);
      case BinlogIs::kHeartbeat: return {};
      case BinlogIs::kIncident:
        return Status(Code::kDataLoss,
                      fmt::format("{}: the server's log says that it lost events after {}. Begin "
                                  "anew: murmur bootstrap FILE --fresh",
                                  place_->text, put_.ToString()));
      default: break;
    }
    if (BinlogRowsOf(event.is) != BinlogRowsAre::kNone) return TakeRowsEvent(event);
    if (IsIgnored(event.is) || (event.flags & BinlogEvent::kIgnorable) != 0) return {};
    return Status(Code::kUnimplemented,
                  fmt::format("{}: its log has an event of kind {}, which is not known",
                              place_->text, static_cast<int>(event.is)));
  }

  Status TakeDescription(const BinlogEvent& event) {
    const auto is_checked = ReadBinlogChecked(event.body);
    if (!is_checked) return Damaged();
    is_checked_ = *is_checked;
    is_described_ = true;
    begun_ = event.time;
    if (put_.file == file_ && put_.begun != 0 && put_.begun != begun_) {
      return Unreadable(Status(Code::kOutOfRange,
                               place_->text + ": the server's log was begun anew (RESET MASTER)"));
    }
    return CheckGroupIsWhole();
  }

  // The first one only repeats what was asked for.
  Status TakeRotate(const BinlogEvent& event) {
    const auto file = ReadBinlogRotate(event.body);
    if (!file) return Damaged();
    if (!is_described_) return {};
    MURMUR_TRY(CheckGroupIsWhole());
    if (file_ == *file) return {};
    file_ = *file;
    begun_ = 0;
    MoveTo({file_, kFirstOffset});
    return {};
  }

  // A server that failed while it wrote a transaction took that back when it began again.
  Status CheckGroupIsWhole() {
    const bool was_told = group_ && group_->is_told;
    group_.reset();
    if (!was_told) return {};
    return Status(Code::kDataLoss,
                  fmt::format("{}: the transaction after {} of its log is not whole, as the server "
                              "failed while it wrote it. Begin anew: murmur bootstrap FILE --fresh",
                              place_->text, put_.ToString()));
  }

  Status TakeGtid(const BinlogEvent& event) {
    MURMUR_TRY(CheckGroupIsWhole());
    const auto gtid = ReadBinlogGtid(event.body);
    if (!gtid) return Damaged();
    group_ = Group{.gtid = *gtid, .end_of_gtid = event.end};
    return {};
  }

  // Of the transaction under way nothing is told until something in it matters.
  Status TellGroup() {
    if (!group_) return Damaged();
    if (group_->is_told) return {};
    group_->is_told = true;
    std::string places;
    AppendOffset(put_.offset, begun_, &places);
    AppendOffset(group_->end_of_gtid, begun_, &places);
    return Put(MessageOf(Message::kBegin, group_->gtid.is_xa ? 1 : 0, places + file_));
  }

  Status EndGroup(uint32_t end) {
    const bool was_told = group_ && group_->is_told;
    group_.reset();
    if (!was_told) return {};
    std::string place;
    AppendOffset(end, begun_, &place);
    return Put(MessageOf(Message::kCommit, place + file_));
  }

  Status TakeTableMap(const BinlogEvent& event) {
    const auto map = ReadBinlogTableName(event.body);
    if (!map || !group_) return Damaged();
    if (map->database != watched_.database || map->table != watched_.table) {
      group_->ids.erase(map->id);
      return {};
    }
    group_->ids.insert(map->id);
    MURMUR_TRY(TellGroup());
    return Put(MessageOf(Message::kMap, event.body));
  }

  Status TakeRowsEvent(const BinlogEvent& event) {
    const auto table = ReadBinlogRowsTable(event.body);
    if (!table || !group_) return Damaged();
    if (!group_->ids.contains(*table)) return {};
    return Put(MessageOf(Message::kRows, static_cast<char>(event.is), event.body));
  }

  Status TakeQuery(const BinlogEvent& event) {
    const auto query = ReadBinlogQuery(event.is, event.body, &statement_);
    if (!query) return Damaged();
    const StatementDoes does = WhatStatementDoes(query->statement, query->database, watched_);
    if (does != StatementDoes::kNothing) {
      MURMUR_TRY(TellGroup());
      MURMUR_TRY(Put(MessageOf(Message::kStatement, static_cast<char>(does))));
    }
    const bool is_end = !group_ || group_->gtid.is_standalone || query->statement == "COMMIT" ||
                        query->statement == "ROLLBACK" ||
                        query->statement.starts_with("XA COMMIT") ||
                        query->statement.starts_with("XA ROLLBACK");
    return is_end ? EndGroup(event.end) : Status();
  }

  // A transaction, or a statement alone.
  struct Group {
    BinlogGtid gtid;
    uint32_t end_of_gtid = 0;
    bool is_told = false;
    std::set<uint64_t> ids = {};  // under which the table's rows come
  };

  const std::shared_ptr<const MariaPlace> place_;
  const WatchedTable watched_;
  const std::shared_ptr<Queue> queue_;
  Retries retries_{kStartPatience};
  std::unique_ptr<MariaConnection> connection_;
  BinlogPlace put_;     // everything committed up to here has been put
  std::string file_;    // that is read
  uint32_t begun_ = 0;  // its
  bool is_described_ = false;
  bool is_checked_ = false;
  std::optional<Group> group_;
  std::string statement_;
};

// --- the reading thread

MariaChanges::MariaChanges(std::shared_ptr<const MariaPlace> place, MariaRows rows,
                           const MariaPosition& after, bool before,
                           std::shared_ptr<const MariaGoal> goal, std::function<void()> wake)
    : place_(std::move(place)),
      goal_(std::move(goal)),
      queue_(std::make_shared<Queue>(std::move(wake))),
      before_(before),
      rows_(std::move(rows)),
      position_(after),
      fetching_([fetching = std::make_shared<Fetching>(place_, after.place, WatchedOf(rows_),
                                                       queue_)] { fetching->Run(); }) {}

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
  return page_[next_][0] == static_cast<char>(Message::kStatement);
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
  if (!mark || transaction_ || position_.rows > 0 || !position_.place.IsBefore(*mark)) {
    return ReadState::kIdle;
  }
  const auto now = steady_clock::now();
  if (!goal_->IsBetween(position_.place, *mark) && now - moved_at_ < kMoveEvery) {
    return ReadState::kIdle;
  }
  position_.MoveTo(*mark);
  moved_at_ = now;
  Finish(batch);
  return ReadState::kRecords;
}

Status MariaChanges::Damaged() const {
  return Status(Code::kDataLoss, fmt::format("{}: an event after {} of its log that makes no sense",
                                             place_->text, position_.place.ToString()));
}

Status MariaChanges::Final(std::string_view what) const {
  return Status(Code::kFailedPrecondition,
                fmt::format("{}: {}. What was counted is what was there before; to count what is "
                            "there now: murmur bootstrap FILE --fresh",
                            place_->text, what));
}

Status MariaChanges::Take(std::string_view message) {
  const auto is = static_cast<Message>(message[0]);
  message.remove_prefix(1);
  switch (is) {
    case Message::kAnew: transaction_.reset(); return {};
    case Message::kBegin: return TakeBegin(message);
    case Message::kMap: return TakeMap(message);
    case Message::kRows: return TakeRows(static_cast<BinlogIs>(message[0]), message.substr(1));
    case Message::kStatement: return TakeStatement(message);
    case Message::kCommit: return TakeCommit(message);
  }
  return {};
}

Status MariaChanges::TakeBegin(std::string_view message) {
  const bool is_xa = message[0] != 0;
  message.remove_prefix(1);
  const std::string_view file = message.substr(2 * kOffsetBytes);
  const BinlogPlace begin = PlaceAt(message, file);
  const BinlogPlace after_gtid = PlaceAt(message.substr(kOffsetBytes), file);
  transaction_ = Transaction{.is_xa = is_xa, .begin = begin, .place = after_gtid.ToBytes()};
  maps_.clear();
  if (position_.rows == 0) return {};
  if (begin != position_.place) {
    return Final("a transaction that was read in part is not in the log any more");
  }
  transaction_->known = position_.rows;
  return {};
}

Status MariaChanges::TakeCommit(std::string_view message) {
  transaction_.reset();
  position_.MoveTo(PlaceAt(message, message.substr(kOffsetBytes)));
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
  if (transaction_->is_xa) {
    return Final("was changed by an XA transaction, which is not supported yet");
  }
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
  position_.place = transaction_->begin;
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
