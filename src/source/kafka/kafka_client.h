// A connection to Kafka: what the sources ask of librdkafka, as values and Statuses. Includes
// librdkafka's header, so only for this folder.
// Threads: const methods from many at once.
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/definition.h"
#include "murmur/status.h"

namespace murmur {

struct KafkaConfDeleter {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
using KafkaConf = std::unique_ptr<rd_kafka_conf_t, KafkaConfDeleter>;
// The brokers and `config:` of a source, for clients other than KafkaClient.
// Errors: as KafkaClient::Make.
Result<KafkaConf> MakeKafkaConf(const SourceSpec& spec);

struct TopicPartition {
  std::string topic;
  int32_t partition = 0;
  std::string ToString() const { return topic + "/" + std::to_string(partition); }
  auto operator<=>(const TopicPartition&) const = default;
};

// For a partition: the offset of its first record, and the offset after the last record that a
// reader may see. If transactions are read committed, that is the last stable offset.
struct OffsetRange {
  int64_t begin = 0;
  int64_t end = 0;
};

using OffsetMap = std::map<TopicPartition, int64_t>;

// Limits of a queue; it is full when it reaches either.
struct KafkaQueueLimits {
  uint64_t messages = 1;
  uint64_t bytes = 1;
};

// The messages of one partition, from an offset on, as they arrive.
class KafkaQueue {
 public:
  // Used by KafkaClient. Any thread calls `wake` when messages arrive in the empty queue.
  KafkaQueue(rd_kafka_t* client, TopicPartition partition, KafkaQueueLimits limits,
             std::function<void()> wake);
  ~KafkaQueue();
  KafkaQueue(const KafkaQueue&) = delete;
  KafkaQueue& operator=(const KafkaQueue&) = delete;

  Status Start(int64_t offset);
  // Puts up to `size` messages into `messages`, which the caller destroys; waits at most `wait_ms`
  // for the first.
  size_t Take(rd_kafka_message_t** messages, size_t size, int wait_ms);
  // When messages last arrived in the empty queue.
  std::chrono::steady_clock::time_point Filled() const { return filled_; }

 private:
  static void Wake(rd_kafka_t* client, void* self);
  void Stop();
  void LookForRoom(const rd_kafka_message_t* const* messages, size_t taken);

  rd_kafka_t* const client_;
  const TopicPartition partition_;
  const KafkaQueueLimits limits_;
  const std::function<void()> wake_;
  rd_kafka_queue_t* const queue_;
  std::atomic<std::chrono::steady_clock::time_point> filled_{};
  bool started_ = false;
};

class KafkaClient {
 public:
  // `spec` is a source's `kafka: {brokers, group, config.*}`; `queue_bytes` limits the memory for
  // messages fetched ahead of one partition's reader. Connects in the background. Questions use the
  // connections of `sibling`, if there is one.
  // Errors: kInvalidArgument (librdkafka refuses a property), kNotFound (an environment variable is
  // not set).
  static Result<std::shared_ptr<KafkaClient>> Make(const SourceSpec& spec,
                                                   const std::string& default_group,
                                                   uint64_t queue_bytes,
                                                   const KafkaClient* sibling = nullptr);
  ~KafkaClient();
  KafkaClient(const KafkaClient&) = delete;
  KafkaClient& operator=(const KafkaClient&) = delete;

  // The methods below ask the brokers, repeatedly for up to kPatience.
  // Errors of all: kUnavailable (no answer; with the last error of the connection), kCancelled.

  // The partitions of `topics`. Errors: kNotFound (a topic does not exist, even after a while:
  // brokers that have just started don't know all), kPermissionDenied.
  Result<std::vector<TopicPartition>> Partitions(const std::vector<std::string>& topics,
                                                 std::stop_token stop) const;
  // Names of all topics.
  Result<std::vector<std::string>> Topics(std::stop_token stop) const;
  // Without `patient`, asks once.
  Result<OffsetRange> Offsets(const TopicPartition& partition, std::stop_token stop,
                              bool patient = true) const;
  // The ends of several partitions, asked for in parallel.
  Result<OffsetMap> Ends(const std::vector<TopicPartition>& partitions, std::stop_token stop) const;
  // For each partition, the first offset whose record has a time of at least `millis`; the end if
  // there is none.
  Result<OffsetMap> OffsetsAt(const std::vector<TopicPartition>& partitions, int64_t millis,
                              std::stop_token stop) const;
  // Whether the topic's cleanup.policy includes compact. False also if we may not ask.
  Result<bool> IsCompacted(const std::string& topic, std::stop_token stop) const;

  // The id of a topic (kafka_identity.h); empty: nobody tells it, or we may not ask. Without
  // `patient`, asks once.
  Result<std::string> TopicId(const std::string& topic, std::stop_token stop, bool patient) const;

  // Tells the client which brokers have the topic's partitions; it would find out by itself only a
  // second after they are needed. `again`: there may be new partitions.
  Status Locate(const std::string& topic, bool again, const std::stop_token& stop) const;

  // The partition's messages; one queue at a time per partition. It does not keep a client alive.
  std::unique_ptr<KafkaQueue> OpenQueue(const TopicPartition& partition,
                                        std::function<void()> wake) const;

  // Reports offsets to the consumer group, without waiting for an answer.
  void CommitToGroup(const OffsetMap& offsets) const;

  std::string Trouble() const;

  // How often the partition had moved from its broker, a connection was lost or a topic was found
  // to be another one. After that, what is found may be another topic of the same name, or have
  // lost records. The count rises before the first new message arrives.
  uint64_t Interruptions(const TopicPartition& partition) const;

 private:
  // How long a question is repeated before it fails: brokers restart, leaders move.
  static constexpr std::chrono::seconds kPatience{30};

  // The client's last news about its connections; the client may outlive this object.
  struct Heard {
    std::mutex mutex;
    std::string trouble;                               // under mutex
    uint64_t interruptions_of_all = 0;                 // under mutex
    std::map<TopicPartition, uint64_t> interruptions;  // under mutex
  };

  using Consumer = std::shared_ptr<rd_kafka_t>;
  static Result<Consumer> NewConsumer(KafkaConf conf, std::shared_ptr<Heard> heard);

  explicit KafkaClient(std::string brokers) : brokers_(std::move(brokers)) {}
  static void OnError(rd_kafka_t* client, int error, const char* reason, void* heard);
  static void OnLog(const rd_kafka_t* client, int level, const char* facility, const char* text);

  // Repeats ask(timeout_ms) → rd_kafka_resp_err_t until the answer is final.
  template <class Call>
  Status Ask(const std::stop_token& stop, std::string_view what, Call&& ask,
             std::chrono::seconds patience = kPatience) const;
  // By partition, the offset of the first record from `time` on, in ms; negative if there is none.
  // Special times: RD_KAFKA_OFFSET_BEGINNING and RD_KAFKA_OFFSET_END.
  Result<OffsetMap> LookUp(const std::vector<TopicPartition>& partitions, int64_t time,
                           std::string_view what, const std::stop_token& stop,
                           std::chrono::seconds patience = kPatience) const;
  struct MetadataDeleter {
    void operator()(const rd_kafka_metadata_t* metadata) const {
      rd_kafka_metadata_destroy(metadata);
    }
  };
  using Metadata = std::unique_ptr<const rd_kafka_metadata_t, MetadataDeleter>;
  Result<Metadata> TopicMetadata(rd_kafka_t* consumer, const std::string& topic,
                                 const std::stop_token& stop) const;
  Result<bool> TryPartitions(const std::string& topic, const std::stop_token& stop,
                             std::vector<TopicPartition>* partitions) const;

  // Takes the answers to commits that have arrived, waiting at most `wait_ms` for one.
  void TakeCommitAnswers(int wait_ms) const;

  const std::string brokers_;
  std::shared_ptr<Heard> heard_ = std::make_shared<Heard>();
  KafkaQueueLimits queue_limits_;
  Consumer fetching_;
  // Questions have their own connections; after a fetch that waits for records they would wait too.
  Consumer asking_;
  mutable std::mutex located_mutex_;
  mutable std::set<std::string> located_;  // under located_mutex_
  rd_kafka_queue_t* commit_answers_ = nullptr;
  mutable std::mutex commits_mutex_;
  mutable int commits_ = 0;  // under commits_mutex_; commits without an answer yet
};

}  // namespace murmur
