// What a thread fetches of the server's log, on the way to the one that decodes a table's changes.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "source/mariadb/binlog_event.h"
#include "source/mariadb/binlog_statement.h"
#include "source/mariadb/maria_connection.h"
#include "source/mariadb/maria_log.h"
#include "source/mariadb/maria_position.h"
#include "source/page_queue.h"
#include "source/retries.h"

namespace murmur {

// The queue's marks say up to where everything has been put.
using MariaQueue = PageQueue<char, BinlogReached>;

// A record of the queue is a letter, and then
enum class MariaMessage : char {
  kAnew = '!',       // nothing: the stream begins anew, at the last commit that was put
  kBegin = 'B',      // MariaBegin
  kMap = 'M',        // the body of an event
  kRows = 'R',       // the event's kind, and its body
  kStatement = 'S',  // StatementDoes
  kCommit = 'C',     // BinlogReached
};
// Of a transaction that changes the table.
struct MariaBegin {
  MariaGtid gtid;
  BinlogPoint begin;       // before it
  BinlogPlace after_gtid;  // after its first event

  std::string ToBytes() const;
  static MariaBegin FromBytes(std::string_view bytes);  // REQUIRES: it made them
};
BinlogReached BinlogReachedOf(std::string_view bytes);  // of a kCommit

// Reads the log from a position on, and puts what changes the table. Of a transaction that is only
// prepared (XA) it keeps the place; when it is committed, its changes are read again from there,
// and are those of the transaction that commits. So the log alone holds them: a restart reads on
// from the oldest place that is kept.
//
// When another server answers than before, it goes on in that one's log, after the same
// transactions. Places in the two logs have nothing to do with each other, and the order of
// domains may be another one, so that at first only transactions say what was read; behind the end
// that the log had when this began, places do again.
// Threads: Run by one.
class MariaFetching {
 public:
  MariaFetching(std::shared_ptr<const MariaPlace> place, const MariaPosition& from,
                WatchedTable watched, std::shared_ptr<MariaQueue> queue)
      : place_(std::move(place)),
        watched_(std::move(watched)),
        queue_(std::move(queue)),
        from_(from),
        part_(from.part) {}

  // Until nobody reads the queue any more, or a final error, which the queue is given.
  void Run();

  // The server has given something of its log from the position on. Threads: any.
  bool is_accepted() const { return is_accepted_; }

 private:
  static constexpr std::chrono::seconds kStartPatience{90};

  // A transaction, or a statement alone.
  struct Group {
    BinlogGtid gtid;
    BinlogPoint begin;
    BinlogPlace after_gtid;
    bool is_put = false;          // as it comes; else only that it is there is noted
    bool is_of_table = false;     // it has something that matters
    bool is_told = false;         // its kBegin was put
    bool has_rows = false;        // of any table
    std::set<uint64_t> ids = {};  // under which the table's rows come
  };

  // While the log of another server than before is read.
  struct Crossing {
    // Of the domains that begin before what was read there: the last transaction that was. What
    // has no greater number in its domain was read, too.
    MariaGtids left;
    BinlogPlace until;  // the end that this log had
  };

  Status Start();
  void BeginAnew(const BinlogPoint& from);
  Status Cross();
  // That the server which answers has all of these. Gives the end of its log.
  Result<BinlogPlace> CheckOther(const MariaGtids& read);
  void EndCrossing();
  // Whether all of a domain that was read before has come.
  void FindBeyond(const MariaGtid& gtid);
  Status Fetch();
  Status Put(MariaMessage message, std::string_view rest = {});
  Status Put(MariaMessage message, char first, std::string_view rest = {});

  Status TakeEvent(const BinlogEvent& event);
  Status TakeGtid(const BinlogEvent& event);
  Status TakeContent(const BinlogEvent& event);  // of a transaction
  Status TakeQuery(const BinlogEvent& event);
  Status TakeStatement(const BinlogQuery& query);
  Status TakeTableMap(const BinlogEvent& event);
  Status TakeRows(const BinlogEvent& event);
  // A server that failed while it wrote a transaction took that back when it began again.
  Status CheckGroupIsWhole();
  Status EndGroup();
  // A transaction that was read to its end.
  void NoteRead(const Group& group);
  // The changes of the transaction that was prepared at `begin`, as those of the one under way.
  Status PutPrepared(const BinlogPlace& begin);
  Status TakePreparedEvent(const BinlogEvent& event);
  // Of the transaction under way nothing is told until something in it matters.
  Status TellGroup();
  void Reach();
  // Whether what comes next lies before from_, or after it in the log's order.
  bool IsBeforeFrom() const {
    return crossing_ ? !crossing_->left.all().empty() : at_->place.IsBefore(from_.place);
  }
  bool IsKnown(const MariaGtid& gtid) const {
    return crossing_ ? crossing_->left.Find(gtid.domain) != nullptr : IsBeforeFrom();
  }
  // All that was read and, beyond from_, put.
  BinlogReached Reached() const;
  // A server that failed may have written to the log that a transaction is prepared, and not know
  // of it afterwards: then it never ends.
  Status LookForLost();
  void ForgetLost();
  void FindOldest();

  const std::shared_ptr<const MariaPlace> place_;
  const WatchedTable watched_;
  const std::shared_ptr<MariaQueue> queue_;
  Retries retries_{kStartPatience};
  std::unique_ptr<MariaLog> log_;

  BinlogReached from_;
  std::optional<MariaGtid> part_;  // a transaction of which changes were put, but not its end
  // Of what was read and, beyond from_, put. Empty: nothing yet.
  std::optional<BinlogPoint> at_;
  std::optional<Crossing> crossing_;
  std::map<std::string, BinlogPoint> prepared_;  // that changed the table, by xid: where they begin
  std::optional<BinlogPoint> oldest_;            // of these
  std::set<std::string> empty_;                  // by xid: prepared, without rows
  // Likewise, those that the server does not know; if they have not ended up to lost_at_, they are
  // lost.
  std::map<std::string, BinlogPoint> lost_;
  BinlogPlace lost_at_;
  std::optional<Group> group_;
  std::string statement_;
  std::atomic<bool> is_accepted_ = false;
};

}  // namespace murmur
