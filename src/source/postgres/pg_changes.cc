#include "source/postgres/pg_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/big_endian.h"
#include "base/take_text.h"

namespace murmur {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr uint32_t kRowsPerChange = 3;  // a key that changes: before, gone, after
constexpr std::chrono::seconds kMoveEvery{5};
constexpr std::chrono::seconds kConfirmEvery{5};
constexpr milliseconds kAskEvery{100};  // while somebody waits for a place
constexpr milliseconds kInputWait{100};
constexpr std::chrono::hours kForEver{24 * 365 * 10};
// For the first answer: a server that has lost sight of an earlier reader of the slot, which was
// killed, notices it after wal_sender_timeout, a minute by default.
constexpr std::chrono::seconds kStartPatience{90};

// The stream begins anew, at the last commit that was put: a message of ours.
constexpr std::string_view kAnew = "!";

// Parts of a message of streaming replication: its kind, three numbers, then what the plugin wrote.
constexpr size_t kHeaderBytes = 25;

}  // namespace

// --- the fetching thread

class PgChanges::Fetching {
 public:
  Fetching(std::shared_ptr<const PgPlace> place, const PgPosition& after, PgChangesOptions options,
           std::shared_ptr<Queue> queue, std::stop_token ends)
      : place_(std::move(place)),
        options_(std::move(options)),
        queue_(std::move(queue)),
        ends_(std::move(ends)),
        put_(after.lsn),
        timeline_(after.timeline) {}

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
    if (connection_ != nullptr) (void)Confirm(false);
  }

 private:
  Status Start() {
    MURMUR_TRY(CheckSlot());
    MURMUR_ASSIGN(connection_, PgConnection::Open(place_, PgConnection::For::kReplication, {}));
    MURMUR_TRY(CheckTimeline());
    MURMUR_TRY(connection_->StartCopy(
        fmt::format("START_REPLICATION SLOT {} LOGICAL {} (proto_version '1', "
                    "publication_names {})",
                    QuotedIdentifier(options_.slot), PgLsnText(put_),
                    QuotedLiteral(QuotedIdentifier(options_.publication))),
        "to follow its changes", {}));
    confirmed_at_ = {};
    in_transaction_ = false;
    if (!queue_->Put(kAnew)) return Status(Code::kCancelled, place_->text);
    return {};
  }

  // The server would begin after a position that is too old, and say nothing.
  Status CheckSlot() const {
    MURMUR_ASSIGN(auto connection, PgConnection::Open(place_, PgConnection::For::kQueries, {}));
    MURMUR_ASSIGN(
        const PgRowSet slot,
        connection->Ask(fmt::format("SELECT confirmed_flush_lsn, coalesce(wal_status, '') "
                                    "FROM pg_replication_slots WHERE slot_name = {}",
                                    QuotedLiteral(options_.slot)),
                        "to look at its replication slot", {}));
    const auto gone = [this](std::string_view what) {
      return Unreadable(
          fmt::format("the replication slot {} {}, and with it the changes that were "
                      "not read yet",
                      options_.slot, what));
    };
    if (slot.size() == 0) return gone("is gone");
    if (slot.at(0, 1) == "lost") {
      return gone("has lost its log, which outgrew max_slot_wal_keep_size");
    }
    PgLsn confirmed = 0;
    if (!ParsePgLsn(slot.at(0, 0), &confirmed) || confirmed > put_) {
      return gone("has moved on, as somebody else read through it");
    }
    return {};
  }

  Status Unreadable(const std::string& why) const {
    return Status(
        Code::kOutOfRange,
        fmt::format("{}: {}. Begin anew: murmur bootstrap FILE --fresh", place_->text, why));
  }

  // A server that took over has the log of another up to where it did, and then its own.
  Status CheckTimeline() {
    constexpr std::string_view kDoing = "to identify its log";
    MURMUR_ASSIGN(const PgRowSet system, connection_->Ask("IDENTIFY_SYSTEM", kDoing, {}));
    uint32_t now = 0;
    PgLsn end = 0;
    std::string_view text = system.at(0, 1);
    if (!TakeNumber(&text, &now) || !ParsePgLsn(system.at(0, 2), &end)) {
      return Status(Code::kDataLoss, place_->text + ": the server does not say which log it has");
    }
    const auto other = [this](PgLsn until) {
      return Unreadable(
          fmt::format("its log was read up to {}, and the server has it only up to {}: "
                      "another server took over, or it was restored",
                      PgLsnText(put_), PgLsnText(until)));
    };
    if (end < put_) return other(end);
    if (timeline_ != 0 && timeline_ != now) {
      MURMUR_ASSIGN(const PgRowSet history,
                    connection_->Ask(fmt::format("TIMELINE_HISTORY {}", now), kDoing, {}));
      const auto until = PgEndOfTimeline(history.at(0, 1), timeline_);
      if (!until || *until < put_) return other(until.value_or(0));
    }
    timeline_ = now;
    options_.progress->timeline = now;
    return {};
  }

  Status CheckStays() {
    if (!options_.progress->lets_go.exchange(false)) return {};
    return Status(Code::kUnavailable, place_->text + ": does not answer questions");
  }

  Status Fetch() {
    MURMUR_TRY(CheckStays());
    PgConnection::Piece piece;
    MURMUR_ASSIGN(const auto copied, connection_->NextPiece(&piece, "to follow its changes", {}));
    MURMUR_TRY(ConfirmNowAndThen());
    switch (copied) {
      case PgConnection::Copied::kPiece: return TakePiece(piece.view());
      case PgConnection::Copied::kEnd:
        return Status(Code::kUnavailable, place_->text + ": the server ended replication");
      case PgConnection::Copied::kNothingYet: (void)connection_->WaitForInput(kInputWait, ends_);
    }
    return {};
  }

  Status TakePiece(std::string_view piece) {
    retries_.Progress(kForEver);
    if (piece.size() > kHeaderBytes && piece[0] == 'w')
      return TakeMessage(piece.substr(kHeaderBytes));
    constexpr size_t kKeepaliveBytes = 18;
    if (piece.size() != kKeepaliveBytes || piece[0] != 'k') return {};
    const PgLsn end = ReadBigEndian(piece.data() + 1);
    const bool wants_answer = piece.back() != 0;
    if (wants_answer) {  // a server that ends waits until all that it sent is confirmed
      asked_ = end;
      RaiseTo(end, &options_.progress->goal);
    }
    if (!in_transaction_) {
      put_ = std::max(put_, end);
      queue_->PutMark(put_);
    }
    return wants_answer ? Confirm(false) : Status();
  }

  Status TakeMessage(std::string_view message) {
    while (!queue_->WaitForRoom(std::chrono::duration_cast<milliseconds>(kConfirmEvery))) {
      MURMUR_TRY(CheckStays());
      MURMUR_TRY(ConfirmNowAndThen());
    }
    if (!queue_->Put(message)) return Status(Code::kCancelled, place_->text);
    const auto is = static_cast<PgMessageIs>(message[0]);
    if (is == PgMessageIs::kBegin) in_transaction_ = true;
    if (is != PgMessageIs::kCommit) return {};
    in_transaction_ = false;
    if (const auto commit = ReadPgCommit(message)) put_ = std::max(put_, commit->end);
    return {};
  }

  Status ConfirmNowAndThen() {
    const auto since = steady_clock::now() - confirmed_at_;
    const bool is_awaited = options_.progress->goal.load() > put_;
    const bool answers = confirmed_ < asked_ && options_.progress->committed.load() > confirmed_;
    if (since < kConfirmEvery && !(is_awaited && since >= kAskEvery) && !answers) return {};
    return Confirm(is_awaited);
  }

  // Tells the server what it may forget. `asks`: it answers how far it is.
  Status Confirm(bool asks) {
    confirmed_at_ = steady_clock::now();
    confirmed_ = options_.progress->committed.load();
    std::string message = "r";
    for (int i = 0; i < 3; ++i) AppendBigEndian(confirmed_, &message);
    AppendBigEndian(0, &message);  // our clock, which the server doesn't use
    message.push_back(asks ? 1 : 0);
    return connection_->Send(message, {});
  }

  const std::shared_ptr<const PgPlace> place_;
  const PgChangesOptions options_;
  const std::shared_ptr<Queue> queue_;
  const std::stop_token ends_;  // with queue_
  Retries retries_{kStartPatience};
  std::unique_ptr<PgConnection> connection_;
  PgLsn put_;  // everything committed up to here has been put
  uint32_t timeline_;
  bool in_transaction_ = false;
  PgLsn asked_ = 0;  // the server wants to know when this is committed
  PgLsn confirmed_ = 0;
  steady_clock::time_point confirmed_at_;
};

// --- the reading thread

PgChanges::PgChanges(std::shared_ptr<const PgPlace> place, PgRows rows, const PgPosition& after,
                     bool before, PgChangesOptions options)
    : place_(std::move(place)),
      progress_(options.progress),
      queue_(std::make_shared<Queue>(options.wake)),
      partitions_(options.partitions),
      before_(before),
      rows_(std::move(rows)),
      position_(after),
      fetching_([fetching = std::make_shared<Fetching>(place_, after, std::move(options), queue_,
                                                       ends_.get_token())] { fetching->Run(); }) {}

PgChanges::~PgChanges() {
  queue_->Close();
  ends_.request_stop();
}

Result<ReadState> PgChanges::Read(std::stop_token stop, RecordBatch* batch) {
  rows_.Begin(batch);
  if (stop.stop_requested()) return Status(Code::kCancelled, place_->text);
  stop_ = stop;
  MURMUR_TRY(end_);
  if (next_ == page_.size()) {
    next_ = 0;
    page_.Clear();
    if (!queue_->Take(&page_)) {
      if (const auto end = queue_->end()) return end->status;
      return ReadMark(batch);
    }
  }
  const PgPosition before = position_;
  for (; next_ < page_.size() && batch->rows + kRowsPerChange <= kBatchRows; ++next_) {
    if (position_ != before && Truncated(page_[next_]).count > 0) break;  // a batch of its own
    end_ = Take(page_[next_]);
    if (!end_.ok()) break;
    if (!batch->table->cleared) continue;
    ++next_;
    break;
  }
  if (position_ == before) {
    MURMUR_TRY(end_);
    return next_ == page_.size() ? ReadMark(batch) : ReadState::kIdle;
  }
  Finish(batch);
  moved_at_ = steady_clock::now();
  return ReadState::kRecords;
}

void PgChanges::Finish(RecordBatch* batch) {
  rows_.Finish();
  position_.timeline = progress_->timeline.load();
  position_.partitions = partitions_->record();
  batch->after = position_.ToString();
  batch->AsTable().watermark = PgWatermark(position_.lsn);
}

// A mark says that nothing came up to some place. It is given now and then, and when somebody waits
// for it.
Result<ReadState> PgChanges::ReadMark(RecordBatch* batch) {
  const auto mark = queue_->mark();
  if (!mark || transaction_ || position_.rows > 0 || *mark <= position_.lsn) {
    return ReadState::kIdle;
  }
  const PgLsn goal = progress_->goal.load();
  const bool reaches_goal = position_.lsn < goal && goal <= *mark;
  const auto now = steady_clock::now();
  if (!reaches_goal && now - moved_at_ < kMoveEvery) return ReadState::kIdle;
  position_.MoveTo(*mark);
  moved_at_ = now;
  Finish(batch);
  return ReadState::kRecords;
}

Status PgChanges::Damaged() const {
  return Status(Code::kDataLoss, place_->text + ": a message of replication that makes no sense");
}

Status PgChanges::Final(std::string_view what) const {
  return Status(Code::kFailedPrecondition,
                fmt::format("{}: {}. What was counted is what was there before; to count what is "
                            "there now: murmur bootstrap FILE --fresh",
                            place_->text, what));
}

Status PgChanges::Take(std::string_view message) {
  if (message == kAnew) {
    has_begun_ = true;
    transaction_.reset();
    return {};
  }
  switch (static_cast<PgMessageIs>(message[0])) {
    case PgMessageIs::kBegin: return TakeBegin(message);
    case PgMessageIs::kCommit: return TakeCommit(message);
    case PgMessageIs::kRelation: return TakeRelation(message);
    case PgMessageIs::kInsert:
    case PgMessageIs::kUpdate:
    case PgMessageIs::kDelete: return TakeRowChange(message);
    case PgMessageIs::kTruncate: return TakeTruncate(message);
  }
  return {};  // types, origins
}

Status PgChanges::TakeBegin(std::string_view message) {
  const auto begin = ReadPgBegin(message);
  if (!begin) return Damaged();
  transaction_ = Transaction{.number = begin->transaction, .commit = begin->commit};
  if (begin->commit < position_.lsn) {
    transaction_->known = UINT64_MAX;
  } else if (begin->commit == position_.commit) {
    transaction_->known = position_.rows;
  } else if (position_.rows > 0 && begin->commit > position_.commit) {
    return Final("a transaction that was read in part is not in the log any more");
  }
  return {};
}

Status PgChanges::TakeCommit(std::string_view message) {
  const auto commit = ReadPgCommit(message);
  if (!commit) return Damaged();
  transaction_.reset();
  if (commit->end > position_.lsn && commit->commit >= position_.commit) {
    position_.MoveTo(commit->end);
  }
  return {};
}

Status PgChanges::TakeRelation(std::string_view message) {
  const auto relation = ReadPgRelation(message);
  if (!relation) return Damaged();
  const bool is_partitioned = rows_.table().is_partitioned;
  if (is_partitioned && !partitions_->Has(relation->oid)) MURMUR_TRY(LookForPartitions());
  columns_.erase(relation->oid);
  if (!partitions_->Has(relation->oid)) return {};
  const bool is_renamed = relation->schema != place_->schema || relation->table != place_->table;
  if (!is_partitioned && is_renamed) {
    return Final(fmt::format("was renamed to {}.{}", relation->schema, relation->table));
  }
  Columns columns(relation->columns.size());
  std::vector<bool> told(rows_.table().columns.size(), false);
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string& name = relation->columns[i].name;
    const PgColumn* column = rows_.table().Find(name);
    const auto& missing = rows_.missing();
    if (column == nullptr) {
      if (std::find(missing.begin(), missing.end(), name) == missing.end()) continue;
      return Final(fmt::format("column '{}', which the definition names, was added", name));
    }
    columns[i] = static_cast<size_t>(column - rows_.table().columns.data());
    told[*columns[i]] = true;
    const auto& needed = rows_.needed();
    if (std::find(needed.begin(), needed.end(), *columns[i]) == needed.end()) continue;
    if (column->declared_type != relation->columns[i].type ||
        column->modifier != relation->columns[i].modifier) {
      return Final(fmt::format("the type of column '{}' was changed", column->name));
    }
  }
  for (const size_t needed : rows_.needed()) {
    if (told[needed]) continue;
    return Final(
        fmt::format("column '{}' is not in its changes: it was dropped or renamed, or "
                    "the publication leaves it out",
                    rows_.table().columns[needed].name));
  }
  columns_[relation->oid] = std::move(columns);
  return {};
}

// A relation that is not known may be a new partition.
Status PgChanges::LookForPartitions() {
  const auto ask = [this](PgConnection& connection) { return ReadPgTable(connection, stop_); };
  MURMUR_ASSIGN(const PgTable now, AskPg(place_, PgConnection::For::kQueries, stop_, ask));
  return partitions_->Update(now);
}

Result<TextRow> PgChanges::RowOf(const PgTuple& tuple, const Columns& columns) const {
  if (tuple.size() != columns.size()) return Damaged();
  TextRow row(rows_.table().columns.size());
  for (size_t i = 0; i < tuple.size(); ++i) {
    if (columns[i]) row[*columns[i]] = tuple[i];
  }
  return row;
}

// Of a table whose rows have no names: after all names that a scan gives, and each its own.
std::string PgChanges::NameOfChange(const Transaction& transaction) {
  std::string name = "\xFF";
  AppendBigEndian(transaction.commit, &name);
  AppendBigEndian(transaction.rows, &name);
  return name;
}

Status PgChanges::TakeRowChange(std::string_view message) {
  if (!transaction_) return Damaged();
  const auto change = ReadPgRowChange(message);
  if (!change) return Damaged();
  const auto columns = columns_.find(change->relation);
  if (columns == columns_.end()) return {};
  if (!IsNewChange()) return {};
  if (rows_.table().key.empty()) {
    rows_.Name(NameOfChange(*transaction_),
               fmt::format("change {} of the transaction at {}", transaction_->rows,
                           PgLsnText(transaction_->commit)));
  }
  MURMUR_TRY(Tell(*change, columns->second));
  if (before_) rows_.SetPlace(PgPlaceOf(transaction_->number));
  MoveAfterChange();
  return {};
}

bool PgChanges::IsNewChange() {
  return transaction_->known != UINT64_MAX && ++transaction_->rows > transaction_->known;
}

// Once it was told: a stop may come before that.
void PgChanges::MoveAfterChange() {
  position_.rows = transaction_->rows;
  position_.commit = transaction_->commit;
}

Status PgChanges::Tell(const PgRowChange& change, const Columns& columns) {
  TextRow before;
  if (change.before_is != 0) {
    MURMUR_ASSIGN(before, RowOf(change.before, columns));
  }
  if (!change.after) {
    if (change.before_is == 0) return Damaged();
    if (!before_) return rows_.Delete(before);
    if (change.before_is != 'O') return Final("its REPLICA IDENTITY is not FULL any more");
    return TellWithBefore(before, nullptr);
  }
  MURMUR_ASSIGN(TextRow after, RowOf(*change.after, columns));
  // With the whole row before it, an update does not repeat long values that stay.
  for (size_t i = 0; change.before_is == 'O' && i < after.size(); ++i) {
    if (after[i].is == TextValue::Is::kUnchanged) after[i] = before[i];
  }
  return TellAfter(change, before, after);
}

Status PgChanges::TellAfter(const PgRowChange& change, const TextRow& before,
                            const TextRow& after) {
  if (!before_) {
    const bool moves = change.before_is != 0 && KeyText(before) != KeyText(after);
    if (moves) MURMUR_TRY(rows_.Delete(before));
    return LeavesOut(after) ? LookUp(after) : rows_.Put(after);
  }
  if (!change.is_update) return rows_.Put(after);
  if (change.before_is != 'O') return Final("its REPLICA IDENTITY is not FULL any more");
  return TellWithBefore(before, &after);
}

Status PgChanges::TellWithBefore(const TextRow& before, const TextRow* after) {
  MURMUR_TRY(rows_.Retract(before));
  if (after == nullptr) return rows_.Delete(before);
  if (KeyText(before) != KeyText(*after)) MURMUR_TRY(rows_.Delete(before));
  return rows_.Put(*after);
}

// Whether the change leaves out a value that is needed: a long one that it did not change.
bool PgChanges::LeavesOut(const TextRow& row) const {
  return std::any_of(rows_.needed().begin(), rows_.needed().end(),
                     [&row](size_t column) { return row[column].is == TextValue::Is::kUnchanged; });
}

// Tells the row as it is now; if it is gone, it was deleted or moved since, which will be told.
// Changes are sent before reads see them: so the read must have seen this one. A server that does
// not answer is waited for, as the stream of changes waits.
Status PgChanges::LookUp(const TextRow& row) {
  constexpr milliseconds kUntilItIsSeen{10};
  constexpr milliseconds kUntilItAnswers{300};
  for (;;) {
    const auto found = AskForRow(row);
    const bool answers = found.ok();
    if (!answers && found.status().code() != Code::kUnavailable) return found.status();
    // A server that ends answers nobody, and waits until all that it sent is confirmed.
    if (!answers) progress_->lets_go = true;
    if (answers &&
        kPgReadPoints.Saw(PgReadPoint(found->at(0, 0), 0), PgPlaceOf(transaction_->number))) {
      return TellFound(row, *found);
    }
    if (!SleepUnlessStopped(answers ? kUntilItIsSeen : kUntilItAnswers, stop_)) {
      return Status(Code::kCancelled, place_->text);
    }
  }
}

Result<PgRowSet> PgChanges::AskForRow(const TextRow& row) {
  if (lookups_ == nullptr) {
    MURMUR_ASSIGN(lookups_, PgConnection::Open(place_, PgConnection::For::kQueries, stop_));
  }
  auto found = lookups_->Ask(LookUpStatement(row), "to look up a row", stop_);
  if (!found.ok()) lookups_.reset();
  return found;
}

// One row of answer: the snapshot, whether the row is there, and the columns that are needed.
std::string PgChanges::LookUpStatement(const TextRow& row) const {
  const std::vector<PgColumn>& columns = rows_.table().columns;
  std::string answer = fmt::format("SELECT pg_current_snapshot(), t.{} IS NOT NULL",
                                   QuotedIdentifier(columns[rows_.table().key[0]].name));
  for (const size_t column : rows_.needed())
    answer += ", t." + QuotedIdentifier(columns[column].name);
  std::string conditions;
  for (const size_t column : rows_.table().key) {
    conditions +=
        fmt::format("{}{} = {}", conditions.empty() ? "" : " AND ",
                    QuotedIdentifier(columns[column].name), QuotedLiteral(row[column].text));
  }
  return fmt::format("{} FROM (SELECT) AS one LEFT JOIN (SELECT * FROM {} WHERE {}) AS t ON true",
                     answer, place_->Quoted(), conditions);
}

Status PgChanges::TellFound(const TextRow& row, const PgRowSet& found) {
  if (!found.is_true(0, 1)) return rows_.Delete(row);
  TextRow now(row.size());
  int column_of_answer = 2;
  for (const size_t column : rows_.needed()) {
    const bool is_null = found.is_null(0, column_of_answer);
    now[column].is = is_null ? TextValue::Is::kNull : TextValue::Is::kText;
    now[column].text = found.at(0, column_of_answer++);
  }
  return rows_.Put(now);
}

// The key's values as they are written.
std::string PgChanges::KeyText(const TextRow& row) const {
  std::string text;
  for (const size_t column : rows_.table().key) {
    text += row[column].text;
    text += '\0';
  }
  return text;
}

PgPartitions::Among PgChanges::Truncated(std::string_view message) const {
  if (message[0] != static_cast<char>(PgMessageIs::kTruncate)) return {};
  const auto truncate = ReadPgTruncate(message);
  return truncate ? partitions_->CountOf(truncate->relations) : PgPartitions::Among();
}

Status PgChanges::TakeTruncate(std::string_view message) {
  const auto truncated = Truncated(message);
  if (truncated.count == 0) return {};
  if (!transaction_) return Damaged();
  if (!IsNewChange()) return {};
  if (!truncated.all) return Final("one of its partitions was truncated");
  rows_.Clear();
  MoveAfterChange();
  return {};
}

}  // namespace murmur
