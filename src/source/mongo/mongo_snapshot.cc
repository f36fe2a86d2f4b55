#include "source/mongo/mongo_snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "source/mongo/bson_key.h"
#include "source/mongo/mongo_client.h"
#include "source/mongo/mongo_cuts.h"
#include "source/mongo/mongo_position.h"
#include "source/mongo/mongo_scan.h"

namespace murmur {
namespace {

// What a plan stores of the collection.
struct Frozen {
  std::string uuid;
  ClusterTime time = 0;  // lower bound of all reads
  uint64_t row_bytes = 0;
};

std::string Serialize(const Frozen& frozen) {
  return nlohmann::json{{"uuid", frozen.uuid},
                        {"time", MongoPosition{.through = frozen.time}.ToString()},
                        {"row_bytes", frozen.row_bytes}}
      .dump();
}

Result<Frozen> ParseFrozen(const ScanPlan& plan) {
  const auto json = nlohmann::json::parse(plan.payload, nullptr, /*allow_exceptions=*/false);
  const auto has = [&json](const char* name, auto is) {
    const auto it = json.find(name);
    return it != json.end() && is(*it);
  };
  const auto is_text = [](const nlohmann::json& value) { return value.is_string(); };
  const auto is_number = [](const nlohmann::json& value) { return value.is_number_unsigned(); };
  if (!json.is_object() || !has("uuid", is_text) || !has("time", is_text) ||
      !has("row_bytes", is_number)) {
    return Status(Code::kInvalidArgument, plan.source + ": not a plan of this source");
  }
  MURMUR_ASSIGN(const MongoPosition time, ParseMongoPosition(json["time"].get<std::string>()));
  return Frozen{
      .uuid = json["uuid"], .time = time.through, .row_bytes = json["row_bytes"].get<uint64_t>()};
}

class MongoSnapshot final : public SnapshotSource {
 public:
  MongoSnapshot(std::shared_ptr<MongoClients> clients, const MongoSnapshotOptions& options)
      : clients_(std::move(clients)), place_(clients_->place()), options_(options) {}

  std::string_view Name() const noexcept override { return place_.name; }

  Result<HandoffToken> HandoffNow(std::stop_token stop) override {
    const auto ask = [](const MongoClient& client) -> Result<ClusterTime> {
      MURMUR_ASSIGN(const ClusterTime time, client.OperationTime());
      MURMUR_TRY(client.Facts());
      return time;
    };
    MURMUR_ASSIGN(handoff_, MongoClients::Ask<ClusterTime>(clients_, stop, ask));
    return MongoHandoff(place_, handoff_);
  }

  Result<ScanPlan> Scan(std::stop_token stop) override {
    const auto ask = [size = options_.split,
                      handoff = handoff_](const MongoClient& client) -> Result<ScanPlan> {
      Frozen frozen;
      MURMUR_ASSIGN(const ClusterTime time, client.OperationTime());
      frozen.time = std::max(time, handoff);
      MURMUR_ASSIGN(const MongoCollectionFacts facts, client.Facts());
      frozen.uuid = facts.uuid;
      frozen.row_bytes = facts.row_bytes;
      ScanPlan plan{.source = client.place().name, .splits = {}, .payload = Serialize(frozen)};
      MURMUR_ASSIGN(plan.splits, CutCollection(client, facts, size));
      return plan;
    };
    MURMUR_ASSIGN(ScanPlan plan, MongoClients::Ask<ScanPlan>(clients_, stop, ask));
    MURMUR_ASSIGN(frozen_, ParseFrozen(plan));
    return plan;
  }

  Status Resume(const ScanPlan& plan, std::stop_token stop) override {
    if (plan.source != place_.name) {
      return Status(Code::kInvalidArgument, plan.source + ": a plan of another source");
    }
    MURMUR_ASSIGN(frozen_, ParseFrozen(plan));
    const auto ask = [](const MongoClient& client) { return client.Facts(); };
    MURMUR_ASSIGN(const MongoCollectionFacts facts,
                  MongoClients::Ask<MongoCollectionFacts>(clients_, stop, ask));
    if (facts.uuid == frozen_.uuid) return {};
    return Status(Code::kFailedPrecondition,
                  place_.text +
                      ": is another collection than the one that this scan began with: it was "
                      "dropped and made anew. Begin anew: murmur bootstrap FILE --fresh");
  }

  Result<std::unique_ptr<RecordStream>> Open(const Split& split, const Position& after,
                                             const Projection& projection,
                                             std::stop_token /*stop*/) override {
    MURMUR_ASSIGN(MongoScanRange range, RangeOfSplit(split, after));
    const MongoScanOptions options{.not_before = frozen_.time,
                                   .row_bytes = frozen_.row_bytes,
                                   .row_bytes_max = options_.row_bytes_max,
                                   .pace = options_.pace};
    return std::unique_ptr<RecordStream>(
        std::make_unique<MongoScanStream>(clients_, std::move(range), projection, options));
  }

  Result<std::string> WhyNoBefore(std::stop_token stop) override {
    const auto ask = [](const MongoClient& client) { return client.Facts(); };
    MURMUR_ASSIGN(const MongoCollectionFacts facts,
                  MongoClients::Ask<MongoCollectionFacts>(clients_, stop, ask));
    if (facts.keeps_images) return std::string();
    return fmt::format(
        "{} keeps no images of documents before a change; it does (MongoDB 6.0 or later) after: "
        "db.getSiblingDB(\"{}\").runCommand({{collMod: \"{}\", changeStreamPreAndPostImages: "
        "{{enabled: true}}}})",
        place_.text, place_.database, place_.collection);
  }

  Result<RowRange> RowsOf(const Split& split) const override {
    MURMUR_ASSIGN(const MongoScanRange range, RangeOfSplit(split, ""));
    RowRange rows;
    if (range.from) MURMUR_TRY(AppendIdKey(range.from->get(), &rows.from));
    if (range.until) MURMUR_TRY(AppendIdKey(range.until->get(), &rows.until.emplace()));
    return rows;
  }

  Status Close() override { return {}; }

 private:
  const std::shared_ptr<MongoClients> clients_;
  const MongoPlace& place_;
  const MongoSnapshotOptions options_;
  ClusterTime handoff_ = 0;
  Frozen frozen_;  // of the plan that is being read
};

}  // namespace

Result<std::unique_ptr<SnapshotSource>> MakeMongoSnapshot(const Definition& definition) {
  return MakeMongoSnapshot(definition, {.row_bytes_max = definition.max_record_bytes});
}

Result<std::unique_ptr<SnapshotSource>> MakeMongoSnapshot(const Definition& definition,
                                                          const MongoSnapshotOptions& options) {
  MURMUR_ASSIGN(auto clients, MongoClients::Make(*TableOf(definition)));
  return std::unique_ptr<SnapshotSource>(
      std::make_unique<MongoSnapshot>(std::move(clients), options));
}

}  // namespace murmur
