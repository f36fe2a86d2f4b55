#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>

#include "base/time_text.h"
#include "definition/column_type.h"
#include "definition/kinds.h"
#include "definition/problems.h"
#include "definition/table_method.h"
#include "definition/units.h"
#include "definition/zones.h"
#include "expression/expression.h"
#include "expression/suggest.h"
#include "murmur/key.h"

namespace murmur {
namespace {

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsPipelineName(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || IsDigit(c) || c == '_'; });
}

bool IsOutputName(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && IsLetter(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return IsLetter(c) || IsDigit(c) || c == '_'; });
}

const std::string kOutputNameRule = fmt::format(
    "expected a name of 1 to {} letters, digits and '_' that begins with a letter", kNameBytesMax);

class Validator {
 public:
  explicit Validator(const Definition& definition) : definition_(definition) {}

  std::vector<Problem> Run() && {
    if (!IsPipelineName(definition_.name)) {
      Add("name", definition_.name,
          fmt::format("{}expected a name of 1 to {} characters a-z, 0-9 and _",
                      definition_.name.empty() ? "is missing; " : "", kNameBytesMax));
    }
    CheckKeys();
    CheckOptionalExpression("id", definition_.id);
    CheckOptionalExpression("where", definition_.where);
    CheckColumns();
    CheckTime();
    CheckAggregates();
    CheckSource("source", definition_.source);
    CheckTable();
    CheckSource("bootstrap", definition_.bootstrap);
    CheckSource("live", definition_.live);
    CheckSource("replay", definition_.replay);
    CheckStart();
    CheckOverlap();
    CheckState();
    CheckLimits();
    return std::move(problems_);
  }

 private:
  void Add(std::string where, std::string_view text, std::string what) {
    problems_.push_back({std::move(where), 0, std::string(text), std::move(what)});
  }

  void CheckOptionalExpression(std::string_view where, const std::string& text) {
    if (!text.empty()) CheckExpression(text, where, 0, &problems_);
  }

  void CheckKeys() {
    if (definition_.rollups.empty()) {
      Add("key", "", "is missing; expected key: [field, …], or key: [] for one row of everything");
    }
    if (definition_.rollups.size() > kRollupsMax) {
      Add("key", "", fmt::format("has more than {} lists", kRollupsMax));
    }
    std::set<std::vector<std::string>> seen;
    for (size_t i = 0; i < definition_.rollups.size(); ++i) CheckKeyList(i, &seen);
  }

  void CheckKeyList(size_t index, std::set<std::vector<std::string>>* seen) {
    const KeyList& parts = definition_.rollups[index];
    const std::string where = fmt::format("key[{}]", index);
    if (parts.size() > kKeyPartsMax) {
      Add(where, "", fmt::format("has more than {} parts", kKeyPartsMax));
    }
    std::vector<std::string> names;
    for (size_t i = 0; i < parts.size(); ++i) {
      const std::string part_where = fmt::format("{}[{}]", where, i);
      CheckKeyPart(parts[i], part_where);
      const bool twice = std::find(names.begin(), names.end(), parts[i].name) != names.end();
      if (twice && !parts[i].name.empty()) {
        Add(part_where, parts[i].name, "stands twice in this key");
      }
      names.push_back(parts[i].name);
    }
    if (!seen->insert(names).second) Add(where, "", "is the same list of names as one before it");
  }

  void CheckKeyPart(const KeyPart& part, const std::string& where) {
    const size_t before = problems_.size();
    CheckExpression(part.expression, where, 0, &problems_);
    if (problems_.size() > before) return;
    const auto parsed = Expression::Parse(part.expression);
    const FieldPath* field = (*parsed)->as_field();
    if (field != nullptr && field->ToString() == part.name) return;
    if (part.name.empty()) {
      Add(where, part.expression, "an expression in a key needs a name: {name: expression}");
    } else if (!IsOutputName(part.name)) {
      Add(where, part.name, kOutputNameRule);
    }
  }

  void CheckColumns() {
    for (size_t i = 0; i < definition_.columns.size(); ++i) {
      const ColumnSpec& column = definition_.columns[i];
      const std::string type = FormatColumnType(column.type);
      if (ParseColumnType(type) != column.type) {
        Add("columns", type, fmt::format("expected {}", kColumnTypeUsage));
      }
      const auto same = [&](const ColumnSpec& other) { return other.field == column.field; };
      const auto earlier = definition_.columns.begin() + static_cast<ptrdiff_t>(i);
      if (std::any_of(definition_.columns.begin(), earlier, same)) {
        Add("columns", column.field.ToString(), "stands twice");
      }
    }
  }

  void CheckTime() {
    if (definition_.time && definition_.time->field.steps.empty()) {
      Add("time", "", "expected a field");
    }
    if (!definition_.window) return;
    if (!definition_.time) {
      Add("window", "", "needs the time of a record; expected time: field beside it");
    } else if (definition_.time->optional) {
      Add("time.optional", "true", "a window needs the time of every record; expected false");
    }
    CheckWindow(*definition_.window);
  }

  void CheckWindow(const WindowSpec& window) {
    const bool calendar = window.unit != CalendarUnit::kNone;
    if (calendar && window.every.count() != 0) {
      Add("window.every", FormatDuration(window.every), "expected a length or a unit, not both");
    } else if (!calendar) {
      CheckSpan("window.every", window.every, std::chrono::seconds(1));
      if (!window.zone.empty() && window.every >= std::chrono::days(1)) {
        Add("window.every", FormatDuration(window.every), std::string(kZonedWindow));
      }
    }
    if (!window.zone.empty()) {
      if (std::string why = WhyNoZone(window.zone); !why.empty()) {
        Add("window.zone", window.zone, std::move(why));
      }
    }
    if (window.keep) CheckKeep(*window.keep, calendar);
    CheckOffset(window, calendar);
  }

  void CheckOffset(const WindowSpec& window, bool calendar) {
    if (window.offset.count() == 0) return;
    if (calendar || !window.zone.empty()) {
      Add("window.offset", FormatDuration(std::max(window.offset, std::chrono::seconds(0))),
          "windows of the calendar, or in a zone, have none; 1w begins on Monday, and 7d without a "
          "zone on any day");
    } else if (window.offset.count() < 0 || window.offset >= window.every) {
      Add("window.offset", FormatDuration(std::max(window.offset, std::chrono::seconds(0))),
          "expected a duration shorter than window.every");
    }
  }

  void CheckKeep(const TimeLength& keep, bool calendar) {
    constexpr int64_t kMonthsMax = kSpanMax / std::chrono::months(1);
    const std::string text = keep.months < 0 || keep.rest.count() < 0
                                 ? std::to_string(keep.rest.count()) + "s"
                                 : FormatTimeLength(keep);
    if (keep.months < 0 || keep.months > kMonthsMax || keep.rest.count() < 0 ||
        keep.rest > kSpanMax || (keep.months == 0 && keep.rest.count() == 0)) {
      Add("window.keep", text,
          fmt::format("expected a length of time from {} to {}", calendar ? "1d" : "1s",
                      FormatDuration(kSpanMax)));
    } else if (calendar && keep.rest % std::chrono::days(1) != std::chrono::seconds(0)) {
      Add("window.keep", text,
          "windows of the calendar are kept for days, weeks, months or years, such as 90d, 13mo or "
          "1y");
    }
  }

  void CheckSpan(std::string_view where, std::chrono::seconds value, std::chrono::seconds least) {
    if (value >= least && value <= kSpanMax) return;
    const std::string text =
        value.count() < 0 ? fmt::format("{}s", value.count()) : FormatDuration(value);
    Add(std::string(where), text,
        fmt::format("expected a duration from {} to {}", FormatDuration(least),
                    FormatDuration(kSpanMax)));
  }

  void CheckAggregates() {
    const auto& aggregates = definition_.aggregates;
    if (aggregates.empty()) {
      Add("aggregates", "", "is missing; expected at least one, such as {views: count}");
    }
    if (aggregates.size() > kAggregatesMax) {
      Add("aggregates", "", fmt::format("are more than {}", kAggregatesMax));
    }
    std::set<std::string_view> names;
    for (const AggregateSpec& aggregate : aggregates) {
      const std::string where = "aggregates." + aggregate.name;
      if (!IsOutputName(aggregate.name)) {
        Add(where, aggregate.name, kOutputNameRule);
      } else if (aggregate.name == "key" || aggregate.name == "window") {
        Add(where, aggregate.name, "is a name that the output uses itself");
      }
      if (!names.insert(aggregate.name).second) Add(where, aggregate.name, "is defined twice");
      CheckAggregate(aggregate, where, nullptr, &problems_);
      const MonoidFunction* function = FindMonoid(aggregate.function);
      if (function != nullptr && function->needs_time && !definition_.time) {
        Add(where, aggregate.function,
            "needs the time of a record; expected time: field in the definition");
      }
      const bool by_time =
          function != nullptr && (function->needs_time || function->uses_time) && definition_.time;
      if (by_time && definition_.time->optional) {
        Add("time.optional", "true",
            fmt::format("{}: {} goes by the time of every record; expected false{}", where,
                        aggregate.function,
                        function->needs_time ? "" : ", or no time: for the order of the records"));
      }
    }
  }

  void CheckSource(std::string_view role, const std::optional<SourceSpec>& spec) {
    if (!spec) return;
    const SourceKind* kind = FindSourceKind(role, spec->kind);
    if (kind == nullptr) {
      return AddNoKind(std::string(role), spec->kind, fmt::format("{} source", role),
                       SourceKindNames(role));
    }
    const std::string place = fmt::format("{}.{}", role, kind->name);
    CheckOptions(place, kind->name, kind->options, spec->options);
    if (spec->kind == "kafka") CheckTopics(place, *spec);
    const auto handoff = spec->options.find("handoff");
    if (handoff != spec->options.end() && handoff->second != "live") {
      Add(place + ".handoff", handoff->second,
          "expected live, or positions such as {kafka: {0: 1500}}");
    } else if (handoff != spec->options.end() && !definition_.live) {
      Add(place + ".handoff", handoff->second, "needs a live source; expected live: beside it");
    }
  }

  // The requirements of a table whose rows change.
  void CheckTable() {
    if (definition_.replay && definition_.replay->options.contains("format") &&
        definition_.replay->options.at("format") == kDebeziumFormat) {
      Add("replay." + definition_.replay->kind + ".format", kDebeziumFormat,
          "is for live: only; replay reads records that are facts, not what changes in a table");
    }
    for (const char* option : {"unavailable.value.placeholder", "decimal.handling.mode"}) {
      if (!definition_.live || !definition_.live->options.contains(option)) continue;
      const auto format = definition_.live->options.find("format");
      if (format != definition_.live->options.end() && format->second == kDebeziumFormat) continue;
      Add(fmt::format("live.{}.{}", definition_.live->kind, option), "",
          fmt::format("is about Debezium's messages; expected format: {} beside it",
                      kDebeziumFormat));
    }
    if (!IsTable(definition_)) {
      if (definition_.on_change != OnChange::kRetract) {
        Add("on_change", "", "is about the rows of a table; expected source: in the definition");
      }
      if (definition_.method != MethodChoice::kAuto) {
        Add("method", "", "is about the rows of a table; expected source: in the definition");
      }
      return;
    }
    if (definition_.method == MethodChoice::kCut) {
      if (!ScansTable(definition_)) {
        Add("method", "cut", "needs a scan; expected source: in the definition");
      } else if (const std::string why_not = WhyNotCut(definition_); !why_not.empty()) {
        Add("method", "cut", why_not);
      }
    }
    const auto refuse = [this](std::string_view role, bool given) {
      if (!given) return;
      Add(std::string(role), "",
          "does not go with a table, whose rows and what changes in them have one source; expected "
          "source: alone");
    };
    refuse("bootstrap", definition_.bootstrap && (definition_.source || definition_.live));
    refuse("live", definition_.source && definition_.live);
    refuse("replay", definition_.replay.has_value());
  }

  void CheckStart() {
    if (!definition_.live) return;
    const bool is_table = IsTableKind(definition_.live->kind);
    for (const auto& [name, value] : definition_.live->options) {
      const std::string where = fmt::format("live.{}.{}", definition_.live->kind, name);
      if (name == "start") {
        const bool is_place = is_table ? value == "now" : value == "earliest" || value == "latest";
        if (is_place || ParseEventTime(value)) continue;
        Add(where, value,
            is_table
                ? "expected now, or a time as RFC 3339"
                : "expected earliest, latest, a time as RFC 3339, or offsets such as {0: 1500}");
      } else if (name.starts_with("start.") && !ParseUnsigned(value)) {
        Add(where, value, "expected an offset");
      }
    }
  }

  void CheckOverlap() {
    if (!definition_.overlap_until) return;
    if (definition_.id.empty()) {
      Add("overlap", "", "needs what names a record; expected id: field in the definition");
    }
    if (!definition_.time) {
      Add("overlap", "", "needs the time of a record; expected time: field in the definition");
    } else if (definition_.time->optional) {
      Add("time.optional", "true", "an overlap needs the time of every record; expected false");
    }
    if (!definition_.live || (!definition_.bootstrap && !definition_.replay)) {
      Add("overlap", "",
          "lies between what was and what comes; expected live: and bootstrap: or "
          "replay: in the definition");
    }
  }

  // "a, b or c"
  static std::string OneOf(std::span<const std::string> names) {
    if (names.size() < 2) return fmt::format("{}", fmt::join(names, ""));
    return fmt::format("{} or {}", fmt::join(names.first(names.size() - 1), ", "), names.back());
  }

  void AddNoKind(std::string where, const std::string& kind, std::string_view of,
                 const std::vector<std::string>& names) {
    Add(std::move(where), kind,
        fmt::format("is no kind of {}; expected {}{}", of, OneOf(names), DidYouMean(kind, names)));
  }

  void CheckOptions(const std::string& place, const std::string& kind,
                    const std::vector<KindOption>& options,
                    const std::map<std::string, std::string>& given) {
    for (const auto& [name, value] : given) CheckOption(place, kind, options, name, value);
    for (const KindOption& option : options) {
      if (!option.required || given.contains(option.name) || given.contains(option.name + ".0")) {
        continue;
      }
      Add(place, "", fmt::format("needs the option '{}'", option.name));
    }
  }

  void CheckOption(const std::string& place, const std::string& kind,
                   const std::vector<KindOption>& options, const std::string& name,
                   const std::string& value) {
    const std::string where = place + "." + name;
    const KindOption* known = FindOption(options, name);
    if (known == nullptr) {
      std::vector<std::string> names;
      for (const KindOption& option : options) {
        if (!option.name.ends_with('*')) names.push_back(option.name);
      }
      Add(where, name,
          fmt::format("is no option of {}; expected {}{}", kind, fmt::join(names, ", "),
                      DidYouMean(name, names)));
    } else if (value.empty()) {
      Add(where, name, "is empty");
    } else if (!known->values.empty() && !value.starts_with("${") &&
               std::find(known->values.begin(), known->values.end(), value) ==
                   known->values.end()) {
      Add(where, value,
          fmt::format("expected {}{}", fmt::join(known->values, ", "),
                      DidYouMean(value, known->values)));
    }
  }

  // Exactly one of the ways to name topics is used.
  void CheckTopics(const std::string& place, const SourceSpec& spec) {
    const auto has = [&spec](std::string_view option) {
      return std::any_of(spec.options.begin(), spec.options.end(), [&](const auto& given) {
        return std::string_view(given.first).substr(0, given.first.find('.')) == option;
      });
    };
    if ((has("topic") || has("topics")) == has("pattern")) {
      Add(place, "", "expected either topic: or pattern:");
    }
  }

  template <class T>
  void CheckRange(std::string_view where, T value, T least, T most, std::string (*format)(T)) {
    if (value >= least && value <= most) return;
    Add(std::string(where), format(value),
        fmt::format("expected {} to {}", format(least), format(most)));
  }

  void CheckState() {
    const StateSpec& state = definition_.state;
    const StoreKind* kind = FindStoreKind(state.kind);
    if (kind == nullptr) {
      return AddNoKind("state", state.kind, "state store", StoreKindNames());
    }
    std::vector<KindOption> options = kind->options;
    options.push_back({.name = kKeepVersions});
    CheckOptions("state." + kind->name, kind->name, options, state.options);
  }

  void CheckLimits() {
    CheckRange<uint64_t>("threads", definition_.threads, 0, kThreadsMax,
                         [](uint64_t n) { return std::to_string(n); });
    CheckRange("memory", definition_.memory_bytes, kMemoryBytesMin, kMemoryBytesMax, FormatBytes);
    CheckRange("max_record", definition_.max_record_bytes, kRecordBytesMin, kRecordBytesMax,
               FormatBytes);
    CheckSpan("max_ahead", definition_.max_ahead, std::chrono::seconds(0));
    CheckSpan("rollback_for", definition_.rollback_for, std::chrono::seconds(0));
    if (definition_.commit_every) {
      CheckRange("commit_every", *definition_.commit_every, kCommitEveryMin, kCommitEveryMax,
                 FormatDuration);
    }
  }

  const Definition& definition_;
  std::vector<Problem> problems_;
};

}  // namespace

std::string Describe(const Problem& problem) {
  if (problem.text.empty()) return problem.what;
  return fmt::format("'{}': {}", problem.text, problem.what);
}

void CheckExpression(std::string_view text, std::string_view where, size_t offset,
                     std::vector<Problem>* problems, Numbers numbers) {
  const auto parsed = Expression::Parse(text, numbers);
  if (parsed.ok()) {
    for (const ZoneUse& zone : (*parsed)->zones()) {
      const std::string why = WhyNoZone(zone.name);
      if (why.empty()) continue;
      problems->push_back({std::string(where), offset + zone.column - 1, zone.name, why});
    }
    return;
  }
  // "column N: what", N from 1.
  const std::string message(parsed.status().message());
  const size_t colon = message.find(": ");
  const size_t column = ParseUnsigned(message.substr(7, colon - 7)).value_or(1);
  problems->push_back(
      {std::string(where), offset + column - 1, std::string(text), message.substr(colon + 2)});
}

std::vector<Problem> FindProblems(const Definition& definition) {
  return Validator(definition).Run();
}

Status Validate(const Definition& definition) {
  std::string lines;
  for (const Problem& problem : FindProblems(definition)) {
    if (!lines.empty()) lines += '\n';
    lines += fmt::format("{}: {}", problem.where, Describe(problem));
  }
  return lines.empty() ? Status() : Status(Code::kInvalidArgument, std::move(lines));
}

}  // namespace murmur
