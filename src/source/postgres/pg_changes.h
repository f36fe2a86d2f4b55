// A RecordStream over the changes of a table, from the plugin pgoutput through a replication slot.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "murmur/source.h"
#include "source/detachable_thread.h"
#include "source/page_queue.h"
#include "source/postgres/pg_output.h"
#include "source/postgres/pg_partitions.h"
#include "source/postgres/pg_position.h"
#include "source/postgres/pg_table.h"

namespace murmur {

// What the two threads of a stream and its source share.
struct PgProgress {
  std::atomic<PgLsn> committed{0};    // durable: the server may forget what lies before it
  std::atomic<PgLsn> goal{0};         // somebody waits until this has been read
  std::atomic<bool> lets_go{false};   // the server is to be left, and asked again
  std::atomic<uint32_t> timeline{0};  // of the log that is read; 0: unknown yet
};

struct PgChangesOptions {
  std::function<void()> wake;
  std::string slot;
  std::string publication;
  std::shared_ptr<PgProgress> progress;
  std::shared_ptr<PgPartitions> partitions;
};

class PgChanges final : public RecordStream {
 public:
  PgChanges(std::shared_ptr<const PgPlace> place, PgRows rows, const PgPosition& after, bool before,
            PgChangesOptions options);
  ~PgChanges() override;

  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override;
  // Once the server has begun to stream from the position.
  bool Checked() const override { return has_begun_; }

 private:
  class Fetching;
  // The queue's marks are places up to which everything has been put.
  using Queue = PageQueue<char, PgLsn>;

  using Columns = std::vector<std::optional<size_t>>;  // of a relation's columns, the table's

  struct Transaction {
    uint32_t number = 0;
    PgLsn commit = 0;
    uint64_t rows = 0;   // changes of the table so far
    uint64_t known = 0;  // of these, how many had been read before
  };

  Status Take(std::string_view message);
  Status TakeBegin(std::string_view message);
  Status TakeCommit(std::string_view message);
  Status TakeRelation(std::string_view message);
  Status LookForPartitions();
  Status TakeRowChange(std::string_view message);
  // Which of the table's relations a message truncates; it may name several tables.
  PgPartitions::Among Truncated(std::string_view message) const;
  Status TakeTruncate(std::string_view message);
  // Whether the next change of the transaction was not read before.
  bool IsNewChange();
  void MoveAfterChange();
  static std::string NameOfChange(const Transaction& transaction);
  Status Tell(const PgRowChange& change, const Columns& columns);
  Status TellWithBefore(const TextRow& before, const TextRow* after);
  Status TellAfter(const PgRowChange& change, const TextRow& before, const TextRow& after);
  bool LeavesOut(const TextRow& row) const;
  Status LookUp(const TextRow& row);
  Result<PgRowSet> AskForRow(const TextRow& row);
  std::string LookUpStatement(const TextRow& row) const;
  Status TellFound(const TextRow& row, const PgRowSet& found);
  Result<TextRow> RowOf(const PgTuple& tuple, const Columns& columns) const;
  std::string KeyText(const TextRow& row) const;
  Result<ReadState> ReadMark(RecordBatch* batch);
  void Finish(RecordBatch* batch);
  Status Damaged() const;
  Status Final(std::string_view what) const;

  const std::shared_ptr<const PgPlace> place_;
  const std::shared_ptr<PgProgress> progress_;
  const std::shared_ptr<Queue> queue_;
  const std::shared_ptr<PgPartitions> partitions_;
  const bool before_;
  PgRows rows_;
  std::map<uint32_t, Columns> columns_;  // by relation, of those that have rows of the table
  PgPosition position_;
  std::optional<Transaction> transaction_;  // that is being read
  std::stop_token stop_;                    // of the Read under way
  std::unique_ptr<PgConnection> lookups_;
  bool has_begun_ = false;
  Status end_;
  Page<char> page_;  // holds the last batch
  size_t next_ = 0;  // of page_
  std::chrono::steady_clock::time_point moved_at_ = std::chrono::steady_clock::now();
  std::stop_source ends_;
  const DetachableThread fetching_;
};

}  // namespace murmur
