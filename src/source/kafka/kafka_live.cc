#include "source/kafka/kafka_live.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "base/time_text.h"
#include "source/kafka/kafka_dead_letters.h"
#include "source/kafka/kafka_position.h"
#include "source/kafka/kafka_topics.h"

namespace murmur {
namespace {

constexpr std::string_view kSplitPrefix = "kafka:";

// The content of `start:`: earliest, latest, a time, or offsets by partition.
class Start {
 public:
  explicit Start(const SourceSpec& spec) : spec_(spec) {}

  bool given() const {
    const auto it = spec_.options.lower_bound("start");
    return it != spec_.options.end() && (it->first == "start" || it->first.starts_with("start."));
  }

  bool is_earliest() const {
    const auto it = spec_.options.find("start");
    return it != spec_.options.end() && it->second == "earliest";
  }

  // The offset for `partition`, if the option names it, alone or under its topic; else empty.
  Result<std::optional<int64_t>> OffsetOf(const TopicPartition& partition) const {
    for (const std::string& name :
         {fmt::format("start.{}", partition.partition),
          fmt::format("start.{}.{}", partition.topic, partition.partition)}) {
      const auto it = spec_.options.find(name);
      if (it == spec_.options.end()) continue;
      int64_t offset = 0;
      const char* end = it->second.data() + it->second.size();
      const auto parsed = std::from_chars(it->second.data(), end, offset);
      if (parsed.ec == std::errc() && parsed.ptr == end && offset >= 0) {
        return std::optional<int64_t>(offset);
      }
      return Status(Code::kInvalidArgument,
                    fmt::format("kafka: {} '{}': expected an offset", name, it->second));
    }
    return std::optional<int64_t>();
  }

  // The offsets of all partitions, if the option applies to all; else empty.
  Result<std::optional<OffsetMap>> OffsetsOfAll(const std::vector<TopicPartition>& partitions,
                                                const KafkaClient& client,
                                                const std::stop_token& stop) const {
    const auto it = spec_.options.find("start");
    if (it == spec_.options.end()) return std::optional<OffsetMap>();
    if (const auto micros = ParseEventTime(it->second)) {
      // Kafka takes times below 0 as names of offsets.
      const int64_t millis = std::max<int64_t>(0, *micros / 1000);
      MURMUR_ASSIGN(auto offsets, client.OffsetsAt(partitions, millis, stop));
      return std::optional<OffsetMap>(std::move(offsets));
    }
    if (it->second != "earliest" && it->second != "latest") {
      return Status(Code::kInvalidArgument,
                    fmt::format("kafka: start '{}': expected earliest, latest, a time as RFC 3339, "
                                "or offsets such as {{0: 1500, 1: 1480}}",
                                it->second));
    }
    OffsetMap offsets;
    for (const TopicPartition& partition : partitions) {
      MURMUR_ASSIGN(const OffsetRange range, client.Offsets(partition, stop));
      offsets[partition] = it->second == "earliest" ? range.begin : range.end;
    }
    return std::optional<OffsetMap>(std::move(offsets));
  }

 private:
  const SourceSpec& spec_;
};

class KafkaLive final : public LiveSource {
 public:
  KafkaLive(std::unique_ptr<KafkaTopics> topics, std::unique_ptr<KafkaDeadLetters> dead_letters,
            const Definition& definition)
      : topics_(std::move(topics)),
        dead_letters_(std::move(dead_letters)),
        spec_(*definition.live),
        told_by_user_(HasUsersPositions(definition)) {}

  std::string_view Name() const noexcept override { return topics_->name(); }

  Result<HandoffToken> HandoffNow(std::stop_token stop) override {
    MURMUR_ASSIGN(const auto partitions, topics_->Partitions(stop));
    MURMUR_ASSIGN(const OffsetMap ends, topics_->client().Ends(partitions, stop));
    std::map<TopicPartition, KafkaPosition> positions;
    for (const auto& [partition, end] : ends) positions[partition].next = end;
    return topics_->TokenOf(positions);
  }

  Result<std::vector<Split>> Splits(std::stop_token stop) override {
    MURMUR_ASSIGN(const auto partitions, topics_->Partitions(stop));
    std::vector<Split> splits;
    for (const TopicPartition& partition : partitions) {
      splits.push_back({.id = std::string(kSplitPrefix) + partition.ToString(),
                        .payload = partition.ToString()});
    }
    return splits;
  }

  Result<PositionMap> Begin(const std::vector<Split>& splits, const HandoffToken& token,
                            std::stop_token stop) override {
    MURMUR_ASSIGN(const auto partitions, PartitionsOf(splits));
    const Start start(spec_);
    std::optional<OffsetMap> all;
    const bool has_token = HasPositions(token);
    if (!has_token) {
      if (!start.given()) return NoStart();
      MURMUR_ASSIGN(all, start.OffsetsOfAll(partitions, topics_->client(), stop));
      if (all && start.is_earliest()) MURMUR_TRY(RefuseLostChanges(*all));
    }
    PositionMap positions;
    for (size_t i = 0; i < splits.size(); ++i) {
      if (all) {
        positions[splits[i].id] = KafkaPosition{.next = all->at(partitions[i])}.ToString();
        continue;
      }
      MURMUR_ASSIGN(positions[splits[i].id], BeginOf(partitions[i], token, start, stop));
    }
    return positions;
  }

  Result<PositionMap> Ends(const std::vector<Split>& splits, std::stop_token stop) override {
    MURMUR_ASSIGN(const auto partitions, PartitionsOf(splits));
    MURMUR_ASSIGN(const OffsetMap offsets, topics_->client().Ends(partitions, stop));
    PositionMap ends;
    for (size_t i = 0; i < splits.size(); ++i) {
      ends[splits[i].id] = KafkaPosition{.next = offsets.at(partitions[i])}.ToString();
    }
    return ends;
  }

  uint64_t Distance(const Position& position, const Position& end) const override {
    const auto from = ParseKafkaPosition(position);
    const auto to = ParseKafkaPosition(end);
    if (!from.ok() || !to.ok() || from->next >= to->next) return 0;
    return static_cast<uint64_t>(to->next - from->next);
  }

  Result<std::unique_ptr<RecordStream>> Open(const Split& split, const Position& after,
                                             const Projection& projection,
                                             std::function<void()> wake,
                                             std::stop_token /*stop*/) override {
    MURMUR_ASSIGN(const TopicPartition partition, ParseTopicPartition(split.payload));
    return topics_->Open(partition, after, projection, std::move(wake), INT64_MAX, /*wait_ms=*/0);
  }

  void NoteCommitted(const PositionMap& positions) override {
    OffsetMap offsets;
    for (const auto& [split, position] : positions) {
      if (!split.starts_with(kSplitPrefix)) continue;
      const auto partition = ParseTopicPartition(split.substr(kSplitPrefix.size()));
      const auto parsed = ParseKafkaPosition(position);
      if (partition.ok() && parsed.ok()) offsets[*partition] = parsed->next;
    }
    topics_->client().CommitToGroup(offsets);
  }

  std::string ObjectOf(const Split& split) const override { return split.payload; }
  std::vector<std::string> TakeNotes() override { return topics_->TakeNotes(); }

  bool TakesDeadLetters() const override { return dead_letters_ != nullptr; }
  Status PublishDeadLetters(const std::vector<DeadLetter>& letters, std::stop_token stop) override {
    return dead_letters_->Publish(letters, stop);
  }

  Status Close() override { return Status(); }

 private:
  static Result<std::vector<TopicPartition>> PartitionsOf(const std::vector<Split>& splits) {
    std::vector<TopicPartition> partitions;
    for (const Split& split : splits) {
      MURMUR_ASSIGN(partitions.emplace_back(), ParseTopicPartition(split.payload));
    }
    return partitions;
  }

  static bool HasUsersPositions(const Definition& definition) {
    if (!definition.bootstrap) return false;
    const auto it = definition.bootstrap->options.lower_bound("handoff.");
    return it != definition.bootstrap->options.end() && it->first.starts_with("handoff.");
  }

  static bool HasPositions(const HandoffToken& token) {
    return std::any_of(token.streams.begin(), token.streams.end(), [](const auto& stream) {
      return stream.first == "kafka" || stream.first.starts_with("kafka:");
    });
  }

  static Status NoStart() {
    return Status(Code::kFailedPrecondition,
                  "it is not said where live starts: nothing that was read before it tells. Write "
                  "start: earliest, latest, a time, or offsets such as {0: 1500, 1: 1480} under "
                  "live: kafka:");
  }

  // Nothing would be known about rows whose last change is gone.
  Status RefuseLostChanges(const OffsetMap& begins) const {
    if (!topics_->are_changes()) return {};
    for (const auto& [at, offset] : begins) {
      if (offset == 0) continue;
      return Status(
          Code::kFailedPrecondition,
          fmt::format(
              "{} begins at offset {}: rows that did not change since are missing. Have "
              "the connector take a new snapshot into a new topic, with retention.ms=-1; or "
              "write where to begin, start: {{{}: {}, …}}, where only rows count that "
              "the topic has",
              at.ToString(), offset, at.partition, offset));
    }
    return {};
  }

  // A partition that neither token nor start names is accepted if it is empty, or if the token is
  // Murmur's own, which has all partitions of its time.
  Result<Position> BeginOf(const TopicPartition& partition, const HandoffToken& token,
                           const Start& start, const std::stop_token& stop) const {
    for (const std::string& name : topics_->StreamsOf(partition.topic)) {
      const auto stream = token.streams.find(name);
      if (stream == token.streams.end()) continue;
      const auto it = stream->second.find(std::to_string(partition.partition));
      if (it != stream->second.end()) return it->second;
      if (!told_by_user_ && name == topics_->StreamsOf(partition.topic).front()) return Position();
    }
    MURMUR_ASSIGN(const auto offset, start.OffsetOf(partition));
    MURMUR_ASSIGN(const OffsetRange range, topics_->client().Offsets(partition, stop));
    if (offset && (*offset < range.begin || *offset > range.end)) {
      return Status(Code::kOutOfRange,
                    fmt::format("kafka: start names offset {} of {}, which has offsets {} to {}",
                                *offset, partition.ToString(), range.begin, range.end));
    }
    if (offset) return KafkaPosition{.next = *offset}.ToString();
    if (range.end == 0) return KafkaPosition{}.ToString();
    return Status(Code::kFailedPrecondition,
                  fmt::format("where live starts is said for other partitions, but not for {}, "
                              "which has offsets {} to {}: write start: {{{}: …}} under live: "
                              "kafka:",
                              partition.ToString(), range.begin, range.end, partition.partition));
  }

  const std::unique_ptr<KafkaTopics> topics_;
  const std::unique_ptr<KafkaDeadLetters> dead_letters_;  // null: not requested
  const SourceSpec spec_;
  const bool told_by_user_;  // the token may name only some partitions
};

}  // namespace

Result<std::unique_ptr<LiveSource>> MakeKafkaLive(const Definition& definition) {
  MURMUR_ASSIGN(auto topics, KafkaTopics::Make(*definition.live, definition, {}));
  std::unique_ptr<KafkaDeadLetters> dead_letters;
  if (definition.live->options.contains("dead_letters")) {
    MURMUR_ASSIGN(dead_letters, KafkaDeadLetters::Make(*definition.live));
  }
  return std::unique_ptr<LiveSource>(
      std::make_unique<KafkaLive>(std::move(topics), std::move(dead_letters), definition));
}

}  // namespace murmur
