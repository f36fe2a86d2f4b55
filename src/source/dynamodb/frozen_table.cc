#include "source/dynamodb/frozen_table.h"

#include <nlohmann/json.hpp>

namespace murmur {

FrozenTable Freeze(const DynamoTable& table) {
  return {.id = table.id,
          .key = table.key,
          .row_bytes = table.items == 0 ? 0 : table.bytes / table.items};
}

std::string FrozenTable::ToJson() const {
  auto parts = nlohmann::json::array();
  for (const DynamoKeyAttribute& part : key) {
    parts.push_back({part.name, std::string(1, part.type)});
  }
  return nlohmann::json{{"id", id}, {"key", parts}, {"row_bytes", row_bytes}}.dump();
}

std::optional<FrozenTable> ParseFrozenTable(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("id") || !json["id"].is_string() ||
      !json.contains("key") || !json["key"].is_array() || !json.contains("row_bytes") ||
      !json["row_bytes"].is_number_unsigned()) {
    return std::nullopt;
  }
  FrozenTable frozen{.id = json["id"].get<std::string>(),
                     .key = {},
                     .row_bytes = json["row_bytes"].get<uint64_t>()};
  for (const auto& part : json["key"]) {
    if (!part.is_array() || part.size() != 2 || !part[0].is_string() || !part[1].is_string()) {
      return std::nullopt;
    }
    frozen.key.push_back({part[0].get<std::string>(), part[1].get<std::string>().front()});
  }
  return frozen;
}

Status CheckIsFrozen(const DynamoPlace& place, const FrozenTable& frozen,
                     const std::stop_token& stop) {
  MURMUR_ASSIGN(const DynamoTable table, DescribeDynamoTable(place, stop));
  if (table.id == frozen.id && table.key == frozen.key) return {};
  return Status(Code::kFailedPrecondition,
                place.text +
                    ": is another table than the one that this scan began with: it was dropped "
                    "and made anew. Begin anew: murmur bootstrap FILE --fresh");
}

}  // namespace murmur
