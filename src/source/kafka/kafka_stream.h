// The messages of one partition from a position on, as batches. Finite if it has an end.
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
#include "source/kafka/kafka_identity.h"
#include "source/kafka/kafka_position.h"

namespace murmur {

struct KafkaStreamOptions {
  uint64_t record_bytes_max = 16ull << 20;
  int64_t end = INT64_MAX;   // the first offset that is not read
  int wait_ms = 0;           // how long a Read waits for messages
  bool compacted = false;    // records may disappear, even the one before the position
  bool many_topics = false;  // the topic is added to the keys of its rows
  // A header gives a row's other key, and the topic also has the message with that key.
  bool tells_moves = false;
  bool is_json = false;  // JSON; skips a schema registry's header before it
  // Reports what a user should know; called by the reading thread. May be empty.
  std::function<void(std::string note)> note = {};
};

// Exactly one is set: messages are records, or they are changes of a table.
struct KafkaDecoder {
  std::unique_ptr<RecordDecoder> records;
  std::unique_ptr<ChangeDecoder> changes;
};

// At the first Read, and after fetching was interrupted by more than a lost connection, it checks
// that the broker still has the next records. If the position has a mark of the record before it,
// it checks that this record is the same; it does so also when messages come from a leader of
// another epoch, or, where epochs are not told, after a silence. A topic with another id than
// before is refused.
class KafkaStream final : public RecordStream {
 public:
  KafkaStream(std::shared_ptr<const KafkaClient> client, TopicPartition partition,
              const KafkaPosition& after, KafkaDecoder decoder, std::function<void()> wake,
              const KafkaStreamOptions& options);
  ~KafkaStream() override;

  // Errors: kOutOfRange (the records after the position are gone), kFailedPrecondition (another
  // topic of the same name; or a table whose changes can't be followed any further), kNotFound (the
  // topic is gone), kDataLoss (damaged records).
  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override;
  bool Checked() const override { return started_ && !to_check_; }

 private:
  Result<bool> TakeMessages(const std::stop_token& stop);
  Status Start(const std::stop_token& stop);
  void Doubt();
  Status CheckTopicId(const std::stop_token& stop);
  Status GoBack();
  size_t CountBelievable();
  size_t CountOfSameEpoch();
  bool BreaksSilence();
  void DestroyMessages(size_t from = 0);  // from that place on
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
  bool doubtful_ = false;       // trouble has followed a start
  uint64_t interruptions_ = 0;  // count before the last start
  std::optional<std::chrono::steady_clock::time_point> empty_since_;  // the queue; none: it isn't
  int32_t epoch_ = kNoEpoch;  // of the leader that wrote the last record that was taken
  bool goes_back_ = false;    // messages were left out, and are to be fetched again
  // The mark of the record before the start, from the position, until it has been checked.
  std::optional<KafkaRecordMark> to_check_;
  Status unreadable_;                          // the error that follows the last batch
  std::vector<rd_kafka_message_t*> messages_;  // of the last batch, which views them
  const rd_kafka_message_t* last_ = nullptr;   // the last record among them
  std::vector<std::string_view> rows_;         // for a table: backs the changes of its rows
  std::vector<std::string_view> keys_;         // the rows' keys, without the topic
  TextArena row_keys_;
};

}  // namespace murmur
