// A RecordStream over the changes of a table, from the server's binary log.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "murmur/source.h"
#include "source/detachable_thread.h"
#include "source/mariadb/binlog_event.h"
#include "source/mariadb/maria_fetching.h"
#include "source/mariadb/maria_position.h"
#include "source/mariadb/maria_table.h"

namespace murmur {

// A place that somebody waits for. Threads: any.
class MariaGoal {
 public:
  // Never back in one server's log.
  void Raise(const BinlogPlace& place) {
    const std::lock_guard lock(mutex_);
    if (IsAhead(place_, place)) place_ = place;
  }
  bool IsBetween(const BinlogPlace& after, const BinlogPlace& up_to) const {
    const std::lock_guard lock(mutex_);
    return IsAhead(after, place_) && !IsAhead(up_to, place_);
  }
  // Whether a place that was told later lies beyond another: of another server's log it does.
  static bool IsAhead(const BinlogPlace& of, const BinlogPlace& place) {
    return of.server != place.server || of.IsBefore(place);
  }

 private:
  mutable std::mutex mutex_;
  BinlogPlace place_;  // under mutex_
};

class MariaChanges final : public RecordStream {
 public:
  MariaChanges(std::shared_ptr<const MariaPlace> place, MariaRows rows, const MariaPosition& after,
               bool before, std::shared_ptr<const MariaGoal> goal, std::function<void()> wake);
  ~MariaChanges() override;

  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override;
  // After RESET MASTER the log may end before the position, as if all had been read.
  bool Checked() const override { return fetching_->is_accepted(); }

 private:
  struct Transaction {
    MariaGtid gtid;
    BinlogPoint begin;   // before it
    std::string place;   // of its changes
    uint64_t rows = 0;   // changes of the table so far
    uint64_t known = 0;  // of these, how many had been read before
  };
  // What the log says of the table's columns.
  struct Map {
    std::string body;  // that `map` views
    BinlogTableMap map;
    std::vector<std::optional<size_t>> columns;  // of the map's columns, the table's that are read
  };
  // Rows of one event, of which some were told.
  struct Images {
    BinlogRows rows;
    std::string inflated;  // that `rows` may view
    const Map* map = nullptr;
    std::string_view rest;
  };

  Status Take(std::string_view message);
  Status TakeBegin(std::string_view message);
  Status TakeCommit(std::string_view message);
  Status TakeStatement(std::string_view message);
  Status TakeMap(std::string_view body);
  Status TakeRows(BinlogIs is, std::string_view body);
  Result<std::optional<size_t>> ColumnOf(const BinlogColumn& column) const;
  Status CheckPresent(const Map& map, std::string_view present) const;
  Status TakeRow();
  Status Tell(const TextRow& before, const TextRow& after);
  // Whether the change under way is new; then the position is after it.
  bool TakeChange();
  bool IsSameKey(const TextRow& a, const TextRow& b) const;
  // Whether what comes next must be the first of its batch.
  bool NextIsAlone() const;
  Result<ReadState> ReadMark(RecordBatch* batch);
  void Finish(RecordBatch* batch);
  Status Damaged() const;
  Status Final(std::string_view what) const;

  const std::shared_ptr<const MariaPlace> place_;
  const std::shared_ptr<const MariaGoal> goal_;
  const std::shared_ptr<MariaQueue> queue_;
  const bool before_;
  MariaRows rows_;
  MariaPosition position_;
  std::optional<Transaction> transaction_;  // that is being read
  std::map<uint64_t, Map> maps_;            // by id, of the transaction
  Images images_;
  TextRow before_row_, after_row_;
  std::string before_texts_, after_texts_;
  Status end_;
  Page<char> page_;  // holds the last batch
  size_t next_ = 0;  // of page_
  std::chrono::steady_clock::time_point moved_at_ = std::chrono::steady_clock::now();
  const std::shared_ptr<MariaFetching> fetching_;
  const DetachableThread thread_;
};

}  // namespace murmur
