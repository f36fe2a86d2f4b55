// A pipeline definition: what a YAML file says, or what a C++ program builds with
// DefinitionBuilder. Both make this object; Validate() is run by both.
//
// A Definition is text and numbers only: expressions are kept as written (they are compiled by the
// pipeline), sources as their kind and options.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/monoid.h"
#include "murmur/record.h"
#include "murmur/status.h"
#include "murmur/window.h"

namespace murmur {

// One part of a key. A bare field names itself; an expression needs a name.
struct KeyPart {
  std::string name;
  std::string expression;
  bool operator==(const KeyPart&) const = default;
};

// The list of parts that one record counts under; empty: one key for everything.
using KeyList = std::vector<KeyPart>;

struct TimeSpec {
  FieldPath field;
  TimeUnit unit = TimeUnit::kNone;  // kNone: a text that is a time, or a typed timestamp
  bool optional = false;            // a record without a usable one counts all the same
  bool operator==(const TimeSpec&) const = default;
};

// What `columns:` says of a field: text that is of this type is read as it, anything else but null
// is a dead letter.
struct ColumnSpec {
  FieldPath field;
  DeclaredType type;
  bool operator==(const ColumnSpec&) const = default;
};

// Tumbling windows: of a fixed length, [offset + n*every, offset + (n+1)*every) from the Unix epoch
// on, or units of the calendar.
struct WindowSpec {
  std::chrono::seconds every{0};
  std::chrono::seconds offset{0};
  CalendarUnit unit = CalendarUnit::kNone;  // else every and offset are 0
  std::optional<TimeLength> keep;           // retention before the newest event time
  // Whose calendar it is, and that windows are written in: "Europe/Berlin". Empty: UTC.
  std::string zone;
  bool operator==(const WindowSpec&) const = default;
};

struct AggregateSpec {
  std::string name;                      // output column
  std::string function;                  // "topk"
  std::vector<std::string> expressions;  // leading arguments, as written
  MonoidParams parameters;
  std::string ToString() const;  // "topk(country, k=10)"
  bool operator==(const AggregateSpec&) const = default;
};

// `jsonl: {path: …}`: a kind and its options; nested maps are flattened with dots
// ("handoff.kafka.0": "1500"), a list under one option gives "path.0", "path.1", ….
struct SourceSpec {
  std::string kind;
  std::map<std::string, std::string> options;
  bool operator==(const SourceSpec&) const = default;
};

inline constexpr uint64_t kUnlimited = UINT64_MAX;

// `format:` of a topic that is the change log of a table.
inline constexpr std::string_view kDebeziumFormat = "debezium";

// What a change of a row means that counts already.
enum class OnChange : uint8_t {
  kRetract,  // what the row contributed is taken away, what it contributes now is added
  kIgnore,   // nothing: the row counts as it was first seen
  kError,    // it is a dead letter, and the row counts as it was first seen
};

// How a table's state is kept exact while its rows change.
enum class MethodChoice : uint8_t {
  kAuto,  // cuts where source and definition allow it, else a ledger
  kLedger,
  kCut,
};

struct Definition {
  std::string name;  // [a-z0-9_]{1,64}

  // What counts, and how: the identity of the state, except `replay`. A change makes another state.
  std::vector<KeyList> rollups;     // at least one
  std::string id;                   // expression; empty: object and offset name a record
  std::vector<ColumnSpec> columns;  // types that the data do not tell
  std::optional<TimeSpec> time;
  std::optional<WindowSpec> window;
  std::string where;  // expression; empty: every record
  // The rules (TZif bytes) of the time zones that it names. Those of a version are the version's,
  // for ever; what is missing is what the system has.
  std::map<std::string, std::string> zone_rules;
  bool keep_null_keys = false;
  std::vector<AggregateSpec> aggregates;
  // A table, whose rows change: what it holds now and what changes, in one. Instead of the others.
  std::optional<SourceSpec> source;
  OnChange on_change = OnChange::kRetract;
  std::optional<SourceSpec> bootstrap;
  std::optional<SourceSpec> live;
  std::optional<SourceSpec> replay;

  // Live may bring records again that the bootstrap or replay counted: those with an id of theirs
  // are skipped, until every split of live is at this event time (µs). Needs id and time. Whether
  // there is one belongs to the identity, as the ids must have been kept; the time doesn't.
  std::optional<int64_t> overlap_until;

  // How it runs; may change at any time.
  MethodChoice method = MethodChoice::kAuto;  // of versions that are begun from now on
  std::string state_path = "./state";         // relative to base_directory
  uint32_t keep_versions = 2;                 // complete ones, the serving one included
  std::optional<uint64_t> max_errors;  // empty: 0 for bootstrap and replay, kUnlimited for live
  uint32_t threads = 0;                // 0: as many as the machine has
  uint64_t memory_bytes = 512ull << 20;
  uint64_t max_record_bytes = 16ull << 20;
  std::chrono::seconds max_ahead{86400};
  std::optional<std::chrono::milliseconds> commit_every;  // empty: 1 s, and 100 ms live

  // The directory that relative paths start from; set by LoadDefinition to the file's directory.
  std::string base_directory = ".";
};

// Does something come after the bootstrap: `live`, or the changes of a table?
inline bool HasLive(const Definition& definition) noexcept {
  return definition.live || definition.source;
}

// The table that `source`, `bootstrap` or `live` names; null: none of them names one.
const SourceSpec* TableOf(const Definition& definition) noexcept;

// Are its records rows with a life, rather than facts? Those of a table, or of its change log.
bool IsTable(const Definition& definition) noexcept;

// Are all rows of a table read, rather than only what changes in them?
inline bool ScansTable(const Definition& definition) noexcept {
  return !definition.live && TableOf(definition) != nullptr;
}

// Is `live` a topic that Debezium writes?
bool IsDebezium(const Definition& definition) noexcept;

// How many workers run it, at least 1.
uint32_t ThreadsOf(const Definition& definition);

// The rules by which a record contributes: what numbers, times and expressions mean. It goes up
// whenever a record would contribute something else than before, and belongs to the identity: a
// version of older rules is read, and never written to.
inline constexpr int kRulesNumber = 2;

// The rules number in an identity, as DefinitionIdentity wrote it; 1, where it has none.
int RulesOfIdentity(std::string_view identity);

// The identity part as canonical JSON (keys sorted, no spaces): equal definitions, equal text.
// Window.keep is not part of it, nor are the rules of zones. A source's identity is its kind and
// the options that say what is read (path, handoff), not how.
std::string DefinitionIdentity(const Definition& definition);

// One line a difference between two identities, as DefinitionIdentity wrote them:
// "aggregates.views: count → sum(x)". Empty: equal.
std::vector<std::string> DiffIdentities(std::string_view before, std::string_view after);

// Checks everything that can be checked without reading data: names, expressions, aggregates and
// their parameters, windows without time, sources and their options. Errors: kInvalidArgument with
// every problem, one per line.
Status Validate(const Definition& definition);

// Reads a YAML definition and validates it. Errors: kNotFound (no file), kInvalidArgument: every
// problem, one per line, as "file:line:column: 'text': what is wrong; expected …; did you mean …?".
Result<Definition> LoadDefinition(const std::string& path);
// The same from text; `file` is used in messages, `base_directory` for relative paths.
Result<Definition> ParseDefinition(std::string_view yaml, std::string_view file,
                                   std::string_view base_directory);

// Makes a Definition in C++:
//   auto d = DefinitionBuilder("page_views").Key({"page"}).Time("ts").Window(std::chrono::days(1))
//                .Aggregate("views", "count").Aggregate("revenue", "sum(amount)")
//                .Bootstrap("jsonl", {{"path", "data/*.jsonl.gz"}}).Build();
class DefinitionBuilder {
 public:
  explicit DefinitionBuilder(std::string name);
  // Bare fields, or "name = expression". Each call adds a rollup.
  DefinitionBuilder& Key(std::vector<std::string> parts);
  DefinitionBuilder& Id(std::string expression);
  DefinitionBuilder& Column(std::string_view field, std::string_view type);  // "decimal(12,2)"
  DefinitionBuilder& Time(std::string_view field, TimeUnit unit = TimeUnit::kNone);
  DefinitionBuilder& OptionalTime(std::string_view field, TimeUnit unit = TimeUnit::kNone);
  DefinitionBuilder& Window(std::chrono::seconds every);
  DefinitionBuilder& Window(CalendarUnit unit);
  DefinitionBuilder& WindowZone(std::string zone);
  DefinitionBuilder& Keep(TimeLength keep);
  DefinitionBuilder& Keep(std::chrono::seconds keep);
  DefinitionBuilder& WindowOffset(std::chrono::seconds offset);
  DefinitionBuilder& Where(std::string expression);
  DefinitionBuilder& Aggregate(std::string name, std::string_view call);  // "topk(country, 10)"
  DefinitionBuilder& Bootstrap(std::string kind, std::map<std::string, std::string> options);
  DefinitionBuilder& Source(std::string kind, std::map<std::string, std::string> options);
  DefinitionBuilder& Changes(OnChange on_change);
  DefinitionBuilder& Method(MethodChoice method);
  DefinitionBuilder& StatePath(std::string path);
  DefinitionBuilder& MaxErrors(uint64_t max_errors);
  DefinitionBuilder& Threads(uint32_t threads);
  DefinitionBuilder& MemoryBytes(uint64_t bytes);
  // Errors: as Validate, and what the calls above could not parse.
  Result<Definition> Build() const;

 private:
  Definition definition_;
  std::vector<std::string> problems_;
};

}  // namespace murmur
