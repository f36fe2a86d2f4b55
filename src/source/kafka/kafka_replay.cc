#include "source/kafka/kafka_replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>

#include "murmur/state.h"
#include "source/kafka/kafka_position.h"
#include "source/kafka/kafka_topics.h"

namespace murmur {
namespace {

using nlohmann::json;

constexpr int kWaitMs = 20;
// A client processes messages in one thread, and has one fetch request at a time per broker. At the
// end of a partition the broker delays its answer, and the client's other requests with it; so
// another client reads the next partition.
constexpr size_t kClients = 4;
// How much earlier than its event time a record's Kafka time may be, if clocks differ. If records
// may be further ahead of the clock than this, that limit is used.
constexpr std::chrono::milliseconds kClockSkewMin = std::chrono::hours(1);

struct Slice {
  TopicPartition partition;
  int64_t from = 0;
  int64_t until = 0;
  bool at_begin = false;  // of the remaining records, if the topic has lost some
};

class KafkaReplay final : public SnapshotSource {
 public:
  KafkaReplay(std::unique_ptr<KafkaTopics> topics, ReplayRange range,
              std::chrono::milliseconds clock_skew)
      : topics_(std::move(topics)), range_(std::move(range)), clock_skew_(clock_skew) {}

  std::string_view Name() const noexcept override { return topics_->name(); }

  Result<HandoffToken> HandoffNow(std::stop_token /*stop*/) override { return HandoffToken(); }

  Result<ScanPlan> Scan(std::stop_token stop) override {
    MURMUR_ASSIGN(const auto slices, Slices(stop));
    ScanPlan plan;
    plan.source = topics_->name();
    for (const Slice& slice : slices) {
      const auto records = static_cast<uint64_t>(slice.until - slice.from);
      plan.splits.push_back({.id = slice.partition.ToString(),
                             .bytes = records * kBytesGuess,
                             .payload = json{{"from", slice.from}, {"until", slice.until}}.dump()});
      notes_.push_back(fmt::format("{}: offsets [{}, {}){}", slice.partition.ToString(), slice.from,
                                   slice.until,
                                   slice.at_begin ? "; the records before are gone" : ""));
    }
    return plan;
  }

  Status Resume(const ScanPlan& plan, std::stop_token /*stop*/) override {
    if (plan.source == topics_->name()) return {};
    return Status(Code::kInvalidArgument, "the plan is of source '" + plan.source + "'");
  }

  Result<std::unique_ptr<RecordStream>> Open(const Split& split, const Position& after,
                                             const Projection& projection,
                                             std::stop_token /*stop*/) override {
    MURMUR_ASSIGN(const Slice slice, SliceOf(split));
    return topics_->Open(slice.partition,
                         after.empty() ? KafkaPosition{.next = slice.from}.ToString() : after,
                         projection, {}, slice.until, kWaitMs);
  }

  std::vector<std::string> Notes() const override { return notes_; }

  // Records after a time are not counted, wherever they lie: then no offset says where to go on.
  // Live checks that the last record that was counted is still the same.
  Result<ScanEnd> Finish(const ScanPlan& plan, const ProgressMap& progress,
                         std::stop_token /*stop*/) override {
    ScanEnd end;
    if (range_.times.until != INT64_MAX) return end;
    std::map<TopicPartition, KafkaPosition> positions;
    for (const Split& split : plan.splits) {
      MURMUR_ASSIGN(const Slice slice, SliceOf(split));
      KafkaPosition& position = positions[slice.partition];
      if (const auto it = progress.find(split.id); it != progress.end()) {
        MURMUR_ASSIGN(position, ParseKafkaPosition(it->second.position));
      }
      position.next = slice.until;
    }
    end.live_from = topics_->TokenOf(positions);
    return end;
  }

  Status Close() override { return Status(); }

 private:
  static constexpr uint64_t kBytesGuess = 100;  // of a record, for progress

  static Result<Slice> SliceOf(const Split& split) {
    Slice slice;
    MURMUR_ASSIGN(slice.partition, ParseTopicPartition(split.id));
    const json payload = json::parse(split.payload, nullptr, /*allow_exceptions=*/false);
    if (!payload.is_object() || !payload.contains("from") || !payload.contains("until")) {
      return Status(Code::kInvalidArgument, "no split of a Kafka replay: " + split.payload);
    }
    slice.from = payload["from"].get<int64_t>();
    slice.until = payload["until"].get<int64_t>();
    return slice;
  }

  Result<std::vector<Slice>> Slices(const std::stop_token& stop) {
    MURMUR_ASSIGN(const auto partitions, topics_->Partitions(stop));
    MURMUR_TRY(CheckNamed(partitions));
    OffsetMap by_time;
    if (range_.times.from != INT64_MIN) {
      const int64_t from_ms = range_.times.from / 1000 - clock_skew_.count();
      MURMUR_ASSIGN(by_time,
                    topics_->client().OffsetsAt(partitions, std::max<int64_t>(0, from_ms), stop));
    }
    std::vector<Slice> slices;
    for (const TopicPartition& partition : partitions) {
      MURMUR_ASSIGN(const OffsetRange there, topics_->client().Offsets(partition, stop));
      Slice slice{.partition = partition, .from = there.begin, .until = there.end};
      if (const auto it = by_time.find(partition); it != by_time.end()) {
        slice.from = std::min(it->second, there.end);
      }
      MURMUR_TRY(CutByOffset(there, &slice));
      slice.at_begin = there.begin > 0 && slice.from == there.begin;
      slices.push_back(std::move(slice));
    }
    return slices;
  }

  Status CheckNamed(const std::vector<TopicPartition>& partitions) const {
    const bool one_topic = std::all_of(partitions.begin(), partitions.end(), [&](const auto& p) {
      return p.topic == partitions.front().topic;
    });
    if (range_.by_offset() && !one_topic) {
      return Status(Code::kInvalidArgument,
                    fmt::format("{}: offsets mean something in one topic only; replay each topic "
                                "by a definition of its own, or by times",
                                topics_->name()));
    }
    for (const auto* borders : {&range_.from_offsets, &range_.until_offsets}) {
      for (const auto& border : *borders) {
        const bool known = std::any_of(partitions.begin(), partitions.end(),
                                       [&](const auto& p) { return p.partition == border.first; });
        if (known) continue;
        return Status(Code::kInvalidArgument,
                      fmt::format("there is no partition {} in {}", border.first, topics_->name()));
      }
    }
    return {};
  }

  // What was requested by offset must be there, from its first record to its last.
  Status CutByOffset(const OffsetRange& there, Slice* slice) const {
    const int64_t partition = slice->partition.partition;
    if (const auto it = range_.from_offsets.find(partition); it != range_.from_offsets.end()) {
      if (it->second < there.begin) {
        return Status(Code::kOutOfRange,
                      fmt::format("{} begins at offset {}: the records from {} on are gone. Replay "
                                  "from there, or from an archive that still has them",
                                  slice->partition.ToString(), there.begin, it->second));
      }
      slice->from = it->second;
    }
    if (const auto it = range_.until_offsets.find(partition); it != range_.until_offsets.end()) {
      slice->until = it->second;
    }
    if (slice->until > there.end || slice->from > there.end) {
      return Status(Code::kOutOfRange,
                    fmt::format("{} ends at offset {}, before what was asked for: [{}, {})",
                                slice->partition.ToString(), there.end, slice->from, slice->until));
    }
    slice->from = std::min(slice->from, slice->until);
    return {};
  }

  const std::unique_ptr<KafkaTopics> topics_;
  const ReplayRange range_;
  const std::chrono::milliseconds clock_skew_;
  std::vector<std::string> notes_;
};

}  // namespace

Result<std::unique_ptr<SnapshotSource>> MakeKafkaReplay(const Definition& definition,
                                                        const ReplayRange& range) {
  MURMUR_ASSIGN(auto topics,
                KafkaTopics::Make(*definition.replay, definition,
                                  {.clients = kClients, .streams = ThreadsOf(definition)}));
  return std::unique_ptr<SnapshotSource>(std::make_unique<KafkaReplay>(
      std::move(topics), range,
      std::max(kClockSkewMin,
               std::chrono::duration_cast<std::chrono::milliseconds>(definition.max_ahead))));
}

}  // namespace murmur
