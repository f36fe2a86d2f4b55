#include "source/kafka/kafka_topics.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <regex.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "decode/debezium_decoder.h"
#include "source/kafka/kafka_position.h"
#include "source/objects.h"

namespace murmur {
namespace {

// Share of the memory limit for messages fetched ahead, of all readers together.
constexpr double kQueueShare = 0.2;
constexpr uint64_t kQueueBytesMax = 64ull << 20;  // per partition
constexpr size_t kStreamsGuess = 4;               // streams open at once, at least
constexpr std::string_view kKafka = "kafka";
constexpr std::string_view kJsonFormat = "json";

std::string OptionOr(const SourceSpec& spec, const std::string& name, std::string otherwise) {
  const auto it = spec.options.find(name);
  return it == spec.options.end() ? std::move(otherwise) : it->second;
}

std::vector<std::string> TopicsOf(const SourceSpec& spec) {
  std::vector<std::string> topics;
  for (const auto& [name, value] : spec.options) {
    const std::string_view option = std::string_view(name).substr(0, name.find('.'));
    if (option == "topic" || option == "topics") topics.push_back(value);
  }
  std::sort(topics.begin(), topics.end());
  topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
  return topics;
}

// The connector's settings in the definition, which have the names of the connector's properties.
Result<DebeziumOptions> DebeziumOptionsOf(const SourceSpec& spec) {
  DebeziumOptions options;
  options.placeholder =
      OptionOr(spec, "unavailable.value.placeholder", std::string(kDebeziumPlaceholder));
  const std::string mode = OptionOr(spec, "decimal.handling.mode", "");
  if (mode == "precise") {
    options.decimals = DecimalMode::kPrecise;
  } else if (mode == "string") {
    options.decimals = DecimalMode::kString;
  } else if (mode == "double") {
    options.decimals = DecimalMode::kDouble;
  } else if (!mode.empty()) {
    return Status(Code::kInvalidArgument,
                  fmt::format("kafka: decimal.handling.mode '{}': expected precise, string or "
                              "double, as the connector has it",
                              mode));
  }
  return options;
}

struct RegexDeleter {
  void operator()(regex_t* regex) const {
    regfree(regex);
    delete regex;
  }
};
using Regex = std::unique_ptr<regex_t, RegexDeleter>;

// POSIX's: libstdc++'s uses stack in proportion to the text.
Result<Regex> CompilePattern(const std::string& pattern) {
  auto regex = std::make_unique<regex_t>();
  const int error = regcomp(regex.get(), pattern.c_str(), REG_EXTENDED | REG_NOSUB);
  if (error == 0) return Regex(regex.release());
  char reason[256] = "";
  regerror(error, regex.get(), reason, sizeof reason);
  return Status(Code::kInvalidArgument,
                fmt::format("kafka: pattern '{}' is no regular expression: {}", pattern, reason));
}

}  // namespace

Result<std::unique_ptr<KafkaTopics>> KafkaTopics::Make(const SourceSpec& spec,
                                                       const Definition& definition,
                                                       const Options& options) {
  std::unique_ptr<KafkaTopics> topics(new KafkaTopics);
  topics->topics_ = TopicsOf(spec);
  topics->pattern_ = OptionOr(spec, "pattern", "");
  topics->format_ = OptionOr(spec, "format", std::string(kJsonFormat));
  const std::string compacted = OptionOr(spec, "compacted", "");
  topics->compacted_ = !compacted.empty();
  topics->record_bytes_max_ = definition.max_record_bytes;
  if (topics->topics_.empty() == topics->pattern_.empty()) {
    return Status(Code::kInvalidArgument, "kafka: expected either topic: or pattern:");
  }
  if (topics->compacted_ && compacted != "allow") {
    return Status(Code::kInvalidArgument,
                  fmt::format("kafka: compacted '{}': expected allow", compacted));
  }
  MURMUR_TRY(CompilePattern(topics->pattern_).status());
  topics->name_ = fmt::format("kafka:{}{}", fmt::join(topics->topics_, ","), topics->pattern_);
  MURMUR_ASSIGN(topics->debezium_, DebeziumOptionsOf(spec));
  topics->debezium_.compacted = topics->compacted_;
  topics->begins_with_all_ = OptionOr(spec, "start", "") == "earliest";
  topics->debezium_.many_topics = !topics->pattern_.empty() || topics->topics_.size() > 1;
  MURMUR_TRY(topics->NewDecoder({}).status());
  topics->spec_ = spec;
  topics->group_ = "murmur-" + definition.name;
  topics->queues_bytes_ =
      static_cast<uint64_t>(static_cast<double>(definition.memory_bytes) * kQueueShare);
  topics->client_count_ = options.clients;
  topics->all_at_once_ = options.streams == 0;
  MURMUR_TRY(topics->MakeClients(options.streams));
  return topics;
}

// Questions use existing connections.
Status KafkaTopics::MakeClients(size_t streams) {
  streams_ = std::max(streams, kStreamsGuess);
  std::shared_ptr<const KafkaClient> sibling = clients_.empty() ? nullptr : clients_.front();
  std::vector<std::shared_ptr<const KafkaClient>> clients;
  while (clients.size() < client_count_) {
    const uint64_t queue_bytes = std::min(queues_bytes_ / streams_, kQueueBytesMax);
    MURMUR_ASSIGN(auto client, KafkaClient::Make(spec_, group_, queue_bytes, sibling.get()));
    clients.push_back(std::move(client));
    sibling = clients.front();
  }
  clients_ = std::move(clients);
  return {};
}

Result<std::vector<std::string>> KafkaTopics::Names(const std::stop_token& stop) const {
  if (pattern_.empty()) return topics_;
  MURMUR_ASSIGN(const auto all, client().Topics(stop));
  MURMUR_ASSIGN(const Regex pattern, CompilePattern(pattern_));
  std::vector<std::string> names;
  for (const std::string& name : all) {
    if (!name.starts_with("__") && regexec(pattern.get(), name.c_str(), 0, nullptr, 0) == 0)
      names.push_back(name);
  }
  if (names.empty()) {
    return Status(Code::kNotFound, fmt::format("no topic matches the pattern '{}'", pattern_));
  }
  return names;
}

Status KafkaTopics::RefuseCompacted(const std::vector<std::string>& topics,
                                    const std::stop_token& stop) {
  for (const std::string& topic : topics) {
    if (compacted_ || checked_.contains(topic)) continue;
    MURMUR_ASSIGN(const bool compacted, client().IsCompacted(topic, stop));
    checked_.insert(topic);
    if (!compacted) continue;
    if (are_changes()) {
      return Status(
          Code::kFailedPrecondition,
          fmt::format("topic {} is compacted: that a row is gone stands in it for "
                      "delete.retention.ms only, and without its place in the database's log. If "
                      "reading never stops for that long, and the topic always had as many "
                      "partitions, write `compacted: allow` beside `topic:`",
                      topic));
    }
    return Status(
        Code::kFailedPrecondition,
        fmt::format("topic {} is compacted: older records of a key disappear, so a count of its "
                    "records depends on when they are read. If each of its records has a key of "
                    "its own, write `compacted: allow` beside `topic:`",
                    topic));
  }
  return {};
}

Result<std::vector<TopicPartition>> KafkaTopics::Partitions(std::stop_token stop) {
  MURMUR_ASSIGN(const auto names, Names(stop));
  MURMUR_ASSIGN(auto partitions, client().Partitions(names, stop));
  MURMUR_TRY(RefuseCompacted(names, stop));
  if (std::exchange(is_first_, false) && all_at_once_ && partitions.size() > streams_) {
    MURMUR_TRY(MakeClients(partitions.size()));
  }
  return partitions;
}

std::vector<std::string> KafkaTopics::StreamsOf(const std::string& topic) const {
  std::vector<std::string> streams = {fmt::format("{}:{}", kKafka, topic)};
  if (pattern_.empty() && topics_.size() == 1) streams.emplace_back(kKafka);
  return streams;
}

HandoffToken KafkaTopics::TokenOf(const std::map<TopicPartition, KafkaPosition>& positions) const {
  HandoffToken token;
  for (const auto& [at, position] : positions) {
    token.streams[fmt::format("{}:{}", kKafka, at.topic)][std::to_string(at.partition)] =
        position.ToString();
  }
  return token;
}

Result<std::unique_ptr<RecordStream>> KafkaTopics::Open(const TopicPartition& partition,
                                                        const Position& after,
                                                        const Projection& projection,
                                                        std::function<void()> wake, int64_t end,
                                                        int wait_ms) const {
  MURMUR_ASSIGN(const KafkaPosition position, ParseKafkaPosition(after));
  MURMUR_ASSIGN(KafkaDecoder decoder, NewDecoder(projection));
  const auto& client = clients_[opened_.fetch_add(1) % clients_.size()];
  return std::unique_ptr<RecordStream>(std::make_unique<KafkaStream>(
      client, partition, position, std::move(decoder), std::move(wake),
      KafkaStreamOptions{.record_bytes_max = record_bytes_max_,
                         .end = end,
                         .wait_ms = wait_ms,
                         .compacted = compacted_,
                         .many_topics = debezium_.many_topics,
                         .tells_moves = begins_with_all_ && !compacted_,
                         .is_json = are_changes() || format_ == kJsonFormat,
                         .note = [this](std::string note) { Note(std::move(note)); }}));
}

void KafkaTopics::Note(std::string note) const {
  const std::lock_guard lock(mutex_);
  if (noted_.insert(note).second) notes_.push_back(std::move(note));
}

std::vector<std::string> KafkaTopics::TakeNotes() const {
  const std::lock_guard lock(mutex_);
  return std::exchange(notes_, {});
}

Result<KafkaDecoder> KafkaTopics::NewDecoder(const Projection& projection) const {
  KafkaDecoder decoder;
  if (are_changes()) {
    decoder.changes = MakeDebeziumDecoder(projection, debezium_);
  } else {
    MURMUR_ASSIGN(decoder.records, MakeDecoder(format_, projection));
  }
  return decoder;
}

Result<TopicPartition> ParseTopicPartition(std::string_view text) {
  const size_t slash = text.rfind('/');
  TopicPartition partition;
  if (slash != text.npos) {
    partition.topic = text.substr(0, slash);
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + slash + 1, end, partition.partition);
    if (parsed.ec == std::errc() && parsed.ptr == end) return partition;
  }
  return Status(Code::kInvalidArgument, fmt::format("'{}' is no topic/partition", text));
}

}  // namespace murmur
