#include "source/dynamodb/dynamo_snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/take_text.h"
#include "source/dynamodb/dynamo_client.h"
#include "source/dynamodb/dynamo_export_source.h"
#include "source/dynamodb/dynamo_handoff.h"
#include "source/dynamodb/dynamo_scan.h"
#include "source/dynamodb/frozen_table.h"
#include "source/single_stream.h"
#include "source/source_notes.h"

namespace murmur {
namespace {

// The service reads partitions of up to 10 GB; more segments than these help nobody.
constexpr uint64_t kSegmentBytes = 256 << 20;
constexpr uint64_t kSegmentsMax = 4096;

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
    frozen_ = Freeze(table);
    ScanPlan plan{.source = place_->name, .splits = {}, .payload = frozen_.ToJson()};
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
    auto frozen = ParseFrozenTable(plan.payload);
    if (!frozen) {
      return Status(Code::kInvalidArgument, plan.source + ": not a plan of this source");
    }
    frozen_ = *std::move(frozen);
    return CheckIsFrozen(*place_, frozen_, stop);
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
  FrozenTable frozen_;  // of the plan that is being read
};

}  // namespace

Result<std::unique_ptr<SnapshotSource>> MakeDynamoSnapshot(const Definition& definition) {
  return MakeDynamoSnapshot(definition, {.row_bytes_max = definition.max_record_bytes});
}

Result<std::unique_ptr<SnapshotSource>> MakeDynamoSnapshot(const Definition& definition,
                                                           const DynamoSnapshotOptions& options) {
  const SourceSpec& spec = *TableOf(definition);
  if (spec.options.contains(kDynamoExportOption)) return MakeDynamoExportSource(definition);
  MURMUR_ASSIGN(auto place, MakeDynamoPlace(spec));
  return std::unique_ptr<SnapshotSource>(
      std::make_unique<DynamoSnapshot>(std::move(place), options));
}

}  // namespace murmur
