#include "definition/stored.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <variant>

#include "base/hex.h"
#include "base/shown.h"
#include "definition/column_type.h"

namespace murmur {
namespace {

using Json = nlohmann::json;

Json StorePath(const FieldPath& path) {
  Json steps = Json::array();
  for (const FieldPath::Step& step : path.steps) {
    std::visit([&steps](const auto& value) { steps.push_back(value); }, step);
  }
  return steps;
}

FieldPath RestorePath(const Json& steps) {
  FieldPath path;
  for (const Json& step : steps) {
    if (step.is_string()) {
      path.steps.emplace_back(step.get<std::string>());
    } else {
      path.steps.emplace_back(step.get<uint32_t>());
    }
  }
  return path;
}

Json StoreKeys(const std::vector<KeyList>& rollups) {
  Json lists = Json::array();
  for (const KeyList& parts : rollups) {
    Json& list = lists.emplace_back(Json::array());
    for (const KeyPart& part : parts) list.push_back({part.name, part.expression});
  }
  return lists;
}

Json StoreAggregate(const AggregateSpec& spec) {
  return {{"name", spec.name},
          {"function", spec.function},
          {"expressions", spec.expressions},
          {"parameters", Json(std::map<std::string, std::string>(spec.parameters.begin(),
                                                                 spec.parameters.end()))}};
}

AggregateSpec RestoreAggregate(const Json& json) {
  AggregateSpec spec{.name = json.at("name"),
                     .function = json.at("function"),
                     .expressions = json.at("expressions"),
                     .parameters = {}};
  for (const auto& [name, value] : json.at("parameters").items()) {
    spec.parameters.emplace(name, value.get<std::string>());
  }
  return spec;
}

Json StoreColumns(const std::vector<ColumnSpec>& columns) {
  Json list = Json::array();
  for (const ColumnSpec& column : columns) {
    list.push_back({StorePath(column.field), FormatColumnType(column.type)});
  }
  return list;
}

void RestoreColumns(const Json& json, Definition* definition) {
  definition->columns.clear();
  if (!json.contains("columns")) return;
  for (const Json& column : json.at("columns")) {
    const auto type = ParseColumnType(column.at(1).get<std::string>());
    if (type) definition->columns.push_back({RestorePath(column.at(0)), *type});
  }
}

void RestoreTimes(const Json& json, Definition* definition) {
  definition->time.reset();
  definition->window.reset();
  if (json.contains("time")) {
    definition->time = {.field = RestorePath(json.at("time").at("field")),
                        .unit = static_cast<TimeUnit>(json.at("time").at("unit").get<uint8_t>()),
                        .optional = json.at("time").value("optional", false)};
  }
  if (json.contains("window")) {
    const Json& window = json.at("window");
    definition->window = {
        .every = std::chrono::seconds(window.at("every").get<int64_t>()),
        .offset = std::chrono::seconds(window.at("offset").get<int64_t>()),
        .unit = ParseCalendarUnit(window.value("unit", "")).value_or(CalendarUnit::kNone),
        .keep = {},
        .zone = window.value("zone", "")};
    if (window.contains("keep") || window.contains("keep_months")) {
      definition->window->keep = {.months = window.value("keep_months", int64_t{0}),
                                  .rest = std::chrono::seconds(window.value("keep", int64_t{0}))};
    }
  }
}

// Windows that older releases could express keep their stored form.
Json StoreWindow(const WindowSpec& window) {
  Json json = {{"every", window.every.count()}, {"offset", window.offset.count()}};
  if (window.unit != CalendarUnit::kNone) json["unit"] = CalendarUnitName(window.unit);
  if (!window.zone.empty()) json["zone"] = window.zone;
  if (window.keep) json["keep"] = window.keep->rest.count();
  if (window.keep && window.keep->months != 0) json["keep_months"] = window.keep->months;
  return json;
}

// What ToHex wrote.
Result<std::string> RestoreBytes(const std::string& text) {
  std::string bytes;
  for (size_t at = 0; at + 1 < text.size(); at += 2) {
    int byte = 0;
    const auto read = std::from_chars(text.data() + at, text.data() + at + 2, byte, 16);
    if (read.ec != std::errc() || read.ptr != text.data() + at + 2) break;
    bytes += static_cast<char>(byte);
  }
  if (bytes.size() * 2 == text.size()) return bytes;
  return Status(Code::kDataLoss, "the version's definition is damaged: the rules of a time zone");
}

Status RestoreZones(const Json& json, Definition* definition) {
  definition->zone_rules.clear();
  if (!json.contains("zones")) return {};
  for (const auto& [name, rules] : json.at("zones").items()) {
    MURMUR_ASSIGN(definition->zone_rules[name], RestoreBytes(rules.get<std::string>()));
  }
  return {};
}

}  // namespace

std::string StoreDefinition(const Definition& definition) {
  Json json = {{"key", StoreKeys(definition.rollups)},
               {"keep_null_keys", definition.keep_null_keys},
               {"on_change", static_cast<uint8_t>(definition.on_change)},
               {"id", definition.id},
               {"where", definition.where},
               {"columns", StoreColumns(definition.columns)},
               {"aggregates", Json::array()}};
  for (const AggregateSpec& spec : definition.aggregates) {
    json["aggregates"].push_back(StoreAggregate(spec));
  }
  if (definition.time) {
    json["time"] = {{"field", StorePath(definition.time->field)},
                    {"unit", static_cast<uint8_t>(definition.time->unit)},
                    {"optional", definition.time->optional}};
  }
  if (definition.window) {
    json["window"] = StoreWindow(*definition.window);
  }
  for (const auto& [name, rules] : definition.zone_rules) json["zones"][name] = ToHex(rules);
  return JsonText(json);
}

Result<Definition> RestoreDefinition(const Definition& now, std::string_view stored) {
  Definition definition = now;
  try {
    const Json json = Json::parse(stored);
    definition.rollups.clear();
    for (const Json& list : json.at("key")) {
      KeyList& parts = definition.rollups.emplace_back();
      for (const Json& part : list) parts.push_back({part.at(0), part.at(1)});
    }
    definition.keep_null_keys = json.at("keep_null_keys");
    definition.on_change = static_cast<OnChange>(json.value("on_change", uint8_t{0}));
    definition.id = json.at("id");
    definition.where = json.at("where");
    definition.aggregates.clear();
    for (const Json& spec : json.at("aggregates")) {
      definition.aggregates.push_back(RestoreAggregate(spec));
    }
    RestoreColumns(json, &definition);
    RestoreTimes(json, &definition);
    MURMUR_TRY(RestoreZones(json, &definition));
  } catch (const Json::exception& e) {
    return Status(Code::kDataLoss, std::string("the version's definition is damaged: ") + e.what());
  }
  return definition;
}

}  // namespace murmur
