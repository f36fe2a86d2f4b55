#include "source/kafka/kafka_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <future>
#include <thread>
#include <utility>

#include "definition/secret.h"
#include "source/client_library.h"
#include "source/kafka/kafka_identity.h"

namespace murmur {
namespace {

using std::chrono::steady_clock;

// How long an unknown topic is asked for again.
constexpr std::chrono::seconds kTopicPatience{4};
// One try of a question; not longer than a stop may take.
constexpr int kTryMs = 900;
constexpr std::chrono::milliseconds kPause{100};
constexpr int kLastCommitMs = 500;
constexpr std::chrono::milliseconds kLastWords{500};

constexpr std::pair<const char*, const char*> kProperties[] = {
    {"client.id", "murmur"},
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "error"},
    {"check.crcs", "true"},
    {"enable.partition.eof", "true"},
    {"isolation.level", "read_committed"},
    {"fetch.wait.max.ms", "100"},
    {"fetch.error.backoff.ms", "100"},
    {"reconnect.backoff.max.ms", "1000"},
    // A deleted topic is reported at once, and then checked.
    {"topic.metadata.propagation.max.ms", "0"},
    {"debug", "topic,broker"},  // for OnLog
};
// From this release on, librdkafka soon notices that a full queue has room again; older ones do
// after a second, or when something is asked of the partition's leader.
constexpr int kLooksSoonVersion = 0x02020000;
constexpr std::pair<const char*, const char*> kLookForRoom = {"fetch.queue.backoff.ms", "10"};
constexpr char kQueueMessages[] = "queued.min.messages";
constexpr char kQueueKbytes[] = "queued.max.messages.kbytes";
// Messages requested while there was room are all taken in, and an answer stays in memory as long
// as one of its messages does.
constexpr char kPartitionBytes[] = "fetch.message.max.bytes";
constexpr uint64_t kPartitionBytesMin = 64 << 10;
constexpr uint64_t kPartitionBytesMax = 1 << 20;
constexpr char kAnswerBytes[] = "fetch.max.bytes";
constexpr uint64_t kAnswerBytesMin = 1 << 20;
constexpr uint64_t kAnswerBytesMax = 50 << 20;
// Memory that librdkafka 2.0 keeps per message besides its bytes, as measured.
constexpr uint64_t kMessageOverheadBytes = 330;
// Properties on which exactness depends; `config:` may not set them.
constexpr std::array<std::string_view, 18> kOurs = {"bootstrap.servers",
                                                    "metadata.broker.list",
                                                    "group.id",
                                                    "group.instance.id",
                                                    "enable.auto.commit",
                                                    "auto.commit.enable",
                                                    "enable.auto.offset.store",
                                                    "auto.offset.reset",
                                                    "check.crcs",
                                                    "enable.partition.eof",
                                                    "api.version.request",
                                                    "broker.version.fallback",
                                                    "acks",
                                                    "request.required.acks",
                                                    "debug",
                                                    "log_level",
                                                    "log.queue",
                                                    "enabled_events"};
constexpr std::chrono::milliseconds kGather{1};
constexpr std::string_view kConfigPrefix = "config.";

// A topic of which no id was known before.
constexpr std::string_view kFromNoId = " changed id from AAAAAAAAAAAAAAAAAAAAAA to ";

struct ListDeleter {
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using PartitionList = std::unique_ptr<rd_kafka_topic_partition_list_t, ListDeleter>;

PartitionList MakeList(const OffsetMap& offsets) {
  PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const auto& [at, offset] : offsets) {
    rd_kafka_topic_partition_list_add(list.get(), at.topic.c_str(), at.partition)->offset = offset;
  }
  return list;
}

struct QueueDeleter {
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
};
using Queue = std::unique_ptr<rd_kafka_queue_t, QueueDeleter>;

struct EventDeleter {
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
};
using Event = std::unique_ptr<rd_kafka_event_t, EventDeleter>;

bool MayWorkLater(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH: return true;
    default: return false;
  }
}

Code CodeOf(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION: return Code::kPermissionDenied;
    default: return Code::kUnavailable;
  }
}

using Properties = std::vector<std::pair<std::string, std::string>>;

Status SetProperty(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  char error[512] = "";
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), error, sizeof error) ==
      RD_KAFKA_CONF_OK) {
    return {};
  }
  // librdkafka's message may contain the value, which may be a secret.
  return Status(
      Code::kInvalidArgument,
      fmt::format("kafka: librdkafka refuses the property {}; see its CONFIGURATION.md", name));
}

Status SetUserProperties(const SourceSpec& spec, rd_kafka_conf_t* conf) {
  for (const auto& [option, value] : spec.options) {
    if (!option.starts_with(kConfigPrefix)) continue;
    const std::string name = option.substr(kConfigPrefix.size());
    if (std::find(kOurs.begin(), kOurs.end(), name) != kOurs.end()) {
      return Status(
          Code::kInvalidArgument,
          fmt::format("kafka: config: {} is set by murmur, as exactness rests on it", name));
    }
    MURMUR_ASSIGN(const std::string resolved, ResolveSecret(value));
    MURMUR_TRY(SetProperty(conf, name, resolved));
  }
  return {};
}

// The brokers, `properties`, and the user's `config:`.
Result<KafkaConf> MakeConf(const SourceSpec& spec, const Properties& properties) {
  MURMUR_TRY(LoadRdKafka());
  KafkaConf conf(rd_kafka_conf_new());
  const auto brokers = spec.options.find("brokers");
  if (brokers == spec.options.end()) {
    return Status(Code::kInvalidArgument, "kafka: needs the option 'brokers'");
  }
  MURMUR_ASSIGN(const std::string resolved, ResolveSecret(brokers->second));
  MURMUR_TRY(SetProperty(conf.get(), "bootstrap.servers", resolved));
  for (const auto& [name, value] : properties) MURMUR_TRY(SetProperty(conf.get(), name, value));
  MURMUR_TRY(SetUserProperties(spec, conf.get()));
  return conf;
}

// A log's text without the "[thrd:main]: " before it.
std::string_view TextBehindThread(std::string_view text) {
  const size_t end = text.starts_with('[') ? text.find("]: ") : text.npos;
  return end == text.npos ? text : text.substr(end + 3);
}

// A quarter for messages in the queue, a quarter for those that the reader took last, half for the
// overhead of both.
Properties FetchProperties(uint64_t queue_bytes) {
  Properties properties(std::begin(kProperties), std::end(kProperties));
  if (rd_kafka_version() >= kLooksSoonVersion) properties.emplace_back(kLookForRoom);
  const auto add = [&properties](const char* name, uint64_t number) {
    properties.emplace_back(name, std::to_string(number));
  };
  const uint64_t quarter = queue_bytes / 4;
  add(kQueueMessages, 2 * quarter / kMessageOverheadBytes + 1);
  add(kQueueKbytes, (quarter >> 10) + 1);
  add(kPartitionBytes, std::clamp(quarter, kPartitionBytesMin, kPartitionBytesMax));
  add(kAnswerBytes, std::clamp(4 * queue_bytes, kAnswerBytesMin, kAnswerBytesMax));
  return properties;
}

uint64_t NumberOf(const rd_kafka_conf_t* conf, const char* property) {
  char text[32] = "";
  size_t size = sizeof text;
  if (rd_kafka_conf_get(conf, property, text, &size) != RD_KAFKA_CONF_OK) return 0;
  return std::strtoull(text, nullptr, 10);
}

void ServeEvents(rd_kafka_t* client) {
  if (rd_kafka_message_t* message = rd_kafka_consumer_poll(client, 0)) {
    rd_kafka_message_destroy(message);  // an error that on_error also got
  }
}

}  // namespace

Result<KafkaConf> MakeKafkaConf(const SourceSpec& spec) { return MakeConf(spec, {}); }

// --- KafkaQueue ---

KafkaQueue::KafkaQueue(rd_kafka_t* client, TopicPartition partition, KafkaQueueLimits limits,
                       std::function<void()> wake)
    : client_(client),
      partition_(std::move(partition)),
      limits_(limits),
      wake_(std::move(wake)),
      queue_(rd_kafka_queue_get_partition(client, partition_.topic.c_str(), partition_.partition)) {
  rd_kafka_queue_forward(queue_, nullptr);
  rd_kafka_queue_cb_event_enable(queue_, &KafkaQueue::Wake, this);
}

KafkaQueue::~KafkaQueue() {
  Stop();
  rd_kafka_queue_cb_event_enable(queue_, nullptr, nullptr);
  rd_kafka_queue_destroy(queue_);
}

void KafkaQueue::Wake(rd_kafka_t* /*client*/, void* self) {
  auto* queue = static_cast<KafkaQueue*>(self);
  queue->filled_ = steady_clock::now();
  if (queue->wake_) queue->wake_();
}

Status KafkaQueue::Start(int64_t offset) {
  Stop();
  const PartitionList list = MakeList({{partition_, offset}});
  if (rd_kafka_error_t* error = rd_kafka_incremental_assign(client_, list.get())) {
    Status status(Code::kUnavailable, partition_.ToString() + ": " + rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return status;
  }
  started_ = true;
  return {};
}

void KafkaQueue::Stop() {
  if (!started_) return;
  started_ = false;
  const PartitionList list = MakeList({{partition_, RD_KAFKA_OFFSET_INVALID}});
  if (rd_kafka_error_t* error = rd_kafka_incremental_unassign(client_, list.get())) {
    rd_kafka_error_destroy(error);  // it is no longer assigned
  }
}

size_t KafkaQueue::Take(rd_kafka_message_t** messages, size_t size, int wait_ms) {
  const auto take = [&](size_t from, size_t to, int ms) {
    const ssize_t taken = rd_kafka_consume_batch_queue(queue_, ms, messages + from, to - from);
    return from + static_cast<size_t>(std::max<ssize_t>(0, taken));
  };
  size_t taken = take(0, size, 0);
  // Otherwise it would wait until all requested messages have come.
  if (taken == 0 && wait_ms > 0) taken = take(0, 1, wait_ms);
  // Who may wait lets messages gather: to take them as they come would cost a wake-up each.
  if (taken > 0 && taken < size && wait_ms > 0) {
    std::this_thread::sleep_for(kGather);
    taken = take(taken, size, 0);
  }
  if (taken > 0 && rd_kafka_version() < kLooksSoonVersion) LookForRoom(messages, taken);
  return taken;
}

// When a queue that may have been full is half empty, asks the partition's leader anything:
// librdkafka then notices that there is room. The answer is ignored.
void KafkaQueue::LookForRoom(const rd_kafka_message_t* const* messages, size_t taken) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < taken; ++i) bytes += messages[i]->len;
  // The number of messages of this average size that half fill it.
  const uint64_t half = std::min(limits_.messages, limits_.bytes * taken / (bytes + 1)) / 2;
  const uint64_t left = rd_kafka_queue_length(queue_);
  if (left > half || left + taken <= half) return;
  const PartitionList list = MakeList({{partition_, RD_KAFKA_OFFSET_END}});
  (void)rd_kafka_offsets_for_times(client_, list.get(), /*timeout_ms=*/0);
}

// --- KafkaClient ---

Result<std::shared_ptr<KafkaClient>> KafkaClient::Make(const SourceSpec& spec,
                                                       const std::string& default_group,
                                                       uint64_t queue_bytes,
                                                       const KafkaClient* sibling) {
  MURMUR_TRY(LoadRdKafka());
  const auto option = [&spec](const std::string& name, const std::string& otherwise) {
    const auto it = spec.options.find(name);
    return it == spec.options.end() ? Result<std::string>(otherwise) : ResolveSecret(it->second);
  };
  MURMUR_ASSIGN(const std::string brokers, option("brokers", ""));
  MURMUR_ASSIGN(const std::string group, option("group", default_group));
  std::shared_ptr<KafkaClient> client(new KafkaClient(brokers));
  if (sibling != nullptr) client->heard_ = sibling->heard_;

  MURMUR_ASSIGN(KafkaConf conf, MakeConf(spec, FetchProperties(queue_bytes)));
  client->queue_limits_ = {.messages = NumberOf(conf.get(), kQueueMessages),
                           .bytes = NumberOf(conf.get(), kQueueKbytes) << 10};
  rd_kafka_conf_set_opaque(conf.get(), client->heard_.get());
  rd_kafka_conf_set_error_cb(conf.get(), &KafkaClient::OnError);
  rd_kafka_conf_set_log_cb(conf.get(), &KafkaClient::OnLog);
  MURMUR_TRY(SetProperty(conf.get(), "group.id", group));

  if (sibling != nullptr) {
    client->asking_ = sibling->asking_;
  } else {
    KafkaConf same(rd_kafka_conf_dup(conf.get()));
    MURMUR_ASSIGN(client->asking_, NewConsumer(std::move(same), client->heard_));
  }
  MURMUR_ASSIGN(client->fetching_, NewConsumer(std::move(conf), client->heard_));
  client->commit_answers_ = rd_kafka_queue_new(client->asking_.get());
  return client;
}

KafkaClient::~KafkaClient() {
  TakeCommitAnswers(kLastCommitMs);
  if (commit_answers_ != nullptr) rd_kafka_queue_destroy(commit_answers_);
}

Result<KafkaClient::Consumer> KafkaClient::NewConsumer(KafkaConf conf,
                                                       std::shared_ptr<Heard> heard) {
  char error[512] = "";
  rd_kafka_t* consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf.get(), error, sizeof error);
  if (consumer == nullptr) {
    return Status(Code::kInvalidArgument, fmt::format("kafka: {}", error));
  }
  (void)conf.release();  // the consumer owns it now
  rd_kafka_poll_set_consumer(consumer);
  return Consumer(consumer, [heard = std::move(heard)](rd_kafka_t* ended) {
    // librdkafka waits here for lost answers: half a minute for a commit if the group has no
    // coordinator yet, for ever after an assigned topic was deleted. So this runs in a separate
    // thread.
    std::packaged_task<void()> destroy(
        [ended, heard] { rd_kafka_destroy_flags(ended, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE); });
    const auto destroyed = destroy.get_future();
    std::thread(std::move(destroy)).detach();
    destroyed.wait_for(kLastWords);
  });
}

void KafkaClient::OnError(rd_kafka_t* /*client*/, int error, const char* reason, void* heard) {
  // "All are down" says less than the error before it.
  if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) return;
  auto* to = static_cast<Heard*>(heard);
  const std::lock_guard lock(to->mutex);
  to->trouble = reason;
}

// Important errors reach OnError and the answers. Only debug logs tell three things: that a
// partition has moved from its broker or can't be fetched there ("page_views [0]: broker
// unavailable: …", "Migrating topic page_views [0] … from host:9092/1 to …"), that a connection was
// lost ("host:9092/1: Broker changed state UP -> DOWN"), and that a topic is another one by now
// ("Topic page_views changed id from … to …"). Called by the fetching thread, before it fetches
// again.
//
// librdkafka 2.3 and later tell a topic's id if they are asked, but no message has it, nothing is
// called when it changes (at a fetch that is refused for it, librdkafka 2.8 takes the new id and
// goes on at the old offset), and asking before each batch would cost a request for each. So there
// too the log tells when to ask.
void KafkaClient::OnLog(const rd_kafka_t* client, int /*level*/, const char* facility,
                        const char* text) {
  if (client == nullptr) return;
  std::string_view line = TextBehindThread(text);
  const std::string_view kind = facility;
  auto* to = static_cast<Heard*>(rd_kafka_opaque(client));
  if (kind == "STATE") {
    if (line.find(" UP -> DOWN") == line.npos || line.starts_with("GroupCoordinator")) return;
    const std::lock_guard lock(to->mutex);
    ++to->interruptions_of_all;
    return;
  }
  if (kind == "METADATA") {
    if (line.find(" changed id from ") == line.npos || line.find(kFromNoId) != line.npos) return;
    const std::lock_guard lock(to->mutex);
    ++to->interruptions_of_all;
    return;
  }
  constexpr std::string_view kMigrating = "Migrating topic ";
  if (kind == "BRKMIGR" && line.find(" from (none) ") == line.npos) {
    line.remove_prefix(std::min(line.size(), kMigrating.size()));
  } else if (kind != "BROKERUA") {
    return;
  }
  const size_t bracket = line.find(" [");
  if (bracket == line.npos) return;
  TopicPartition partition{.topic = std::string(line.substr(0, bracket))};
  std::from_chars(line.data() + bracket + 2, line.data() + line.size(), partition.partition);
  const std::lock_guard lock(to->mutex);
  ++to->interruptions[partition];
}

uint64_t KafkaClient::Interruptions(const TopicPartition& partition) const {
  const std::lock_guard lock(heard_->mutex);
  const auto it = heard_->interruptions.find(partition);
  return heard_->interruptions_of_all + (it == heard_->interruptions.end() ? 0 : it->second);
}

std::string KafkaClient::Trouble() const {
  const std::lock_guard lock(heard_->mutex);
  return heard_->trouble;
}

template <class Attempt>
Status KafkaClient::Ask(const std::stop_token& stop, std::string_view what, Attempt&& attempt,
                        std::chrono::seconds patience) const {
  const auto give_up = steady_clock::now() + patience;
  for (;;) {
    if (stop.stop_requested()) return Status(Code::kCancelled, "stopped");
    const rd_kafka_resp_err_t error = attempt(kTryMs);
    for (const Consumer& consumer : {fetching_, asking_}) ServeEvents(consumer.get());
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    const bool out_of_patience = steady_clock::now() >= give_up;
    if (!MayWorkLater(error) || out_of_patience) {
      const std::string trouble = Trouble();
      return Status(CodeOf(error),
                    fmt::format("asking Kafka at {} for {}: {}{}{}", brokers_, what,
                                rd_kafka_err2str(error), trouble.empty() ? "" : ": ", trouble));
    }
    std::this_thread::sleep_for(kPause);
  }
}

Result<KafkaClient::Metadata> KafkaClient::TopicMetadata(rd_kafka_t* consumer,
                                                         const std::string& topic,
                                                         const std::stop_token& stop) const {
  std::unique_ptr<rd_kafka_topic_t, void (*)(rd_kafka_topic_t*)> handle(
      rd_kafka_topic_new(consumer, topic.c_str(), nullptr), rd_kafka_topic_destroy);
  if (!handle) {
    return Status(Code::kInvalidArgument, fmt::format("'{}' is no name of a topic", topic));
  }
  const rd_kafka_metadata_t* metadata = nullptr;
  MURMUR_TRY(Ask(stop, "topic " + topic, [&](int timeout_ms) {
    return rd_kafka_metadata(consumer, 0, handle.get(), &metadata, timeout_ms);
  }));
  return Metadata(metadata);
}

Status KafkaClient::Locate(const std::string& topic, bool again,
                           const std::stop_token& stop) const {
  {
    const std::lock_guard lock(located_mutex_);
    if (!located_.insert(topic).second && !again) return {};
  }
  return TopicMetadata(fetching_.get(), topic, stop).status();
}

Result<bool> KafkaClient::TryPartitions(const std::string& topic, const std::stop_token& stop,
                                        std::vector<TopicPartition>* partitions) const {
  MURMUR_TRY(Locate(topic, /*again=*/true, stop));
  MURMUR_ASSIGN(const Metadata metadata, TopicMetadata(asking_.get(), topic, stop));
  if (metadata->topic_cnt != 1) return false;
  const rd_kafka_metadata_topic_t& found = metadata->topics[0];
  if (CodeOf(found.err) == Code::kPermissionDenied) {
    return Status(Code::kPermissionDenied, topic + ": " + rd_kafka_err2str(found.err));
  }
  for (int i = 0; i < found.partition_cnt; ++i) {
    partitions->push_back({topic, found.partitions[i].id});
  }
  return found.err == RD_KAFKA_RESP_ERR_NO_ERROR && found.partition_cnt > 0;
}

Result<std::vector<TopicPartition>> KafkaClient::Partitions(const std::vector<std::string>& topics,
                                                            std::stop_token stop) const {
  std::vector<TopicPartition> all;
  for (const std::string& topic : topics) {
    const auto give_up = steady_clock::now() + kTopicPatience;
    for (;;) {
      std::vector<TopicPartition> partitions;
      MURMUR_ASSIGN(const bool found, TryPartitions(topic, stop, &partitions));
      if (found) {
        all.insert(all.end(), partitions.begin(), partitions.end());
        break;
      }
      if (steady_clock::now() > give_up) {
        return Status(Code::kNotFound,
                      fmt::format("Kafka at {} has no topic '{}'", brokers_, topic));
      }
      std::this_thread::sleep_for(kPause);
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

Result<std::vector<std::string>> KafkaClient::Topics(std::stop_token stop) const {
  const rd_kafka_metadata_t* found = nullptr;
  MURMUR_TRY(Ask(stop, "its topics", [&](int timeout_ms) {
    return rd_kafka_metadata(asking_.get(), 1, nullptr, &found, timeout_ms);
  }));
  const Metadata metadata(found);
  std::vector<std::string> names;
  for (int i = 0; i < metadata->topic_cnt; ++i) names.emplace_back(metadata->topics[i].topic);
  return names;
}

Result<OffsetRange> KafkaClient::Offsets(const TopicPartition& partition, std::stop_token stop,
                                         bool patient) const {
  const std::string what = "the offsets of " + partition.ToString();
  const auto look_up = [&](int64_t time) -> Result<int64_t> {
    const std::chrono::seconds patience = patient ? kPatience : std::chrono::seconds(0);
    MURMUR_ASSIGN(const auto found, LookUp({partition}, time, what, stop, patience));
    return found.at(partition);
  };
  OffsetRange range;
  MURMUR_ASSIGN(range.begin, look_up(RD_KAFKA_OFFSET_BEGINNING));
  MURMUR_ASSIGN(range.end, look_up(RD_KAFKA_OFFSET_END));
  return range;
}

Result<OffsetMap> KafkaClient::Ends(const std::vector<TopicPartition>& partitions,
                                    std::stop_token stop) const {
  return LookUp(partitions, RD_KAFKA_OFFSET_END, "the ends of partitions", stop);
}

Result<OffsetMap> KafkaClient::OffsetsAt(const std::vector<TopicPartition>& partitions,
                                         int64_t millis, std::stop_token stop) const {
  MURMUR_ASSIGN(auto offsets, LookUp(partitions, millis, "offsets by time", stop));
  for (auto& [partition, offset] : offsets) {
    if (offset >= 0) continue;
    MURMUR_ASSIGN(const OffsetRange range, Offsets(partition, stop));
    offset = range.end;
  }
  return offsets;
}

Result<OffsetMap> KafkaClient::LookUp(const std::vector<TopicPartition>& partitions, int64_t time,
                                      std::string_view what, const std::stop_token& stop,
                                      std::chrono::seconds patience) const {
  OffsetMap offsets;
  for (const TopicPartition& partition : partitions) offsets[partition] = time;
  const PartitionList list = MakeList(offsets);
  MURMUR_TRY(Ask(
      stop, what,
      [&](int timeout_ms) {
        for (int i = 0; i < list->cnt; ++i) list->elems[i].offset = time;
        const rd_kafka_resp_err_t error =
            rd_kafka_offsets_for_times(asking_.get(), list.get(), timeout_ms);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return error;
        for (int i = 0; i < list->cnt; ++i) {
          if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) return list->elems[i].err;
        }
        return error;
      },
      patience));
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& found = list->elems[i];
    offsets[{found.topic, found.partition}] = found.offset;
  }
  return offsets;
}

Result<bool> KafkaClient::IsCompacted(const std::string& topic, std::stop_token stop) const {
  const Queue queue(rd_kafka_queue_new(asking_.get()));
  bool compacted = false;
  const Status asked = Ask(stop, "the settings of " + topic, [&](int timeout_ms) {
    rd_kafka_ConfigResource_t* resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str());
    rd_kafka_DescribeConfigs(asking_.get(), &resource, 1, nullptr, queue.get());
    rd_kafka_ConfigResource_destroy(resource);
    const Event event(rd_kafka_queue_poll(queue.get(), timeout_ms));
    if (!event) return RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (const auto error = rd_kafka_event_error(event.get())) return error;
    size_t resources = 0;
    size_t entries = 0;
    const auto* const* found = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event.get()), &resources);
    if (resources != 1) return RD_KAFKA_RESP_ERR__FAIL;
    const auto* const* configs = rd_kafka_ConfigResource_configs(found[0], &entries);
    for (size_t i = 0; i < entries; ++i) {
      const std::string_view name = rd_kafka_ConfigEntry_name(configs[i]);
      const char* value = rd_kafka_ConfigEntry_value(configs[i]);
      if (name != "cleanup.policy" || value == nullptr) continue;
      compacted = std::string_view(value).find("compact") != std::string_view::npos;
    }
    return rd_kafka_ConfigResource_error(found[0]);
  });
  if (asked.code() == Code::kPermissionDenied) return false;
  MURMUR_TRY(asked);
  return compacted;
}

Result<std::string> KafkaClient::TopicId(const std::string& topic, std::stop_token stop,
                                         bool patient) const {
  const Queue answers(rd_kafka_queue_new(asking_.get()));
  std::string id;
  MURMUR_TRY(Ask(
      stop, "the id of " + topic,
      [&](int timeout_ms) {
        return AskTopicId(asking_.get(), answers.get(), topic, timeout_ms, &id);
      },
      patient ? kPatience : std::chrono::seconds(0)));
  return id;
}

std::unique_ptr<KafkaQueue> KafkaClient::OpenQueue(const TopicPartition& partition,
                                                   std::function<void()> wake) const {
  return std::make_unique<KafkaQueue>(fetching_.get(), partition, queue_limits_, std::move(wake));
}

// Not by the fetching client: while a commit waits for its coordinator, that client starts no
// partition.
void KafkaClient::CommitToGroup(const OffsetMap& offsets) const {
  if (offsets.empty()) return;
  TakeCommitAnswers(kLastCommitMs);
  const std::lock_guard lock(commits_mutex_);
  if (commits_ > 0) return;  // the next one includes it
  const PartitionList list = MakeList(offsets);
  const auto error =
      rd_kafka_commit_queue(asking_.get(), list.get(), commit_answers_, nullptr, nullptr);
  commits_ += error == RD_KAFKA_RESP_ERR_NO_ERROR ? 1 : 0;
}

void KafkaClient::TakeCommitAnswers(int wait_ms) const {
  const std::lock_guard lock(commits_mutex_);
  while (commits_ > 0) {
    const Event answer(rd_kafka_queue_poll(commit_answers_, wait_ms));
    if (!answer) return;
    --commits_;
  }
}

}  // namespace murmur
