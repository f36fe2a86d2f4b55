#include "definition/zones.h"

#include <fmt/format.h>

#include <set>

#include "base/zone_database.h"
#include "expression/expression.h"
#include "expression/suggest.h"

namespace murmur {
namespace {

std::set<std::string> NamesOf(const Definition& definition) {
  std::set<std::string> names;
  if (definition.window && !definition.window->zone.empty()) names.insert(definition.window->zone);
  const auto add = [&names](const std::string& text) {
    const auto parsed = Expression::Parse(text);
    if (!parsed.ok()) return;  // an empty one
    for (const ZoneUse& zone : (*parsed)->zones()) names.insert(zone.name);
  };
  add(definition.id);
  add(definition.where);
  for (const KeyList& parts : definition.rollups) {
    for (const KeyPart& part : parts) add(part.expression);
  }
  for (const AggregateSpec& aggregate : definition.aggregates) {
    for (const std::string& expression : aggregate.expressions) add(expression);
  }
  return names;
}

}  // namespace

std::string WhyNoZone(std::string_view name) {
  const auto zone = SystemZone(name);
  if (zone.ok()) return {};
  std::string why(zone.status().message());
  if (zone.status().code() == Code::kInvalidArgument) why += DidYouMean(name, ZoneNames());
  return why;
}

Result<ZoneMap> ZonesOf(const Definition& definition) {
  ZoneMap zones;
  for (const std::string& name : NamesOf(definition)) {
    const auto rules = definition.zone_rules.find(name);
    auto zone =
        rules == definition.zone_rules.end() ? SystemZone(name) : Zone::Make(name, rules->second);
    if (!zone.ok()) {
      return Status(zone.status().code(),
                    fmt::format("time zone '{}': {}", name, zone.status().message()));
    }
    zones.emplace(name, std::move(zone).value());
  }
  return zones;
}

BucketRule BucketsOf(const Definition& definition, const ZoneMap& zones) {
  if (!definition.window) return {};
  const WindowSpec& window = *definition.window;
  return {.every = window.every.count(),
          .offset = window.offset.count(),
          .unit = window.unit,
          .keep = window.keep,
          .zone = window.zone.empty() ? nullptr : zones.at(window.zone)};
}

}  // namespace murmur
