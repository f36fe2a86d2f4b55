#include "source/key_ranges.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace murmur {
namespace {

constexpr char kFrom[] = "from";
constexpr char kUntil[] = "until";

Result<std::optional<std::string>> BoundOf(const nlohmann::json& range, const char* name) {
  const auto it = range.find(name);
  if (it == range.end()) return std::optional<std::string>();
  if (!it->is_string()) return Status(Code::kInvalidArgument, std::string(name) + ": not text");
  return std::optional<std::string>(it->get<std::string>());
}

}  // namespace

std::vector<Split> SplitsAt(const std::vector<std::string>& bounds, const std::string& name,
                            uint64_t bytes) {
  const size_t count = bounds.size() + 1;
  std::vector<Split> splits(count);
  for (size_t i = 0; i < count; ++i) {
    auto range = nlohmann::json::object();
    if (i > 0) range[kFrom] = bounds[i - 1];
    if (i + 1 < count) range[kUntil] = bounds[i];
    splits[i] = {
        .id = fmt::format("{}#{}", name, i), .bytes = bytes / count, .payload = range.dump()};
  }
  return splits;
}

Result<KeyRange> KeyRangeOf(const Split& split, const Position& after) {
  const auto payload = nlohmann::json::parse(split.payload, nullptr, /*allow_exceptions=*/false);
  if (!payload.is_object()) {
    return Status(Code::kInvalidArgument, split.id + ": not a split of a table");
  }
  KeyRange range;
  MURMUR_ASSIGN(range.from, BoundOf(payload, kFrom));
  MURMUR_ASSIGN(range.until, BoundOf(payload, kUntil));
  if (after.empty()) return range;
  const auto key = nlohmann::json::parse(after, nullptr, /*allow_exceptions=*/false);
  if (key.is_array()) {
    for (const auto& value : key) {
      if (value.is_string()) range.after.push_back(value.get<std::string>());
    }
  }
  if (range.after.empty() || range.after.size() != key.size()) {
    return Status(Code::kInvalidArgument,
                  fmt::format("{}: '{}' is no position in it", split.id, after));
  }
  return range;
}

Position PositionAfter(const std::vector<std::string>& key) { return nlohmann::json(key).dump(); }

}  // namespace murmur
