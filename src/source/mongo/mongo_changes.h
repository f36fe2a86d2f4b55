// The changes of a collection's rows from a position on, without end: its change stream.
//
// Limits: a change whose event exceeds 16 MB ends the stream, unless the server cuts it
// (mongo_fragments.h), which MongoDB 7.0 does, and 6.0 from 6.0.9 on.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

#include "murmur/source.h"
#include "source/mongo/mongo_client.h"
#include "source/mongo/mongo_position.h"
#include "source/mongo/mongo_queue.h"
#include "source/mongo/mongo_rows.h"
#include "source/retries.h"

namespace murmur {

struct MongoChangesOptions {
  std::function<void()> wake;           // as LiveSource::Open
  uint64_t row_bytes_max = UINT64_MAX;  // a longer row is a dead letter
  // A place that someone waits for: reaching it is reported at once.
  std::shared_ptr<const std::atomic<ClusterTime>> goal;
};

// A separate thread fetches ahead. Errors that may pass are retried: for half a minute until the
// first answer, from then on without limit.
class MongoChanges final : public RecordStream {
 public:
  MongoChanges(std::shared_ptr<const MongoPlace> place, const MongoPosition& after,
               const Projection& projection, MongoChangesOptions options);
  ~MongoChanges() override;

  // Errors: kFailedPrecondition (the collection was dropped or renamed), kOutOfRange (the oplog
  // does not reach back to the position), kUnavailable, and the others of MongoStatus.
  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override;

 private:
  class Fetching;
  struct Change;

  Result<ReadState> ReadMark(RecordBatch* batch);
  void Finish(RecordBatch* batch);
  Status TakeChange(BsonBytes event);
  Status TakeRow(const Change& change);
  Status TakeRowWithBefore(const Change& change);

  const std::shared_ptr<const MongoPlace> place_;
  const ClusterTime begin_;  // changes up to it are counted, and may come again
  const std::shared_ptr<const std::atomic<ClusterTime>> goal_;
  const std::shared_ptr<MongoQueue> queue_;
  const bool before_;  // also gives rows as they were before a change
  MongoRows rows_;
  MongoPosition position_;
  MongoPage page_;   // holds the last batch
  size_t next_ = 0;  // of the page
  Status end_;       // the error that follows the last batch
  std::chrono::steady_clock::time_point moved_at_;
  DetachableThread fetching_;
};

}  // namespace murmur
