#include "definition/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/civil_time.h"
#include "base/shown.h"
#include "base/time_text.h"
#include "definition/column_type.h"
#include "definition/expressions.h"
#include "definition/problems.h"
#include "definition/table_method.h"
#include "definition/units.h"
#include "definition/zones.h"
#include "expression/expression.h"

namespace murmur {
namespace {

std::string Canonical(const std::string& expression) {
  const auto parsed = Expression::Parse(expression);
  return parsed.ok() ? (*parsed)->canonical() : expression;
}

std::string DescribeKey(const KeyList& parts) {
  if (parts.empty()) return "everything together";
  std::vector<std::string> shown;
  for (const KeyPart& part : parts) {
    const std::string expression = Canonical(part.expression);
    shown.push_back(expression == part.name ? expression
                                            : fmt::format("{} = {}", part.name, expression));
  }
  return fmt::format("{}", fmt::join(shown, ", "));
}

std::string DescribeTime(const Definition& definition) {
  if (!definition.time) return "";
  const std::string_view unit = TimeUnitName(definition.time->unit);
  return fmt::format("time: {}{}; a record without a usable one {}\n",
                     definition.time->field.ToString(),
                     unit.empty() ? "" : fmt::format(" in {}", unit),
                     definition.time->optional ? "counts all the same" : "is a dead letter");
}

std::string DescribeLength(const WindowSpec& window) {
  return window.unit == CalendarUnit::kNone ? FormatDuration(window.every)
                                            : std::string(CalendarUnitName(window.unit));
}

// On which day of the week windows of whole weeks begin.
std::string DescribeWeek(const WindowSpec& window) {
  constexpr std::chrono::seconds kDay{86400};
  constexpr int64_t kDaysOfWeek = 7;
  constexpr std::string_view kNames[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                         "Friday", "Saturday", "Sunday"};
  constexpr int64_t kMondayOffset = 4;  // the epoch is a Thursday
  if (window.unit == CalendarUnit::kWeek) return ", from Monday on";
  if (window.unit != CalendarUnit::kNone) return "";
  if (window.every % (kDaysOfWeek * kDay) != std::chrono::seconds(0)) return "";
  const int first = DayOfWeekOfDays(window.offset / kDay) - 1;
  std::string out = fmt::format(", beginning on {}", kNames[first]);
  if (first != 0) out += fmt::format(" (offset: {}d for Monday)", kMondayOffset);
  return out;
}

std::string DescribeWindow(const Definition& definition) {
  if (!definition.window) return "none: all time";
  const WindowSpec& window = *definition.window;
  std::string out = fmt::format("{} each", DescribeLength(window));
  if (!window.zone.empty()) out += fmt::format(" in {}", window.zone);
  out += fmt::format(", by {}", definition.time->field.ToString());
  if (window.offset.count() != 0) out += fmt::format(", offset {}", FormatDuration(window.offset));
  out += DescribeWeek(window);
  out += window.keep ? fmt::format(", kept {} before the newest", FormatTimeLength(*window.keep))
                     : ", kept for ever";
  return out;
}

// The windows from the one of `now` on.
std::string DescribeFirstWindows(const Definition& definition, int64_t now) {
  constexpr int kShown = 3;
  if (!definition.window) return "";
  const auto zones = ZonesOf(definition);
  if (!zones.ok()) return "";
  const BucketRule buckets = BucketsOf(definition, *zones);
  std::string out = "the window of now, and the next:\n";
  int shown = 0;
  for (int64_t bucket = buckets.Bucket(now); shown < kShown; ++bucket) {
    if (buckets.StartMicros(bucket) == buckets.EndMicros(bucket)) continue;  // clocks skip it
    out += fmt::format("  {} to {}\n", buckets.FormatStart(bucket), buckets.FormatEnd(bucket));
    ++shown;
  }
  return out;
}

std::string DescribeColumns(const Definition& definition) {
  std::vector<std::string> shown;
  for (const ColumnSpec& column : definition.columns) {
    shown.push_back(
        fmt::format("{} is {}", column.field.ToString(), FormatColumnType(column.type)));
  }
  return shown.empty() ? std::string() : fmt::format("columns: {}\n", fmt::join(shown, ", "));
}

std::string DescribeTraits(const MonoidTraits& traits) {
  std::string out = traits.exact ? "mergeable in any order" : "mergeable within its bound";
  if (traits.invertible) out += ", retractable";
  if (traits.idempotent) out += ", idempotent";
  return out;
}

// What the aggregate does, with its parameters; functions without parameters use their own text.
std::string DescribeFunction(const AggregateSpec& spec, const MonoidFunction& function,
                             const Monoid& monoid) {
  const auto parameter = [&spec](const char* name, const char* otherwise) {
    const auto it = spec.parameters.find(name);
    return it == spec.parameters.end() ? std::string(otherwise) : it->second;
  };
  if (spec.function == "sum") {
    const std::string digits = parameter("decimal", "");
    if (digits.empty()) return "The exact sum.";
    return fmt::format("The exact sum of decimals with up to {} digit{} after the point.", digits,
                       digits == "1" ? "" : "s");
  }
  if (spec.function == "quantiles") {
    return fmt::format("The quantiles {}, {}.", parameter("q", ""), monoid.Approximation());
  }
  if (spec.function == "distinct") {
    return fmt::format("About how many different values there are, {}.", monoid.Approximation());
  }
  if (spec.function == "decayed_sum") {
    return fmt::format(
        "The sum in which a value counts half after each {}, as of the newest event.",
        parameter("half_life", "1d"));
  }
  if (spec.function == "topk" && spec.parameters.contains("k")) {
    const std::string k = parameter("k", "");
    return fmt::format("The {}; the true count is between count and count + error.",
                       k == "1" ? "most frequent value" : k + " most frequent values");
  }
  return function.description;
}

std::string DescribeAggregate(const AggregateSpec& spec) {
  const MonoidFunction* function = FindMonoid(spec.function);
  const auto monoid = function->make(spec.parameters);
  return fmt::format("  {} = {}: {} [{}; {}]\n", spec.name, spec.ToString(),
                     DescribeFunction(spec, *function, **monoid), (*monoid)->Name(),
                     DescribeTraits((*monoid)->Traits()));
}

constexpr std::string_view kConfigPrefix = "config.";

// The fields that are read from each record, by name.
std::set<std::string> FieldsOf(const Definition& definition) {
  std::set<std::string> fields;
  if (definition.time) fields.insert(definition.time->field.ToString());
  for (const std::string& expression : ExpressionsOf(definition)) {
    const auto parsed = Expression::Parse(expression);
    if (!parsed.ok()) continue;  // an empty one
    for (const FieldUse& field : (*parsed)->fields()) fields.insert(field.path.ToString());
  }
  return fields;
}

// Whether a client library's property may be shown; any other may be a secret.
bool IsHarmless(std::string_view property) {
  return property == "security.protocol" || property == "sasl.mechanism" ||
         property == "sasl.mechanisms" || property == "isolation.level" ||
         property == "client.id" || property.ends_with(".location");
}

// A secret that was written directly, not as a reference.
bool IsSecret(std::string_view option, std::string_view value) {
  if (option.starts_with(kConfigPrefix) && !value.starts_with("${")) {
    return !IsHarmless(option.substr(kConfigPrefix.size()));
  }
  // A database's address may contain user and password, or the password of a key file.
  if (option == "uri") return value.find('@') != value.npos || value.find('?') != value.npos;
  const auto has = [option](std::string_view part) { return option.find(part) != option.npos; };
  return (has("password") || has("secret") || has("session_token")) && !value.starts_with("${");
}

std::string DescribeSource(std::string_view role, const std::optional<SourceSpec>& spec) {
  if (!spec) return {};
  std::vector<std::string> options;
  for (const auto& [name, value] : spec->options) {
    options.push_back(fmt::format("{}={}", name, IsSecret(name, value) ? "(hidden)" : value));
  }
  return fmt::format("{}: {} ({})\n", role, spec->kind, fmt::join(options, ", "));
}

// How the aggregates stay exact while rows change, and at what cost.
std::string DescribeTable(const Definition& definition) {
  if (!IsTable(definition)) return {};
  constexpr std::string_view kChanges[] = {
      "an update takes away what the row contributed and adds what it contributes now; a delete "
      "takes it away",
      "ignored: a row counts as it was first seen", "a dead letter: rows are only ever added"};
  const bool keeps_rows = definition.on_change != OnChange::kIgnore;
  std::vector<std::string> rebuilt;
  for (const AggregateSpec& aggregate : definition.aggregates) {
    const auto monoid = FindMonoid(aggregate.function)->make(aggregate.parameters);
    const bool retractable = (*monoid)->Traits().invertible;
    if (!retractable && definition.on_change == OnChange::kRetract) {
      rebuilt.push_back(aggregate.name);
    }
  }
  std::string out = DescribeSource("source", definition.source);
  if (definition.bootstrap) {
    out += "rows: as they are when the bootstrap ends; nothing follows them\n";
  } else if (TableOf(definition) != nullptr && !ScansTable(definition)) {
    out += "rows: those that are inserted or changed from `start:` on; no others are read\n";
  }
  out += fmt::format("a change: {}\n", kChanges[static_cast<size_t>(definition.on_change)]);
  const std::string ledger =
      fmt::format("ledger: {} of each row is kept, about {} and the primary key",
                  keeps_rows ? "the fields read" : "a mark",
                  Counted(keeps_rows ? 8 * FieldsOf(definition).size() + 1 : 1, "byte"));
  const bool may_cut = ScansTable(definition) && definition.method != MethodChoice::kLedger;
  if (!may_cut || !WhyNotCut(definition).empty()) {
    out += fmt::format("method: {}\n", ledger);
  } else {
    out += fmt::format(
        "method: cut: nothing is kept of rows, where the source tells what they were before a "
        "change\n");
    if (definition.method == MethodChoice::kAuto) out += fmt::format("  else {}\n", ledger);
  }
  if (!rebuilt.empty()) {
    out += fmt::format(
        "counted anew: {}: a commit that takes something away from a key reads all of its rows\n",
        fmt::join(rebuilt, ", "));
  }
  return out;
}

std::string DescribeErrors(const std::optional<uint64_t>& max_errors) {
  if (!max_errors) return "0 bad records in bootstrap and replay, any number live";
  if (*max_errors == kUnlimited) return "any number of bad records";
  return Counted(*max_errors, "bad record");
}

}  // namespace

std::string DescribePlan(const Definition& definition, int64_t now) {
  std::string out = fmt::format("pipeline: {}\n", definition.name);
  for (const KeyList& parts : definition.rollups) {
    out += fmt::format("counts per: {}\n", DescribeKey(parts));
  }
  out +=
      fmt::format("null in a key: {}\n", definition.keep_null_keys ? "a key like any other"
                                                                   : "the record is a dead letter");
  out += DescribeColumns(definition);
  out += DescribeTime(definition);
  out += fmt::format("window: {}\n", DescribeWindow(definition));
  out += DescribeFirstWindows(definition, now);
  if (!definition.where.empty()) out += fmt::format("where: {}\n", Canonical(definition.where));
  const char* const name = TableOf(definition) != nullptr ? "primary key" : "object and offset";
  out += fmt::format("record id: {}\n", definition.id.empty() ? name : Canonical(definition.id));
  out += "aggregates:\n";
  for (const AggregateSpec& aggregate : definition.aggregates) out += DescribeAggregate(aggregate);
  out += fmt::format("fields read: {}\n", fmt::join(FieldsOf(definition), ", "));
  out += DescribeTable(definition);
  out += DescribeSource("bootstrap", definition.bootstrap);
  out += DescribeSource("live", definition.live);
  out += DescribeSource("replay", definition.replay);
  out += fmt::format("state: {} at {}\n", definition.state.kind, StatePlace(definition));
  const std::string threads =
      definition.threads == 0 ? "as many as the machine has" : std::to_string(definition.threads);
  out += fmt::format(
      "limits: {}; threads {}; memory {}; record {}; {} ahead; commit every {}\n",
      DescribeErrors(definition.max_errors), threads, FormatBytes(definition.memory_bytes),
      FormatBytes(definition.max_record_bytes), FormatDuration(definition.max_ahead),
      definition.commit_every ? FormatDuration(*definition.commit_every) : "1s, 100ms live");
  return out;
}

}  // namespace murmur
