// Shared by the live source and the replay driver: which topics they read, their partitions as
// splits, and the names of partitions in handoff tokens.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "decode/debezium_decoder.h"
#include "murmur/definition.h"
#include "murmur/source.h"
#include "source/kafka/kafka_client.h"
#include "source/kafka/kafka_position.h"
#include "source/kafka/kafka_stream.h"

namespace murmur {

class KafkaTopics {
 public:
  struct Options {
    size_t clients = 1;  // streams are spread over them, in turn
    size_t streams = 0;  // streams open at once, which share the memory; 0: one per partition
  };
  // `spec`: {brokers, topic or pattern, format, group, compacted, config.*}.
  // Errors: as KafkaClient::Make; kInvalidArgument (neither topic nor pattern, or both; a format).
  static Result<std::unique_ptr<KafkaTopics>> Make(const SourceSpec& spec,
                                                   const Definition& definition,
                                                   const Options& options);

  const std::string& name() const noexcept { return name_; }
  // Whether the messages are changes of tables.
  bool are_changes() const noexcept { return format_ == kDebeziumFormat; }
  const KafkaClient& client() const noexcept { return *clients_.front(); }

  // The present partitions; call it before any Open. Checks that the records of new topics can be
  // counted at all.
  // Errors: as KafkaClient::Partitions; kFailedPrecondition (a compacted topic).
  Result<std::vector<TopicPartition>> Partitions(std::stop_token stop);

  // The names under which a token may have the positions of `topic`: {"kafka:page_views": {"0":
  // "1500"}}; or, for the only topic, {"kafka": {"0": "1500"}} as people write it.
  std::vector<std::string> StreamsOf(const std::string& topic) const;
  HandoffToken TokenOf(const std::map<TopicPartition, KafkaPosition>& positions) const;

  // What a user should know of what was read; each note is given once. Threads: any.
  std::vector<std::string> TakeNotes() const;

  Result<std::unique_ptr<RecordStream>> Open(const TopicPartition& partition, const Position& after,
                                             const Projection& projection,
                                             std::function<void()> wake, int64_t end,
                                             int wait_ms) const;

 private:
  KafkaTopics() = default;
  Status MakeClients(size_t streams);
  Result<std::vector<std::string>> Names(const std::stop_token& stop) const;
  Result<KafkaDecoder> NewDecoder(const Projection& projection) const;
  void Note(std::string note) const;
  Status RefuseCompacted(const std::vector<std::string>& topics, const std::stop_token& stop);

  std::string name_;
  std::vector<std::string> topics_;
  std::string pattern_;
  std::string format_;
  bool compacted_ = false;  // declared to be acceptable
  std::set<std::string> checked_;
  bool is_first_ = true;  // Partitions() has not been called
  uint64_t record_bytes_max_ = 0;
  SourceSpec spec_;
  std::string group_;
  uint64_t queues_bytes_ = 0;  // of all streams
  size_t client_count_ = 1;
  bool all_at_once_ = false;
  size_t streams_ = 1;
  std::vector<std::shared_ptr<const KafkaClient>> clients_;  // at least one
  mutable std::atomic<size_t> opened_{0};
  DebeziumOptions debezium_;
  bool begins_with_all_ = false;  // nothing is skipped

  mutable std::mutex mutex_;
  mutable std::vector<std::string> notes_;  // under mutex_
  mutable std::set<std::string> noted_;     // under mutex_; all notes ever given
};

// "page_views/0". Errors: kInvalidArgument.
Result<TopicPartition> ParseTopicPartition(std::string_view text);

}  // namespace murmur
