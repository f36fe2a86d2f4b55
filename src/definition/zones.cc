#include "definition/zones.h"

#include <fmt/format.h>

#include <set>

#include "base/zone_database.h"
#include "definition/expressions.h"
#include "expression/expression.h"
#include "expression/suggest.h"

namespace murmur {
namespace {

std::set<std::string> NamesOf(const Definition& definition) {
  std::set<std::string> names;
  if (definition.window && !definition.window->zone.empty()) names.insert(definition.window->zone);
  for (const std::string& text : ExpressionsOf(definition)) {
    const auto parsed = Expression::Parse(text);
    if (!parsed.ok()) continue;  // an empty one
    for (const ZoneUse& zone : (*parsed)->zones()) names.insert(zone.name);
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
