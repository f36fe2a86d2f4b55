#include "source/dynamodb/dynamo_snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "base/take_text.h"
#include "source/dynamodb/dynamo_client.h"
#include "source/dynamodb/dynamo_handoff.h"
#include "source/dynamodb/dynamo_scan.h"
#include "source/single_stream.h"
#include "source/source_notes.h"

namespace murmur {
namespace {

// The service reads partitions of up to 10 GB; more segments than these help nobody.
constexpr uint64_t kSegmentBytes = 256 << 20;
constexpr uint64_t kSegmentsMax = 4096;

// What a plan stores of the table.
struct Frozen {
  std::string id;
  std::vector<DynamoKeyAttribute> key;
  uint64_t row_bytes = 0;
};

std::string Serialize(const Frozen& frozen) {
  auto key = nlohmann::json::array();
  for (const DynamoKeyAttribute& part : frozen.key) {
    key.push_back({part.name, std::string(1, part.type)});
  }
  return nlohmann::json{{"id", frozen.id}, {"key", key}, {"row_bytes", frozen.row_bytes}}.dump();
}

Result<Frozen> ParseFrozen(const ScanPlan& plan) {
  const Status refused(Code::kInvalidArgument, plan.source + ": not a plan of this source");
  const auto json = nlohmann::json::parse(plan.payload, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("id") || !json["id"].is_string() ||
      !json.contains("key") || !json["key"].is_array() || !json.contains("row_bytes") ||
      !json["row_bytes"].is_number_unsigned()) {
    return refused;
  }
  Frozen frozen{.id = json["id"].get<std::string>(),
                .key = {},
                .row_bytes = json["row_bytes"].get<uint64_t>()};
  for (const auto& part : json["key"]) {
    if (!part.is_array() || part.size() != 2 || !part[0].is_string() || !part[1].is_string()) {
      return refused;
    }
    frozen.key.push_back({part[0].get<std::string>(), part[1].get<std::string>().front()});
  }
  return frozen;
}

Result<DynamoSegment> SegmentOf(const Split& split, const Position& after) {
  DynamoSegment segment{.after = after};
  std::string_view text = split.payload;
  if (TakeNumber(&text, &segment.number) && TakeChar(&text, '/') &&
      TakeNumber(&text, &segment.of) && text.empty()) {
    return segment;
  }
  return Status(Code::kInvalidArgument, split.id + ": no segment of a table");
}

class DynamoSnapshot final : public SnapshotSource {
 public:
  DynamoSnapshot(std::shared_ptr<const DynamoPlace> place, const DynamoSnapshotOptions& options)
      : place_(std::move(place)),
        options_(options),
        budget_(std::make_shared<ReadBudget>(place_->read_capacity_max)) {}

  std::string_view Name() const noexcept override { return place_->name; }

  Result<HandoffToken> HandoffNow(std::stop_token stop) override {
    MURMUR_ASSIGN(const DynamoTable table, DescribeDynamoTable(*place_, stop));
    MURMUR_ASSIGN(const DynamoPosition position, DynamoPositionNow(*place_, table, stop));
    return SingleStreamHandoff(place_->name, position.ToString());
  }

  Result<ScanPlan> Scan(std::stop_token stop) override {
    MURMUR_ASSIGN(const DynamoTable table, DescribeDynamoTable(*place_, stop));
    frozen_ = {.id = table.id,
               .key = table.key,
               .row_bytes = table.items == 0 ? 0 : table.bytes / table.items};
    ScanPlan plan{.source = place_->name, .splits = {}, .payload = Serialize(frozen_)};
    const auto segments = static_cast<uint32_t>(std::clamp<uint64_t>(
        table.bytes / kSegmentBytes, std::max(1U, options_.segments_min), kSegmentsMax));
    for (uint32_t i = 0; i < segments; ++i) {
      plan.splits.push_back({.id = fmt::format("{}#{}", place_->name, i),
                             .bytes = table.bytes / segments,
                             .payload = fmt::format("{}/{}", i, segments)});
    }
    notes_.Add(fmt::format(
        "progress is by the table's own count of {} items, which DynamoDB brings up to date about "
        "every six hours",
        table.items));
    return plan;
  }

  Status Resume(const ScanPlan& plan, std::stop_token stop) override {
    if (plan.source != place_->name) {
      return Status(Code::kInvalidArgument, plan.source + ": a plan of another source");
    }
    MURMUR_ASSIGN(frozen_, ParseFrozen(plan));
    MURMUR_ASSIGN(const DynamoTable table, DescribeDynamoTable(*place_, stop));
    if (table.id == frozen_.id && table.key == frozen_.key) return {};
    return Status(Code::kFailedPrecondition,
                  place_->text +
                      ": is another table than the one that this scan began with: it was dropped "
                      "and made anew. Begin anew: murmur bootstrap FILE --fresh");
  }

  Result<std::unique_ptr<RecordStream>> Open(const Split& split, const Position& after,
                                             const Projection& projection,
                                             std::stop_token /*stop*/) override {
    MURMUR_ASSIGN(DynamoSegment segment, SegmentOf(split, after));
    return std::unique_ptr<RecordStream>(std::make_unique<DynamoScanStream>(
        place_, frozen_.key, std::move(segment), projection, budget_,
        DynamoScanOptions{.row_bytes = frozen_.row_bytes,
                          .row_bytes_max = options_.row_bytes_max,
                          .page_rows = options_.page_rows}));
  }

  Result<std::string> WhyNoBefore(std::stop_token /*stop*/) override {
    return std::string("DynamoDB does not tell which changes a read of its rows saw");
  }
  Result<std::string> WhyNotInKeyOrder(std::stop_token /*stop*/) override {
    return std::string("DynamoDB's rows come in the order of hashes of their keys");
  }

  std::vector<std::string> TakeNotes() override { return notes_.Take(); }
  Status Close() override { return {}; }

 private:
  const std::shared_ptr<const DynamoPlace> place_;
  const DynamoSnapshotOptions options_;
  const std::shared_ptr<ReadBudget> budget_;
  SourceNotes notes_;
  Frozen frozen_;  // of the plan that is being read
};

}  // namespace

Result<std::unique_ptr<SnapshotSource>> MakeDynamoSnapshot(const Definition& definition) {
  return MakeDynamoSnapshot(definition, {.row_bytes_max = definition.max_record_bytes});
}

Result<std::unique_ptr<SnapshotSource>> MakeDynamoSnapshot(const Definition& definition,
                                                           const DynamoSnapshotOptions& options) {
  MURMUR_ASSIGN(auto place, MakeDynamoPlace(*TableOf(definition)));
  return std::unique_ptr<SnapshotSource>(
      std::make_unique<DynamoSnapshot>(std::move(place), options));
}

}  // namespace murmur
