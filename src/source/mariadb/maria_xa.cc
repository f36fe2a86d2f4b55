#include "source/mariadb/maria_xa.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/take_text.h"
#include "base/waiting.h"

namespace murmur {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view kDoing = "to see what is prepared";
constexpr milliseconds kLookEvery{20};
constexpr std::chrono::seconds kTellAfter{3};
// XA PREPARE writes the log first, and the server lists the transaction when it has ended. It was
// never seen to take longer.
constexpr milliseconds kListedAfter{500};
constexpr milliseconds kFirstPause{1};  // before a read begins again
constexpr milliseconds kLongestPause{50};

// Whether a statement XA PREPARE may be under way. A replica's threads are not counted.
Result<bool> MayPrepare(MariaConnection& connection, const std::stop_token& stop) {
  MURMUR_ASSIGN(const MariaRowSet counts,
                connection.Ask("SHOW GLOBAL STATUS WHERE Variable_name IN ('Com_xa_prepare', "
                               "'Slaves_running') AND Value <> '0'",
                               kDoing, stop));
  return counts.size() > 0;
}

// Tells, after a while, for whom somebody waits, and again when that changes.
class Telling {
 public:
  Telling(std::string what, SourceNotes* notes) : what_(std::move(what)), notes_(notes) {}

  void Wait(const std::vector<std::string>& whom) {
    const std::string names = fmt::format("{}", fmt::join(whom, ", "));
    if (names == told_ || steady_clock::now() < tell_at_) return;
    notes_->Add(fmt::format("{}: {}", what_, names));
    told_ = names;
  }

 private:
  const std::string what_;
  SourceNotes* const notes_;
  const steady_clock::time_point tell_at_ = steady_clock::now() + kTellAfter;
  std::string told_;
};

// Waits until every transaction that is prepared now has ended.
Status AwaitPrepared(MariaConnection& connection, std::string_view who, SourceNotes* notes,
                     const std::stop_token& stop) {
  MURMUR_ASSIGN(auto left, PreparedXa(connection, stop));
  Telling telling(
      fmt::format("{} waits for transactions that were prepared before it (XA RECOVER)", who),
      notes);
  for (;;) {
    // Who is not there once has ended: another one may have the name later.
    MURMUR_ASSIGN(const auto now, PreparedXa(connection, stop));
    std::erase_if(left, [&now](const std::string& name) { return !now.contains(name); });
    if (left.empty()) return {};
    telling.Wait({left.begin(), left.end()});
    if (!SleepUnlessStopped(kLookEvery, stop)) {
      return Status(Code::kCancelled, connection.place().text);
    }
  }
}

}  // namespace

Result<std::set<std::string>> PreparedXa(MariaConnection& connection, const std::stop_token& stop) {
  MURMUR_ASSIGN(const MariaRowSet rows, connection.Ask("XA RECOVER", kDoing, stop));
  std::set<std::string> names;
  for (int row = 0; row < rows.size(); ++row) {
    uint64_t format = 0;
    size_t gtrid_bytes = 0;
    std::string_view format_text = rows.at(row, 0);
    std::string_view size_text = rows.at(row, 1);
    const std::string_view data = rows.at(row, 3);
    (void)TakeNumber(&format_text, &format);
    (void)TakeNumber(&size_text, &gtrid_bytes);
    gtrid_bytes = std::min(gtrid_bytes, data.size());
    names.insert(XidText(format, data.substr(0, gtrid_bytes), data.substr(gtrid_bytes)));
  }
  return names;
}

// What is prepared after `open` is known to who reads the log from there; what was prepared before
// has ended, so that reads see it. What is committed before the place is seen by reads that begin
// after the second wait: the server lists a transaction until reads see it.
Result<MariaPosition> MariaHandoffNow(MariaConnection& connection, std::string_view who,
                                      SourceNotes* notes, const std::stop_token& stop) {
  MURMUR_ASSIGN(const BinlogPlace open, EndOfBinlog(connection, stop));
  MURMUR_ASSIGN(const bool may_prepare, MayPrepare(connection, stop));
  if (may_prepare && !SleepUnlessStopped(kListedAfter, stop)) {
    return Status(Code::kCancelled, connection.place().text);
  }
  MURMUR_TRY(AwaitPrepared(connection, who, notes, stop));
  // Not the end of the log, which has changes before reads see them.
  MURMUR_ASSIGN(const BinlogPlace place, BeginMariaSnapshot(connection, stop));
  MURMUR_TRY(connection.Ask("ROLLBACK", kDoing, stop).status());
  MURMUR_TRY(AwaitPrepared(connection, who, notes, stop));
  MariaPosition position = PositionAt(place);
  if (open.IsBefore(place)) position.open = BinlogPoint{.place = open};
  MURMUR_TRY(FindGtids(connection, stop, &position));
  return position;
}

// --- what the log says

void XaHistory::NotePrepared(const std::string& xid, const BinlogPlace& place) {
  prepared_.insert(xid);
  for (Committed& one : committed_) {
    if (one.xid == xid && !one.reused) one.reused = place;
  }
}

void XaHistory::NoteEnded(const std::string& xid, const BinlogPlace& place, bool is_committed) {
  if (prepared_.erase(xid) == 0 || !is_committed) return;
  committed_.push_back({.xid = xid, .place = place, .reused = {}});
}

std::vector<std::string> XaHistory::Unseen(const BinlogPlace& before,
                                           const std::set<std::string>& prepared,
                                           const BinlogPlace& place) {
  // A name is free, or listed for another one, only when reads see the one that had it.
  std::erase_if(committed_, [&](const Committed& one) {
    const bool is_reused = one.reused && !before.IsBefore(*one.reused);
    return !before.IsBefore(one.place) && (is_reused || !prepared.contains(one.xid));
  });
  std::vector<std::string> unseen;
  for (const Committed& one : committed_) {
    if (!place.IsBefore(one.place)) unseen.push_back(one.xid);
  }
  return unseen;
}

// --- the thread that follows the log

class MariaXaWatch::Following {
 public:
  Following(std::shared_ptr<const MariaPlace> place, std::string database, std::string table,
            BinlogPlace from)
      : place_(std::move(place)),
        database_(std::move(database)),
        table_(std::move(table)),
        reached_(std::move(from)) {}

  void Run() {
    while (!closed()) {
      Status status = log_ == nullptr ? Start() : Status();
      if (status.ok()) status = Fetch();
      if (status.ok()) continue;
      log_.reset();
      const auto pause = retries_.Next();
      if (status.code() == Code::kUnavailable && pause) {
        if (!Sleep(*pause)) return;
        continue;
      }
      const std::lock_guard lock(mutex_);
      // A scan's reads are of one server.
      const bool is_other = status.code() == Code::kAborted;
      failure_ = is_other ? Status(Code::kFailedPrecondition, std::string(status.message()))
                          : std::move(status);
      changed_.notify_all();
      return;
    }
  }
  void Close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

  // Waits until the log was read up to `place`; then as XaHistory::Unseen.
  Result<std::vector<std::string>> Unseen(const BinlogPlace& before,
                                          const std::set<std::string>& prepared,
                                          const BinlogPlace& place, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [&] { return !failure_.ok() || !reached_.IsBefore(place); });
    if (stop.stop_requested()) return Status(Code::kCancelled, place_->text);
    MURMUR_TRY(failure_);
    return history_.Unseen(before, prepared, place);
  }

 private:
  static constexpr std::chrono::seconds kPatience{90};

  bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }
  bool Sleep(milliseconds time) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, time, [this] { return closed_; });
  }

  Status Start() {
    MURMUR_ASSIGN(log_, MariaLog::Open(place_, reached_));
    gtid_.reset();
    return {};
  }

  Status Fetch() {
    MURMUR_ASSIGN(const BinlogEvent event, log_->Next());
    retries_.Progress(kPatience);
    MURMUR_TRY(Take(event));
    if (gtid_) return {};
    const std::lock_guard lock(mutex_);
    reached_ = log_->place();
    changed_.notify_all();
    return {};
  }

  Status Take(const BinlogEvent& event) {
    if (MariaLog::IsOfFiles(event.is)) gtid_.reset();
    if (event.is == BinlogIs::kGtid) {
      gtid_ = ReadBinlogGtid(event);
      is_of_table_ = false;
      return gtid_ ? Status() : DamagedBinlog(*place_, log_->place());
    }
    if (!gtid_) return {};
    if (event.is == BinlogIs::kXid) gtid_.reset();
    if (event.is == BinlogIs::kTableMap) return TakeTableMap(event);
    if (event.is == BinlogIs::kXaPrepare) TakePrepare();
    if (event.is == BinlogIs::kQuery || event.is == BinlogIs::kQueryCompressed) {
      return TakeQuery(event);
    }
    return {};
  }

  Status TakeTableMap(const BinlogEvent& event) {
    const auto map = ReadBinlogTableName(event.body);
    if (!map) return DamagedBinlog(*place_, log_->place());
    is_of_table_ = is_of_table_ || (map->database == database_ && map->table == table_);
    return {};
  }

  void TakePrepare() {
    if (gtid_->is_prepared && is_of_table_) {
      const std::lock_guard lock(mutex_);
      history_.NotePrepared(gtid_->xid, log_->place());
    }
    gtid_.reset();
  }

  Status TakeQuery(const BinlogEvent& event) {
    const auto query = ReadBinlogQuery(event.is, event.body, &statement_);
    if (!query) return DamagedBinlog(*place_, log_->place());
    if (gtid_->is_completed) {
      const std::lock_guard lock(mutex_);
      history_.NoteEnded(gtid_->xid, log_->place(), query->statement.starts_with("XA COMMIT"));
    }
    if (gtid_->is_completed || gtid_->is_standalone || query->statement == "COMMIT" ||
        query->statement == "ROLLBACK") {
      gtid_.reset();
    }
    return {};
  }

  const std::shared_ptr<const MariaPlace> place_;
  const std::string database_;
  const std::string table_;
  Retries retries_{kPatience};
  std::unique_ptr<MariaLog> log_;
  std::optional<BinlogGtid> gtid_;  // of what is under way
  bool is_of_table_ = false;        // it
  std::string statement_;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  // Under mutex_.
  BinlogPlace reached_;
  XaHistory history_;
  Status failure_;
  bool closed_ = false;
};

MariaXaWatch::MariaXaWatch(std::shared_ptr<const MariaPlace> place, std::string database,
                           std::string table, const BinlogPlace& from, SourceNotes* notes)
    : place_(std::move(place)),
      notes_(notes),
      following_(std::make_shared<Following>(place_, std::move(database), std::move(table), from)),
      thread_([following = following_] { following->Run(); }) {}

MariaXaWatch::~MariaXaWatch() { following_->Close(); }

// Of one who begins a read.
struct MariaXaWatch::Turn {
  explicit Turn(MariaXaWatch* of) : watch(*of) {}
  ~Turn() {
    if (!is_mine) return;
    const std::lock_guard lock(watch.mutex_);
    watch.is_taken_ = false;
    watch.changed_.notify_all();
  }
  bool Take(const std::stop_token& stop) {
    std::unique_lock lock(watch.mutex_);
    is_mine = watch.changed_.wait(lock, stop, [this] { return !watch.is_taken_; });
    watch.is_taken_ = watch.is_taken_ || is_mine;
    return is_mine;
  }

  MariaXaWatch& watch;
  bool is_mine = false;
};

Result<BinlogPlace> MariaXaWatch::BeginRead(MariaConnection& connection,
                                            const std::stop_token& stop) {
  Turn turn(this);
  if (!turn.Take(stop)) return Status(Code::kCancelled, place_->text);
  Telling telling("a read waits until it sees XA transactions that were committed before it",
                  notes_);
  for (milliseconds pause = kFirstPause;; pause = std::min(2 * pause, kLongestPause)) {
    MURMUR_ASSIGN(const BinlogPlace before, EndOfBinlog(connection, stop));
    MURMUR_ASSIGN(const auto prepared, PreparedXa(connection, stop));
    MURMUR_ASSIGN(const BinlogPlace place, BeginMariaSnapshot(connection, stop));
    MURMUR_ASSIGN(const auto unseen, following_->Unseen(before, prepared, place, stop));
    if (unseen.empty()) return place;
    MURMUR_TRY(connection.Ask("ROLLBACK", kDoing, stop).status());
    telling.Wait(unseen);
    if (!SleepUnlessStopped(pause, stop)) return Status(Code::kCancelled, place_->text);
  }
}

}  // namespace murmur
