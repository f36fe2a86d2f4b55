// The rows of a range of a collection in the order of _id, as of a cluster time.
#pragma once

#include <memory>
#include <optional>

#include "murmur/source.h"
#include "source/mongo/mongo_client.h"
#include "source/mongo/mongo_pace.h"
#include "source/mongo/mongo_queue.h"
#include "source/mongo/mongo_rows.h"
#include "source/retries.h"

namespace murmur {

struct MongoScanRange {
  // {_id: value} each; none: no bound.
  std::optional<BsonDocument> from;   // the first row
  std::optional<BsonDocument> until;  // the first row after the range
  std::optional<BsonDocument> after;  // reading begins after it; instead of `from`
};

struct MongoScanOptions {
  ClusterTime not_before = 0;           // reads see everything written up to it
  uint64_t row_bytes = 0;               // on average; 0: not known
  uint64_t row_bytes_max = UINT64_MAX;  // a longer row is a dead letter
  MongoPaceLimits pace = {};            // limits of what is read at one cluster time
};

// A separate thread fetches ahead. It reads little at one cluster time (mongo_pace.h); the next
// read, at a later time, goes on after the last row. So it does after a read that the server broke
// off, because its snapshot was too old or its node was lost.
class MongoScanStream final : public RecordStream {
 public:
  MongoScanStream(const std::shared_ptr<MongoClients>& clients, MongoScanRange range,
                  const Projection& projection, const MongoScanOptions& options);
  ~MongoScanStream() override;

  // Errors: kUnavailable (nothing could be read for a minute), and the others of MongoStatus.
  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override;

 private:
  const std::shared_ptr<MongoClients> clients_;
  const std::shared_ptr<MongoQueue> queue_;
  const uint64_t row_bytes_;
  MongoRows rows_;
  MongoPage page_;   // holds the last batch
  size_t next_ = 0;  // of the page
  DetachableThread fetching_;
};

}  // namespace murmur
