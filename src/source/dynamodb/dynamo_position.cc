#include "source/dynamodb/dynamo_position.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

namespace murmur {
namespace {

using nlohmann::json;

// Records tell the second in which they were made, and clocks differ.
constexpr int64_t kTimesDifferMillis = 3000;
// How many records a shard may hold of which none was read: as many as one request gives.
constexpr uint64_t kRecordsUnread = 1000;

DynamoReached HasReached(const ShardLineage& shards, const std::string& shard, int64_t until) {
  if (shards.IsDone(shard)) return DynamoReached::kSurely;
  const auto it = shards.reading().find(shard);
  if (it == shards.reading().end()) return DynamoReached::kNot;  // it comes after others
  if (it->second.given > until + kTimesDifferMillis) return DynamoReached::kSurely;
  return it->second.settled >= until ? DynamoReached::kAssumed : DynamoReached::kNot;
}

// Empty: it is none.
std::optional<DynamoEnd> ParseEnd(std::string_view text) {
  const auto parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return std::nullopt;
  const auto stream = parsed.find("stream");
  const auto until = parsed.find("until");
  const auto shards = parsed.find("shards");
  if (stream == parsed.end() || until == parsed.end() || shards == parsed.end() ||
      !stream->is_string() || !until->is_number_integer() || !shards->is_array()) {
    return std::nullopt;
  }
  DynamoEnd end{.stream = stream->get<std::string>(), .until = until->get<int64_t>()};
  for (const json& shard : *shards) {
    if (!shard.is_string()) return std::nullopt;
    end.shards.push_back(shard.get<std::string>());
  }
  return end;
}

// A position of another reader is reached once no shard is read that the other has done with.
bool HasReached(const DynamoPosition& position, const DynamoPosition& other) {
  return std::none_of(position.shards.reading().begin(), position.shards.reading().end(),
                      [&other](const auto& shard) { return other.shards.IsDone(shard.first); });
}

uint64_t DistanceTo(const DynamoPosition& position, const DynamoEnd& end) {
  if (HasReached(position, end) != DynamoReached::kNot) return 0;
  uint64_t records = 1;
  for (const auto& [id, progress] : position.shards.reading()) {
    if (progress.after.empty() && progress.settled < end.until) records += kRecordsUnread;
  }
  return records;
}

}  // namespace

std::string DynamoPosition::ToString() const {
  return fmt::format(R"({{"stream":{},"shards":{}}})", json(stream).dump(), shards.ToJson());
}

Result<DynamoPosition> ParseDynamoPosition(std::string_view text) {
  DynamoPosition position;
  const auto parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
  const bool is_one = parsed.is_object() && parsed.contains("stream") &&
                      parsed["stream"].is_string() && parsed.contains("shards") &&
                      ShardLineage::Parse(parsed["shards"].dump(), &position.shards);
  if (!is_one) {
    return Status(Code::kInvalidArgument,
                  fmt::format("'{}' is no position in a table's changes", text));
  }
  position.stream = parsed["stream"].get<std::string>();
  return position;
}

std::string DynamoEnd::ToString() const {
  return json{{"stream", stream}, {"until", until}, {"shards", shards}}.dump();
}

DynamoEnd EndOf(std::string stream, int64_t until, const std::vector<ListedShard>& shards) {
  DynamoEnd end{.stream = std::move(stream), .until = until, .shards = {}};
  std::set<std::string_view> parents;
  for (const ListedShard& shard : shards)
    parents.insert(shard.parents.begin(), shard.parents.end());
  for (const ListedShard& shard : shards) {
    if (shard.is_open || !parents.contains(shard.id)) end.shards.push_back(shard.id);
  }
  return end;
}

DynamoReached HasReached(const DynamoPosition& position, const DynamoEnd& end) {
  if (position.stream != end.stream) return DynamoReached::kNot;
  DynamoReached least = DynamoReached::kSurely;
  for (const std::string& shard : end.shards) {
    least = std::min(least, HasReached(position.shards, shard, end.until));
  }
  return least;
}

uint64_t DynamoDistance(const Position& position, const Position& end) {
  const auto from = ParseDynamoPosition(position);
  if (!from.ok()) return 0;
  if (const auto to = ParseEnd(end)) return DistanceTo(*from, *to);
  const auto to = ParseDynamoPosition(end);
  return !to.ok() || HasReached(*from, *to) ? 0 : 1;
}

bool HasSurelyReached(const Position& position, const Position& end) {
  const auto from = ParseDynamoPosition(position);
  const auto to = ParseEnd(end);
  return from.ok() && to && HasReached(*from, *to) == DynamoReached::kSurely;
}

}  // namespace murmur
