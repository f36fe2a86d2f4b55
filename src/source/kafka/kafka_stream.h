// One partition's messages from a position on, as batches. Finite where it has an end.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "decode/text_arena.h"
#include "murmur/decoder.h"
#include "murmur/source.h"
#include "source/kafka/kafka_client.h"
#include "source/kafka/kafka_position.h"

namespace murmur {

struct KafkaStreamOptions {
  uint64_t record_bytes_max = 16ull << 20;
  int64_t end = INT64_MAX;   // the first offset that is not read
  int wait_ms = 0;           // how long a Read waits for messages
  bool compacted = false;    // records may go, also the one before the position
  bool many_topics = false;  // keys of rows are of this topic only
  // A row's other key is told by a header, and the message that it has there is in the topic.
  bool tells_moves = false;
  bool is_json = false;  // a schema registry's header before it is passed over
  // Told what a user should know; from the thread that reads. May be empty.
  std::function<void(std::string note)> note = {};
};

// One of the two: messages are records of their own, or say what changed in a table.
struct KafkaDecoder {
  std::unique_ptr<RecordDecoder> records;
  std::unique_ptr<ChangeDecoder> changes;
};

// Checks, at the first Read and when fetching was interrupted by more than a lost connection, that
// the broker has what comes next, and, where the position knows the record before it, that this is
// still the same. The latter also where messages come after a silence.
class KafkaStream final : public RecordStream {
 public:
  KafkaStream(std::shared_ptr<const KafkaClient> client, TopicPartition partition,
              const KafkaPosition& after, KafkaDecoder decoder, std::function<void()> wake,
              const KafkaStreamOptions& options);
  ~KafkaStream() override;

  // Errors: kOutOfRange (the records behind the position are gone), kFailedPrecondition (it is
  // another topic of the same name; or a table whose changes can't be followed any further),
  // kNotFound (the topic is gone), kDataLoss (damaged records).
  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override;
  bool Checked() const override { return started_ && !to_check_; }

 private:
  Result<bool> TakeMessages(const std::stop_token& stop);
  Status Start(const std::stop_token& stop);
  void Doubt();
  bool BreaksSilence();
  void DestroyMessages();
  Status TakeMessage(const rd_kafka_message_t& message, RecordBatch* batch);
  Status TakeError(const rd_kafka_message_t& message);
  Status CheckMark(const rd_kafka_message_t* found);
  void BeginBatch(RecordBatch* batch);
  void Decode(const rd_kafka_message_t& message, RecordBatch* batch);
  void DecodeChange(const rd_kafka_message_t& message, RecordBatch* batch);
  // Nothing from this message on is counted.
  void StopAt(const rd_kafka_message_t& message, std::string_view why);
  void AddRow(const rd_kafka_message_t& message, const DecodedChange& change, RecordBatch* batch);
  std::string_view OtherKey(const rd_kafka_message_t& message, const DecodedChange& change,
                            const RecordBatch& batch);
  std::string_view BodyOf(std::string_view bytes) const;
  void LookAtFirst(std::string_view value);
  void AddDead(const rd_kafka_message_t& message, DeadLetter dead, RecordBatch* batch) const;
  std::string RowId(std::string_view key) const;  // names a row of this topic
  void Describe(uint32_t row, DeadLetter* letter) const;
  void AdvanceTo(int64_t next) { position_.next = std::max(position_.next, next); }

  const std::shared_ptr<const KafkaClient> client_;
  const TopicPartition partition_;
  const std::string object_;
  const KafkaStreamOptions options_;
  const KafkaDecoder decoder_;
  std::unique_ptr<KafkaQueue> queue_;
  KafkaPosition position_;
  bool started_ = false;
  bool looked_at_first_ = false;
  bool doubtful_ = false;       // there was a start, and then trouble
  uint64_t interruptions_ = 0;  // before the last start
  std::optional<std::chrono::steady_clock::time_point> empty_since_;  // the queue; empty: it isn't
  // The record before the start, as the position has it, until it has been looked at.
  std::optional<KafkaRecordMark> to_check_;
  Status unreadable_;                          // what comes next, behind the last batch
  std::vector<rd_kafka_message_t*> messages_;  // of the last batch, which views them
  const rd_kafka_message_t* last_ = nullptr;   // the last record of them
  std::vector<std::string_view> rows_;         // of a table: what its rows' changes are made of
  std::vector<std::string_view> keys_;         // and their keys, without the topic
  TextArena row_keys_;
};

}  // namespace murmur
