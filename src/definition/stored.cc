#include "definition/stored.h"

#include <nlohmann/json.hpp>
#include <variant>

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
    definition->window = {.every = std::chrono::seconds(window.at("every").get<int64_t>()),
                          .offset = std::chrono::seconds(window.at("offset").get<int64_t>()),
                          .keep = {}};
    if (window.contains("keep")) {
      definition->window->keep = std::chrono::seconds(window.at("keep").get<int64_t>());
    }
  }
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
    json["window"] = {{"every", definition.window->every.count()},
                      {"offset", definition.window->offset.count()}};
    if (definition.window->keep) json["window"]["keep"] = definition.window->keep->count();
  }
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
  } catch (const Json::exception& e) {
    return Status(Code::kDataLoss, std::string("the version's definition is damaged: ") + e.what());
  }
  return definition;
}

}  // namespace murmur
