// The rows of a segment of a table, by Scan.
#pragma once

#include <memory>
#include <string>

#include "murmur/source.h"
#include "source/detachable_thread.h"
#include "source/dynamodb/dynamo_client.h"
#include "source/dynamodb/dynamo_rows.h"
#include "source/dynamodb/read_budget.h"
#include "source/page_queue.h"

namespace murmur {

struct DynamoSegment {
  uint32_t number = 0;
  uint32_t of = 1;
  std::string after;  // the key of the last row that was read, as JSON; empty: none was
};

struct DynamoScanOptions {
  uint64_t row_bytes = 0;               // on average, for progress; 0: not known
  uint64_t row_bytes_max = UINT64_MAX;  // a longer row is a dead letter
  uint32_t page_rows = 0;               // the most that one request gives; 0: what fits
};

// A separate thread fetches ahead. Reads are strongly consistent: they see everything that was
// written before they began.
class DynamoScanStream final : public RecordStream {
 public:
  DynamoScanStream(std::shared_ptr<const DynamoPlace> place, std::vector<DynamoKeyAttribute> key,
                   DynamoSegment segment, const Projection& projection,
                   std::shared_ptr<ReadBudget> budget, const DynamoScanOptions& options);
  ~DynamoScanStream() override;

  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override;

 private:
  class Fetching;
  struct NoMark {
    bool operator==(const NoMark&) const = default;
  };
  using Queue = PageQueue<char, NoMark>;  // a record is a page of the service's

  bool NextAnswer();
  Status TakeRows(RecordBatch* batch);

  const std::shared_ptr<const DynamoPlace> place_;
  const std::shared_ptr<Queue> queue_;
  const uint64_t row_bytes_;
  const std::shared_ptr<std::stop_source> fetching_stop_ = std::make_shared<std::stop_source>();
  DynamoRows rows_;
  JsonScanner scanner_{/*newline_is_space=*/true};
  Page<char> page_;           // holds the last batch
  size_t next_ = 0;           // of page_
  ScanPage answer_;           // the one that is being read
  const char* at_ = nullptr;  // the next item of it; null: none is left
  const DetachableThread fetching_;
};

}  // namespace murmur
