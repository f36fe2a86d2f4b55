#include "source/mongo/mongo_cuts.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "source/mongo/bson_key.h"

namespace murmur {
namespace {

constexpr uint64_t kSplitsMax = 10'000;
// Random keys per split. The last of each group is a bound, so few ranges are twice the intended
// size.
constexpr uint64_t kSamplesPerSplit = 20;
constexpr char kFrom[] = "from";
constexpr char kUntil[] = "until";

// Random keys, as JSON, ascending, each once.
Result<std::vector<std::string>> SampleKeys(const MongoClient& client, uint64_t count) {
  const std::string text = fmt::format(
      R"([{{"$sample": {{"size": {}}}}}, {{"$project": {{"_id": 1}}}}, {{"$sort": {{"_id": 1}}}}])",
      count);
  const BsonDocument pipeline(bson_new_from_json(reinterpret_cast<const uint8_t*>(text.data()),
                                                 static_cast<ssize_t>(text.size()), nullptr));
  std::vector<std::string> keys;
  std::string last;
  Status status;
  MURMUR_TRY(client.Aggregate(pipeline.get(), [&](const bson_t* sample) {
    bson_iter_t id;
    std::string key;
    if (!status.ok() || !bson_iter_init_find(&id, sample, "_id")) return;
    status = AppendBsonKey(&id, &key);
    if (key == std::exchange(last, key)) return;
    keys.push_back(BsonValueAsJson(&id));
  }));
  MURMUR_TRY(status);
  return keys;
}

// The bounds between `splits` ranges, or fewer.
Result<std::vector<std::string>> Bounds(const MongoClient& client, uint64_t splits) {
  std::vector<std::string> bounds;
  if (splits < 2) return bounds;
  MURMUR_ASSIGN(const auto keys, SampleKeys(client, splits * kSamplesPerSplit));
  for (size_t at = kSamplesPerSplit; at < keys.size(); at += kSamplesPerSplit) {
    bounds.push_back(keys[at]);
  }
  return bounds;
}

// {_id: value}; null: `range` has no such bound.
Result<std::optional<BsonDocument>> BoundOf(const nlohmann::json& range, const char* name) {
  const auto it = range.find(name);
  if (it == range.end()) return std::optional<BsonDocument>();
  if (!it->is_string()) return Status(Code::kInvalidArgument, std::string(name) + ": not text");
  MURMUR_ASSIGN(BsonDocument bound, BsonValueFromJson(it->get<std::string>()));
  return std::optional<BsonDocument>(std::move(bound));
}

}  // namespace

Result<std::vector<Split>> CutCollection(const MongoClient& client,
                                         const MongoCollectionFacts& facts,
                                         const MongoSplitSize& size) {
  const auto parts = [](uint64_t all, uint64_t part) { return (all + part - 1) / part; };
  const uint64_t wanted = std::clamp<uint64_t>(
      std::max(parts(facts.rows, size.rows), parts(facts.rows * facts.row_bytes, size.bytes)), 1,
      std::min(kSplitsMax, std::max<uint64_t>(1, facts.rows)));
  MURMUR_ASSIGN(const auto bounds, Bounds(client, wanted));
  const size_t count = bounds.size() + 1;
  std::vector<Split> splits(count);
  for (size_t i = 0; i < count; ++i) {
    auto range = nlohmann::json::object();
    if (i > 0) range[kFrom] = bounds[i - 1];
    if (i + 1 < count) range[kUntil] = bounds[i];
    splits[i] = {.id = fmt::format("{}#{}", client.place().ns, i),
                 .bytes = facts.rows * facts.row_bytes / count,
                 .payload = range.dump()};
  }
  return splits;
}

Result<MongoScanRange> RangeOfSplit(const Split& split, const Position& after) {
  const auto payload = nlohmann::json::parse(split.payload, nullptr, /*allow_exceptions=*/false);
  if (!payload.is_object()) {
    return Status(Code::kInvalidArgument, split.id + ": not a split of a collection");
  }
  const auto parse = [&]() -> Result<MongoScanRange> {
    MongoScanRange range;
    MURMUR_ASSIGN(range.from, BoundOf(payload, kFrom));
    MURMUR_ASSIGN(range.until, BoundOf(payload, kUntil));
    if (!after.empty()) {
      MURMUR_ASSIGN(range.after, BsonValueFromJson(after));
    }
    return range;
  };
  auto range = parse();
  if (!range.ok()) return range.status().Annotated(split.id);
  return range;
}

}  // namespace murmur
