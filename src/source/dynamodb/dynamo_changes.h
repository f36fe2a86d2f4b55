// The changes of a table's rows from a position on, without end: its stream.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "murmur/source.h"
#include "source/dynamodb/dynamo_client.h"
#include "source/dynamodb/dynamo_position.h"
#include "source/dynamodb/dynamo_rows.h"
#include "source/shards/shard_reader.h"

namespace murmur {

struct DynamoChangesOptions {
  std::function<void()> wake;           // as LiveSource::Open
  uint64_t row_bytes_max = UINT64_MAX;  // a longer row is a dead letter
  ShardPace pace = {};
  // A time (ms) that someone waits for: reaching it is reported at once.
  std::shared_ptr<const std::atomic<int64_t>> goal;
};

class DynamoChanges final : public RecordStream {
 public:
  DynamoChanges(std::shared_ptr<const DynamoPlace> place, std::vector<DynamoKeyAttribute> key,
                DynamoPosition after, const Projection& projection, DynamoChangesOptions options);

  // Errors: kOutOfRange (changes that were not read are gone), kFailedPrecondition (the stream was
  // disabled, or tells too little), kUnavailable, and those of AskDynamo.
  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override;

 private:
  Status TakeEvents(const std::stop_token& stop, RecordBatch* batch);
  Status BeginEvent(ShardEvent event);
  Status TakeRecords(RecordBatch* batch);
  void NoteSettled(const ShardEvent& event);
  bool IsTimeToMove() const;
  int64_t ReadUpTo() const;  // ms; of the shard that has come least far

  const std::shared_ptr<const DynamoPlace> place_;
  const std::shared_ptr<const std::atomic<int64_t>> goal_;
  DynamoRows rows_;
  JsonScanner scanner_{/*newline_is_space=*/true};
  DynamoPosition position_;
  // The events whose rows are in the last batch; the last one may be read to its middle.
  std::vector<std::unique_ptr<ShardEvent>> events_;
  const char* at_ = nullptr;  // the next record of the last one; null: none is left
  bool advanced_ = false;     // position_ is to be told at once
  bool settled_ = false;      // it is to be told now and then
  std::chrono::steady_clock::time_point moved_at_ = std::chrono::steady_clock::now();
  int64_t told_up_to_ = 0;  // ReadUpTo of the position that was told last
  Status end_;              // the error that follows the last batch
  ShardReader reader_;
};

}  // namespace murmur
