#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "base/shown.h"
#include "base/time_text.h"
#include "base/zone.h"
#include "definition/column_type.h"
#include "definition/kinds.h"
#include "definition/problems.h"
#include "definition/units.h"
#include "expression/expression.h"
#include "murmur/definition.h"

namespace murmur {
namespace {

using Json = nlohmann::json;  // objects are sorted by key

// The canonical text; text that does not parse stays as it is.
std::string Canonical(const std::string& expression) {
  const auto parsed = Expression::Parse(expression);
  return parsed.ok() ? (*parsed)->canonical() : expression;
}

Json KeyIdentity(const std::vector<KeyList>& rollups) {
  Json lists = Json::array();
  for (const KeyList& parts : rollups) {
    Json list = Json::array();
    for (const KeyPart& part : parts) {
      list.push_back({{"name", part.name}, {"expression", Canonical(part.expression)}});
    }
    lists.push_back(std::move(list));
  }
  return lists;
}

// The call with its expressions in canonical form, and the monoid, whose name holds every
// parameter, defaults included: sum(x, decimal=2) and sum(x, 2) are one.
Json AggregateIdentity(const AggregateSpec& spec) {
  AggregateSpec call = spec;
  for (std::string& expression : call.expressions) expression = Canonical(expression);
  std::string monoid = call.ToString();
  if (const MonoidFunction* function = FindMonoid(spec.function)) {
    if (const auto made = function->make(spec.parameters); made.ok()) monoid = (*made)->Name();
  }
  call.parameters.clear();
  return {{"name", spec.name}, {"call", call.ToString()}, {"monoid", monoid}};
}

Json SourceIdentity(std::string_view role, const SourceSpec& spec) {
  Json source = {{"kind", spec.kind}};
  const SourceKind* kind = FindSourceKind(role, spec.kind);
  for (const auto& [name, value] : spec.options) {
    const KindOption* option = kind == nullptr ? nullptr : FindOption(kind->options, name);
    if (option == nullptr || !option->identity || value == option->otherwise) continue;
    source[name] = value;
  }
  return source;
}

// A calendar unit without a zone is in UTC.
Json WindowIdentity(const WindowSpec& window) {
  const bool calendar = window.unit != CalendarUnit::kNone;
  Json identity = {{"every", calendar ? std::string(CalendarUnitName(window.unit))
                                      : FormatDuration(window.every)}};
  if (!calendar) identity["offset"] = FormatDuration(window.offset);
  if (calendar || !window.zone.empty()) {
    identity["zone"] = window.zone.empty() ? std::string(kUtcName) : window.zone;
  }
  return identity;
}

// How one side of a difference is shown.
std::string Shown(const Json& value) {
  if (value.is_null()) return "none";
  return value.is_string() ? value.get<std::string>() : JsonText(value);
}

void DiffValue(const std::string& path, const Json& before, const Json& after,
               std::vector<std::string>* lines) {
  if (before == after) return;
  if (!before.is_object() || !after.is_object()) {
    lines->push_back(fmt::format("{}: {} → {}", path, Shown(before), Shown(after)));
    return;
  }
  std::set<std::string> names;
  for (const auto& item : before.items()) names.insert(item.key());
  for (const auto& item : after.items()) names.insert(item.key());
  for (const std::string& name : names) {
    DiffValue(path.empty() ? name : path + "." + name, before.value(name, Json()),
              after.value(name, Json()), lines);
  }
}

// Aggregates by name: {"views": {"call": …, "monoid": …}}.
Json ByName(const Json& aggregates, std::string* order) {
  Json out = Json::object();
  for (const Json& aggregate : aggregates) {
    const std::string name = aggregate.at("name");
    out[name] = aggregate;
    *order += (order->empty() ? "" : ", ") + name;
  }
  return out;
}

void DiffAggregates(const Json& before, const Json& after, std::vector<std::string>* lines) {
  std::string order_before;
  std::string order_after;
  const Json old_ones = ByName(before, &order_before);
  const Json new_ones = ByName(after, &order_after);
  const size_t lines_before = lines->size();
  std::set<std::string> names;
  for (const auto& item : old_ones.items()) names.insert(item.key());
  for (const auto& item : new_ones.items()) names.insert(item.key());
  for (const std::string& name : names) {
    const Json old_one = old_ones.value(name, Json::object());
    const Json new_one = new_ones.value(name, Json::object());
    // Equal calls may differ in parameters, which the monoid's name holds.
    const char* member = old_one.value("call", "") == new_one.value("call", "") ? "monoid" : "call";
    DiffValue("aggregates." + name, old_one.value(member, Json()), new_one.value(member, Json()),
              lines);
  }
  if (lines->size() == lines_before) {
    DiffValue("aggregates, their order", order_before, order_after, lines);
  }
}

}  // namespace

const SourceSpec* TableOf(const Definition& definition) noexcept {
  for (const auto* role : {&definition.source, &definition.bootstrap, &definition.live}) {
    if (*role && IsTableKind((*role)->kind)) return &**role;
  }
  return nullptr;
}

bool IsDebezium(const Definition& definition) noexcept {
  if (!definition.live) return false;
  const auto format = definition.live->options.find("format");
  return format != definition.live->options.end() && format->second == kDebeziumFormat;
}

bool IsTable(const Definition& definition) noexcept {
  return TableOf(definition) != nullptr || IsDebezium(definition);
}

uint32_t ThreadsOf(const Definition& definition) {
  return std::max(
      1u, definition.threads != 0 ? definition.threads : std::thread::hardware_concurrency());
}

std::string DefinitionIdentity(const Definition& definition) {
  Json identity = {{"rules", kRulesNumber},
                   {"key", KeyIdentity(definition.rollups)},
                   {"null_key", definition.keep_null_keys ? "keep" : "reject"},
                   {"aggregates", Json::array()}};
  for (const ColumnSpec& column : definition.columns) {
    identity["columns"][column.field.ToString()] = FormatColumnType(column.type);
  }
  if (!definition.id.empty()) identity["id"] = Canonical(definition.id);
  if (!definition.where.empty()) identity["where"] = Canonical(definition.where);
  if (definition.time) {
    identity["time"] = {{"field", definition.time->field.ToString()},
                        {"unit", TimeUnitName(definition.time->unit)}};
    if (definition.time->optional) identity["time"]["optional"] = "true";
  }
  if (definition.window) {
    identity["window"] = WindowIdentity(*definition.window);
  }
  for (const AggregateSpec& aggregate : definition.aggregates) {
    identity["aggregates"].push_back(AggregateIdentity(aggregate));
  }
  if (definition.source) identity["source"] = SourceIdentity("source", *definition.source);
  if (definition.on_change != OnChange::kRetract) {
    identity["on_change"] = definition.on_change == OnChange::kIgnore ? "ignore" : "error";
  }
  if (definition.bootstrap) {
    identity["bootstrap"] = SourceIdentity("bootstrap", *definition.bootstrap);
  }
  if (definition.overlap_until) identity["overlap"] = "by id";  // then the ids are kept
  if (definition.live) identity["live"] = SourceIdentity("live", *definition.live);
  // Text that is not UTF-8 can come from a program that builds definitions; Validate refuses it.
  return JsonText(identity);
}

int RulesOfIdentity(std::string_view identity) {
  const Json json = Json::parse(identity, nullptr, /*allow_exceptions=*/false);
  return json.is_object() && json.contains("rules") && json["rules"].is_number_integer()
             ? json["rules"].get<int>()
             : 1;
}

std::vector<std::string> DiffIdentities(std::string_view before, std::string_view after) {
  std::vector<std::string> lines;
  if (before == after) return lines;
  Json old_one = Json::parse(before, nullptr, /*allow_exceptions=*/false);
  Json new_one = Json::parse(after, nullptr, /*allow_exceptions=*/false);
  if (!old_one.is_object() || !new_one.is_object()) return {"the stored identity can't be read"};
  for (Json* identity : {&old_one, &new_one}) {
    if (!identity->contains("rules")) (*identity)["rules"] = 1;
  }
  const Json none = Json::array();
  DiffAggregates(old_one.value("aggregates", none), new_one.value("aggregates", none), &lines);
  old_one.erase("aggregates");
  new_one.erase("aggregates");
  DiffValue("", old_one, new_one, &lines);
  return lines;
}

}  // namespace murmur
