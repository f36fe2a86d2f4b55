// Definitions from YAML.
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include "base/time_text.h"
#include "definition/column_type.h"
#include "definition/problems.h"
#include "definition/units.h"
#include "expression/expression.h"
#include "expression/suggest.h"

namespace murmur {
namespace {

constexpr size_t kDefinitionBytesMax = 1 << 20;
constexpr size_t kOptionDepthMax = 8;
constexpr size_t kOptionsMax = 10000;
constexpr size_t kQuotedTextMax = 200;  // of the file, in one message

// The number of brackets of a text that are still open, outside quotes.
int OpenBrackets(std::string_view text) {
  int open = 0;
  char quote = 0;
  for (const char c : text) {
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"' || c == '`') {
      quote = c;
    } else {
      open += c == '(' || c == '[' ? 1 : c == ')' || c == ']' ? -1 : 0;
    }
  }
  return open;
}

class Reader {
 public:
  Reader(std::string_view text, std::string_view file) : text_(text), file_(file) {}

  Result<Definition> Read(std::string_view base_directory) && {
    definition_.base_directory = base_directory;
    if (text_.size() > kDefinitionBytesMax) {
      return Status(Code::kInvalidArgument, fmt::format("{}: a definition has at most {}", file_,
                                                        FormatBytes(kDefinitionBytesMax)));
    }
    try {
      ReadRoot(YAML::Load(std::string(text_)));
    } catch (const YAML::Exception& error) {
      AddAt(error.mark, "", fmt::format("is not YAML: {}", error.msg));
      return Fail();
    }
    for (Problem& problem : FindProblems(definition_)) {
      if (!broken_.contains(problem.where)) AddProblem(problem);
    }
    if (!problems_.empty()) return Fail();
    return std::move(definition_);
  }

 private:
  using Handler = std::function<void(const YAML::Node&)>;
  struct Field {
    std::string_view name;
    Handler handler;
  };
  struct Place {
    YAML::Mark mark;
    size_t text_at = 0;     // bytes between the mark and the value's text: an opening quote
    bool one_line = false;  // offsets in the value are columns in the file
  };
  struct Located {
    YAML::Mark mark;
    std::string message;
  };

  // ---- problems

  void AddAt(const YAML::Mark& mark, std::string_view text, std::string_view what) {
    Problem problem;
    problem.text = text.substr(0, kQuotedTextMax);
    problem.what = what;
    problems_.push_back({mark, Describe(problem)});
  }

  // Reports the value at `where`; later checks do not report it again.
  void Refuse(const std::string& where, const YAML::Node& node, std::string_view what) {
    broken_.insert(where);
    AddAt(node.Mark(), node.IsScalar() ? node.Scalar() : "", what);
  }

  void AddProblem(const Problem& problem) {
    auto place = places_.end();
    // A missing value is reported at its parent.
    for (std::string where = problem.where; place == places_.end();) {
      place = places_.find(where);
      if (where.empty()) break;
      const size_t dot = where.find_last_of(".[");
      where.resize(dot == std::string::npos ? 0 : dot);
    }
    YAML::Mark mark = place == places_.end() ? root_mark_ : place->second.mark;
    const bool exact = place != places_.end() && place->first == problem.where;
    if (exact && place->second.one_line && problem.offset > 0) {
      mark.column += static_cast<int>(place->second.text_at + problem.offset);
    }
    Problem shown = problem;
    if (problem.text.empty()) shown.what = fmt::format("{} {}", problem.where, problem.what);
    problems_.push_back({mark, Describe(shown)});
  }

  Status Fail() {
    std::stable_sort(problems_.begin(), problems_.end(), [](const Located& a, const Located& b) {
      return std::pair(a.mark.line, a.mark.column) < std::pair(b.mark.line, b.mark.column);
    });
    std::string lines;
    for (const Located& problem : problems_) {
      if (!lines.empty()) lines += '\n';
      lines += fmt::format("{}:{}:{}: {}", file_, std::max(problem.mark.line, 0) + 1,
                           std::max(problem.mark.column, 0) + 1, problem.message);
    }
    return Status(Code::kInvalidArgument, std::move(lines));
  }

  void Remember(const std::string& where, const YAML::Node& node) {
    Place place{node.Mark()};
    if (node.IsScalar() && place.mark.pos >= 0) {
      const std::string_view rest =
          text_.substr(std::min(static_cast<size_t>(place.mark.pos), text_.size()));
      place.text_at = rest.starts_with('\'') || rest.starts_with('"') ? 1 : 0;
      place.one_line = rest.substr(std::min(place.text_at, rest.size())).starts_with(node.Scalar());
    }
    places_.insert_or_assign(where, place);
  }

  // ---- shapes

  // Calls the handler of each key; unknown and doubled keys are problems.
  void ReadMap(const std::string& where, const YAML::Node& node, std::string_view expected,
               const std::vector<Field>& fields) {
    Remember(where, node);
    if (!node.IsMap()) return Refuse(where, node, fmt::format("expected {}", expected));
    std::vector<std::string> names;
    for (const Field& field : fields) names.emplace_back(field.name);
    for (const auto& [key, value] : Entries(node)) {
      const auto field = std::find_if(
          fields.begin(), fields.end(),
          [&, name = key.Scalar()](const Field& candidate) { return candidate.name == name; });
      if (field != fields.end()) {
        field->handler(value);
        continue;
      }
      std::string hint = DidYouMean(key.Scalar(), names);
      if (hint.empty()) hint = fmt::format("; expected {}", fmt::join(names, ", "));
      AddAt(key.Mark(), key.Scalar(),
            fmt::format("is no key {}{}", where.empty() ? "of a definition" : "of " + where, hint));
    }
  }

  // The map's entries in order, without those whose key is not a scalar or is a duplicate.
  std::vector<std::pair<YAML::Node, YAML::Node>> Entries(const YAML::Node& node) {
    std::vector<std::pair<YAML::Node, YAML::Node>> entries;
    std::map<std::string, YAML::Mark> seen;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) {
        AddAt(entry.first.Mark(), "", "a key must be a plain name");
        continue;
      }
      const auto [first, inserted] = seen.emplace(entry.first.Scalar(), entry.first.Mark());
      if (inserted) {
        entries.emplace_back(entry.first, entry.second);
      } else {
        AddAt(entry.first.Mark(), entry.first.Scalar(),
              fmt::format("stands twice; first at line {}", first->second.line + 1));
      }
    }
    return entries;
  }

  // Empty, with a problem, if the value is not a scalar or is empty.
  std::optional<std::string> ReadScalar(const std::string& where, const YAML::Node& node,
                                        std::string_view expected) {
    Remember(where, node);
    if (node.IsScalar() && !node.Scalar().empty()) return node.Scalar();
    Refuse(where, node, fmt::format("{}: expected {}", where, expected));
    return std::nullopt;
  }

  // Reads a value by `parse`, which gives an optional.
  template <class T, class Parse>
  void ReadValue(const std::string& where, const YAML::Node& node, std::string_view expected,
                 Parse parse, T* out) {
    const auto text = ReadScalar(where, node, expected);
    if (!text) return;
    if (const auto value = parse(*text)) {
      *out = static_cast<T>(*value);
    } else {
      Refuse(where, node, fmt::format("expected {}", expected));
    }
  }

  void ReadText(const std::string& where, const YAML::Node& node, std::string_view expected,
                std::string* out) {
    if (auto text = ReadScalar(where, node, expected)) *out = std::move(*text);
  }

  static std::optional<std::chrono::seconds> ParseSeconds(std::string_view text) {
    const auto duration = ParseDuration(text);
    if (!duration || duration->count() % 1000 != 0) return std::nullopt;
    return std::chrono::duration_cast<std::chrono::seconds>(*duration);
  }
  static std::optional<uint64_t> ParseMaxErrors(std::string_view text) {
    return text == "unlimited" ? kUnlimited : ParseUnsigned(text);
  }
  static std::optional<OnChange> ParseOnChange(std::string_view text) {
    if (text == "retract") return OnChange::kRetract;
    if (text == "ignore") return OnChange::kIgnore;
    if (text == "error") return OnChange::kError;
    return std::nullopt;
  }
  static std::optional<MethodChoice> ParseMethod(std::string_view text) {
    if (text == "auto") return MethodChoice::kAuto;
    if (text == "ledger") return MethodChoice::kLedger;
    if (text == "cut") return MethodChoice::kCut;
    return std::nullopt;
  }
  static std::optional<uint32_t> ParseCount(std::string_view text) {
    const auto value = ParseUnsigned(text);
    if (!value || *value > UINT32_MAX) return std::nullopt;
    return static_cast<uint32_t>(*value);
  }

  // ---- the definition

  void ReadRoot(const YAML::Node& root) {
    const auto text = [this](const char* where, std::string_view expected, std::string* out) {
      return Field{where, [=, this](const YAML::Node& n) { ReadText(where, n, expected, out); }};
    };
    const auto source = [this](const char* role, std::optional<SourceSpec>* out) {
      return Field{role, [=, this](const YAML::Node& n) { ReadSource(role, n, out); }};
    };
    const auto value = [this](const char* where, std::string_view expected, auto parse, auto* out) {
      return Field{where,
                   [=, this](const YAML::Node& n) { ReadValue(where, n, expected, parse, out); }};
    };
    root_mark_ = root.Mark();
    constexpr std::string_view kDuration = "a duration of whole seconds, such as 90s, 1h30m or 7d";
    constexpr std::string_view kSize = "a size such as 512MB or 1GiB";
    ReadMap("", root, "a map of a definition's keys: name, key, aggregates, …",
            {text("name", "a name", &definition_.name),
             {"key", [this](const YAML::Node& n) { ReadKey(n); }},
             text("id", "an expression", &definition_.id),
             {"columns", [this](const YAML::Node& n) { ReadColumns(n); }},
             {"time", [this](const YAML::Node& n) { ReadTime(n); }},
             {"window", [this](const YAML::Node& n) { ReadWindow(n); }},
             text("where", "an expression", &definition_.where),
             {"null_key", [this](const YAML::Node& n) { ReadNullKey(n); }},
             {"aggregates", [this](const YAML::Node& n) { ReadAggregates(n); }},
             source("source", &definition_.source),
             value("on_change", "retract, ignore or error", ParseOnChange, &definition_.on_change),
             value("method", "auto, ledger or cut", ParseMethod, &definition_.method),
             source("bootstrap", &definition_.bootstrap),
             source("live", &definition_.live),
             source("replay", &definition_.replay),
             {"overlap", [this](const YAML::Node& n) { ReadOverlap(n); }},
             {"state", [this](const YAML::Node& n) { ReadState(n); }},
             value("max_errors", "a number or unlimited", ParseMaxErrors, &definition_.max_errors),
             value("threads", "a number, 0 for as many as the machine has", ParseCount,
                   &definition_.threads),
             value("memory", kSize, ParseBytes, &definition_.memory_bytes),
             value("max_record", kSize, ParseBytes, &definition_.max_record_bytes),
             value("max_ahead", kDuration, ParseSeconds, &definition_.max_ahead),
             value("rollback_for", kDuration, ParseSeconds, &definition_.rollback_for),
             value("commit_every", "a duration such as 500ms or 1s", ParseDuration,
                   &definition_.commit_every)});
  }

  void ReadKey(const YAML::Node& node) {
    Remember("key", node);
    if (node.IsScalar() || node.IsMap()) {
      definition_.rollups.emplace_back();
      return ReadKeyPart("key[0][0]", node, &definition_.rollups[0]);
    }
    if (!node.IsSequence()) {
      return Refuse("key", node, "key: expected a field, a list of fields or a list of such lists");
    }
    const bool lists = node.size() > 0 && std::any_of(node.begin(), node.end(),
                                                      [](const auto& n) { return n.IsSequence(); });
    if (!lists) return ReadKeyList("key[0]", node);
    for (size_t i = 0; i < node.size(); ++i) {
      ReadKeyList(fmt::format("key[{}]", i), node[i]);
    }
  }

  void ReadKeyList(const std::string& where, const YAML::Node& node) {
    Remember(where, node);
    KeyList& list = definition_.rollups.emplace_back();
    if (!node.IsSequence()) {
      return Refuse(where, node, "expected a list of key parts, as the others are lists");
    }
    for (size_t i = 0; i < node.size(); ++i) {
      const std::string part = fmt::format("{}[{}]", where, list.size());
      const size_t last = SplitExpressionEnd(node, i);
      if (last == i) {
        ReadKeyPart(part, node[i], &list);
      } else {
        ReportSplitExpression(node, i, last);
        broken_.insert(part);
        list.emplace_back();
        i = last;
      }
    }
  }

  // If the flow list's item `first` opens a bracket that a later item closes, YAML has split an
  // expression at its commas; returns the item that closes it.
  static size_t SplitExpressionEnd(const YAML::Node& list, size_t first) {
    int open = 0;
    for (size_t i = first; i < list.size(); ++i) {
      if (!list[i].IsScalar()) break;
      open += OpenBrackets(list[i].Scalar());
      if (open <= 0) return i;
    }
    return first;
  }

  void ReportSplitExpression(const YAML::Node& list, size_t first, size_t last) {
    std::string whole;
    for (size_t i = first; i <= last; ++i) {
      whole += (i > first ? ", " : "") + list[i].Scalar();
    }
    AddAt(list[first].Mark(), whole,
          "an expression with a comma needs quotes in a list, and a name: {name: \"…\"}");
  }

  void ReadKeyPart(const std::string& where, const YAML::Node& node, KeyList* list) {
    KeyPart& part = list->emplace_back();
    if (node.IsMap()) {
      const auto entries = Entries(node);
      if (entries.size() != 1) {
        Remember(where, node);
        return Refuse(where, node, "expected one {name: expression}");
      }
      part.name = entries[0].first.Scalar();
      ReadText(where, entries[0].second, "an expression", &part.expression);
      return;
    }
    ReadText(where, node, "a field or {name: expression}", &part.expression);
    const auto parsed = Expression::Parse(part.expression);
    if (parsed.ok() && (*parsed)->as_field() != nullptr) {
      part.name = (*parsed)->as_field()->ToString();
    }
  }

  void ReadTime(const YAML::Node& node) {
    TimeSpec& time = definition_.time.emplace();
    if (!node.IsMap()) return ReadTimeField("time", node);
    ReadMap("time", node, "a field or {field, unit, optional}",
            {{"field", [this](const YAML::Node& n) { ReadTimeField("time.field", n); }},
             {"unit",
              [this, &time](const YAML::Node& n) {
                ReadValue("time.unit", n, kTimeUnitNames, ParseTimeUnit, &time.unit);
              }},
             {"optional", [this, &time](const YAML::Node& n) {
                ReadValue("time.optional", n, "true or false", ParseBool, &time.optional);
              }}});
    if (places_.contains("time.field")) return;
    Refuse("time", node, "time: expected {field, unit, optional} or a field");
  }

  void ReadColumns(const YAML::Node& node) {
    Remember("columns", node);
    if (!node.IsMap()) return Refuse("columns", node, "columns: expected {field: type}");
    std::string field;
    std::string cut;  // "decimal(12", if YAML split "decimal(12,2)" in a flow map
    for (const auto& entry : node) {
      const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
      const bool rest = !cut.empty() && entry.second.IsNull();
      if (!rest) field = key;
      const std::string text = rest ? cut + ',' + key : ColumnTypeText(entry.second);
      cut = text.find('(') != text.npos && !text.ends_with(')') ? text : "";
      if (cut.empty()) ReadColumn(entry.first.Mark(), field, text);
    }
    if (!cut.empty()) ReadColumn(node.Mark(), field, cut);
  }

  void ReadColumn(const YAML::Mark& mark, const std::string& field, const std::string& text) {
    const auto path = ParseFieldPath(field);
    const auto type = ParseColumnType(text);
    if (!path.ok()) {
      AddAt(mark, field, fmt::format("expected a field: {}", path.status().message()));
    } else if (!type) {
      AddAt(mark, text,
            fmt::format("is no type of the column {}; expected {}", field, kColumnTypeUsage));
    } else {
      definition_.columns.push_back({*path, *type});
    }
  }

  // {time: us} as "time(us)".
  static std::string ColumnTypeText(const YAML::Node& node) {
    if (node.IsScalar()) return node.Scalar();
    if (!node.IsMap() || node.size() != 1 || !node["time"] || !node["time"].IsScalar()) return "";
    return fmt::format("time({})", node["time"].Scalar());
  }

  static std::optional<bool> ParseBool(std::string_view text) {
    if (text == "true") return true;
    if (text == "false") return false;
    return std::nullopt;
  }

  void ReadTimeField(const std::string& where, const YAML::Node& node) {
    broken_.insert("time");  // until it is read
    const auto text = ReadScalar(where, node, "a field");
    if (!text) return;
    auto path = ParseFieldPath(*text);
    if (!path.ok()) {
      return AddAt(node.Mark(), *text,
                   fmt::format("expected a field: {}", path.status().message()));
    }
    definition_.time->field = std::move(path).value();
    broken_.erase("time");
  }

  // A length as written: "1d" is 24 hours, or with a zone a day of the calendar.
  static std::optional<WindowSpec> ParseEvery(std::string_view text) {
    WindowSpec window;
    const auto unit = ParseCalendarUnit(text);
    if (unit && unit != CalendarUnit::kDay) {
      window.unit = *unit;
      return window;
    }
    const auto seconds = text.find('w') == text.npos ? ParseSeconds(text) : std::nullopt;
    if (!seconds) return std::nullopt;
    window.every = *seconds;
    return window;
  }

  void ReadEvery(const YAML::Node& node, bool has_zone) {
    WindowSpec every;
    ReadValue("window.every", node, fmt::format("{}, or {}", kFixedWindow, kCalendarWindow),
              ParseEvery, &every);
    if (broken_.contains("window.every")) return;
    if (has_zone && every.every >= std::chrono::days(1)) {
      if (node.Scalar() != CalendarUnitName(CalendarUnit::kDay)) {
        return Refuse("window.every", node, kZonedWindow);
      }
      every = {.unit = CalendarUnit::kDay};
    }
    definition_.window->every = every.every;
    definition_.window->unit = every.unit;
  }

  void ReadWindow(const YAML::Node& node) {
    WindowSpec& window = definition_.window.emplace();
    const bool has_zone = node.IsMap() && node["zone"];
    ReadMap(
        "window", node, "{every, zone, keep, offset}",
        {{"every", [&](const YAML::Node& n) { ReadEvery(n, has_zone); }},
         {"zone", [&](const YAML::Node& n) { ReadText("window.zone", n, "a zone", &window.zone); }},
         {"keep",
          [&](const YAML::Node& n) {
            ReadValue("window.keep", n, "a length of time such as 90d, 13mo or 1y", ParseTimeLength,
                      &window.keep);
          }},
         {"offset", [&](const YAML::Node& n) {
            ReadValue("window.offset", n, "a duration of whole seconds, such as 6h or 4d",
                      ParseSeconds, &window.offset);
          }}});
    if (broken_.contains("window.every")) broken_.insert("window.offset");
    if (places_.contains("window.every") || broken_.contains("window")) {
      if (broken_.contains("window")) broken_.insert("window.every");
      return;
    }
    broken_.insert("window.every");
    broken_.insert("window.offset");
    AddAt(node.Mark(), "", "window: needs 'every', such as {every: 1d}");
  }

  void ReadOverlap(const YAML::Node& node) {
    bool by_id = false;  // the only way there is
    ReadMap("overlap", node, "{by: id, until: a time}",
            {{"by",
              [this, &by_id](const YAML::Node& n) {
                ReadValue(
                    "overlap.by", n, "id",
                    [](std::string_view text) {
                      return text == "id" ? std::optional<bool>(true) : std::nullopt;
                    },
                    &by_id);
              }},
             {"until", [this](const YAML::Node& n) {
                ReadValue("overlap.until", n, "a time as RFC 3339, such as 2026-03-01T12:00:00Z",
                          ParseEventTime, &definition_.overlap_until);
              }}});
    if (places_.contains("overlap.by") && places_.contains("overlap.until")) return;
    Refuse("overlap", node, "overlap: expected {by: id, until: a time}");
  }

  void ReadNullKey(const YAML::Node& node) {
    ReadValue(
        "null_key", node, "keep or reject",
        [](std::string_view text) -> std::optional<bool> {
          if (text == "keep") return true;
          if (text == "reject") return false;
          return std::nullopt;
        },
        &definition_.keep_null_keys);
  }

  void ReadAggregates(const YAML::Node& node) {
    Remember("aggregates", node);
    if (!node.IsMap()) {
      return Refuse("aggregates", node, "aggregates: expected a map such as {views: count}");
    }
    int open = 0;  // open brackets of an unquoted call that YAML split at its commas
    for (const auto& [key, value] : Entries(node)) {
      if (open > 0 && value.IsNull()) {
        open += OpenBrackets(key.Scalar());
        continue;
      }
      const std::string where = "aggregates." + key.Scalar();
      const auto call = ReadScalar(where, value, "a call such as count, sum(x) or topk(x, 10)");
      AggregateSpec spec;
      spec.name = key.Scalar();
      if (call) {
        open = OpenBrackets(*call);
        ReadAggregate(where, value, *call, &spec);
      }
      definition_.aggregates.push_back(std::move(spec));
    }
  }

  void ReadAggregate(const std::string& where, const YAML::Node& node, const std::string& call,
                     AggregateSpec* spec) {
    if (OpenBrackets(call) > 0) {
      return Refuse(where, node, "a bracket is not closed; a call with a comma needs quotes in {}");
    }
    std::vector<Problem> problems;
    CallOffsets offsets;
    if (ParseAggregateCall(call, where, spec, &offsets, &problems)) {
      CheckAggregate(*spec, where, &offsets, &problems);
    }
    for (const Problem& problem : problems) AddProblem(problem);
    if (!problems.empty()) broken_.insert(where);
  }

  // A kind, its options, and how many versions are kept, which every kind has.
  void ReadState(const YAML::Node& node) {
    const auto kind = ReadKind("state", node, "{rocksdb: {path: state}}");
    if (!kind) return;
    const auto& [name, options] = *kind;
    const std::string where = "state." + name;
    StateSpec& spec = definition_.state;
    spec = {.kind = name, .options = {}};
    for (const auto& [key, value] : Entries(options)) {
      const std::string option = key.Scalar();
      if (option == kKeepVersions) {
        ReadValue(
            where + "." + option, value, "a number from 1 on",
            [](std::string_view text) {
              auto count = ParseCount(text);
              return count == 0u ? std::nullopt : count;
            },
            &definition_.keep_versions);
        continue;
      }
      Flatten(where, option, value, 1, &spec.options);
      Remember(where + "." + option, key);
    }
  }

  // The one kind in a map of kinds, and its map of options.
  std::optional<std::pair<std::string, YAML::Node>> ReadKind(const std::string& role,
                                                             const YAML::Node& node,
                                                             std::string_view example) {
    Remember(role, node);
    const auto entries = node.IsMap() ? Entries(node) : decltype(Entries(node)){};
    if (entries.size() != 1) {
      Refuse(role, node,
             fmt::format("{}: expected one kind and its options, such as {}", role, example));
      return std::nullopt;
    }
    const auto& [kind, options] = entries[0];
    Remember(role, kind);
    const std::string where = role + "." + kind.Scalar();
    Remember(where, kind);
    if (options.IsMap()) return std::pair(kind.Scalar(), options);
    Refuse(where, options, fmt::format("{}: expected a map of options", where));
    return std::pair(kind.Scalar(), YAML::Node(YAML::NodeType::Map));
  }

  void ReadSource(const std::string& role, const YAML::Node& node, std::optional<SourceSpec>* out) {
    const auto kind = ReadKind(role, node, "{jsonl: {path: data/*.jsonl}}");
    if (!kind) return;
    SourceSpec& spec = out->emplace();
    spec.kind = kind->first;
    Flatten(role + "." + spec.kind, "", kind->second, 0, &spec.options);
  }

  // Puts every scalar below `node` into *options, under its path.
  void Flatten(const std::string& where, const std::string& prefix, const YAML::Node& node,
               size_t depth, std::map<std::string, std::string>* options) {
    if (depth > kOptionDepthMax || options->size() >= kOptionsMax) {
      if (broken_.insert(where).second) AddAt(node.Mark(), "", "has too many or too deep options");
      return;
    }
    if (node.IsScalar()) {
      Remember(where + "." + prefix, node);
      options->emplace(prefix, node.Scalar());
      return;
    }
    const std::string dotted = prefix.empty() ? "" : prefix + ".";
    if (node.IsSequence()) {
      for (size_t i = 0; i < node.size(); ++i) {
        Flatten(where, dotted + std::to_string(i), node[i], depth + 1, options);
      }
    } else if (node.IsMap()) {
      for (const auto& [key, value] : Entries(node)) {
        Flatten(where, dotted + key.Scalar(), value, depth + 1, options);
        Remember(where + "." + dotted + key.Scalar(), key);  // where its problems are shown
      }
    } else {
      AddAt(node.Mark(), "", fmt::format("{}.{}: has no value", where, prefix));
    }
  }

  std::string_view text_;
  std::string_view file_;
  Definition definition_;
  YAML::Mark root_mark_;
  std::vector<Located> problems_;
  std::map<std::string, Place> places_;
  std::set<std::string> broken_;
};

}  // namespace

Result<Definition> ParseDefinition(std::string_view yaml, std::string_view file,
                                   std::string_view base_directory) {
  return Reader(yaml, file).Read(base_directory);
}

Result<Definition> LoadDefinition(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text;
  std::array<char, 16 << 10> piece;
  while (in && text.size() <= kDefinitionBytesMax) {
    in.read(piece.data(), piece.size());
    text.append(piece.data(), static_cast<size_t>(in.gcount()));
  }
  if (!in && !in.eof()) {
    return Status(Code::kNotFound, fmt::format("{}: the definition can't be read", path));
  }
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  return ParseDefinition(text, path, directory.empty() ? "." : directory.string());
}

}  // namespace murmur
