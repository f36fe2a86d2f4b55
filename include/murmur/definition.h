// A pipeline definition, from a YAML file or built in C++ with DefinitionBuilder. Both give this
// object, and both are checked by Validate().
//
// A Definition holds text and numbers only: expressions as written (the pipeline compiles them),
// sources as kind and options.
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

// The key parts that one record counts under; empty: one key for everything.
using KeyList = std::vector<KeyPart>;

struct TimeSpec {
  FieldPath field;
  TimeUnit unit = TimeUnit::kNone;  // kNone: a text that is a time, or a typed timestamp
  bool optional = false;            // a record without a usable time still counts
  bool operator==(const TimeSpec&) const = default;
};

// The declared type of a field (`columns:`). Text of this type is read as such; any other value
// except null makes the record a dead letter.
struct ColumnSpec {
  FieldPath field;
  DeclaredType type;
  bool operator==(const ColumnSpec&) const = default;
};

// Tumbling windows: either of a fixed length, [offset + n*every, offset + (n+1)*every) from the
// Unix epoch, or calendar units.
struct WindowSpec {
  std::chrono::seconds every{0};
  std::chrono::seconds offset{0};
  CalendarUnit unit = CalendarUnit::kNone;  // else every and offset are 0
  std::optional<TimeLength> keep;           // retention before the newest event time
  // The time zone of the calendar, in which windows are also written: "Europe/Berlin". Empty: UTC.
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

// A kind of state store (murmur/registry.h) and its options; default: in ./state. Relative paths
// start from the definition's base_directory.
struct StateSpec {
  std::string kind = "rocksdb";
  std::map<std::string, std::string> options;
  bool operator==(const StateSpec&) const = default;
};

inline constexpr uint64_t kUnlimited = UINT64_MAX;

// `format:` of a topic that is the change log of a table.
inline constexpr std::string_view kDebeziumFormat = "debezium";

// What to do with a change of a row that already counts.
enum class OnChange : uint8_t {
  kRetract,  // subtract the row's old contribution, add its new one
  kIgnore,   // ignore it: the row counts as it was first seen
  kError,    // make it a dead letter: the row counts as it was first seen
};

// How a table's state is kept exact while its rows change.
enum class MethodChoice : uint8_t {
  kAuto,  // cuts where source and definition allow them, else a ledger
  kLedger,
  kCut,
};

struct Definition {
  std::string name;  // [a-z0-9_]{1,64}

  // What counts, and how. All of it except `replay` is the identity of the state.
  std::vector<KeyList> rollups;     // at least one
  std::string id;                   // expression; empty: object and offset name a record
  std::vector<ColumnSpec> columns;  // types that the data do not state
  std::optional<TimeSpec> time;
  std::optional<WindowSpec> window;
  std::string where;  // expression; empty: every record
  // Rules (TZif bytes) of the time zones that it names. A version keeps its own rules for ever;
  // missing ones come from the system.
  std::map<std::string, std::string> zone_rules;
  bool keep_null_keys = false;
  std::vector<AggregateSpec> aggregates;
  // A table whose rows change: snapshot and live in one. Replaces the other sources.
  std::optional<SourceSpec> source;
  OnChange on_change = OnChange::kRetract;
  std::optional<SourceSpec> bootstrap;
  std::optional<SourceSpec> live;
  std::optional<SourceSpec> replay;

  // Live may repeat records that the bootstrap or replay counted. Until every split of live has
  // reached this event time (µs), records whose id was already counted are skipped. Needs id and
  // time. Whether it is set belongs to the identity, since the ids must have been kept; its value
  // doesn't.
  std::optional<int64_t> overlap_until;

  // How it runs; may change at any time.
  MethodChoice method = MethodChoice::kAuto;  // for versions begun from now on
  StateSpec state;
  uint32_t keep_versions = 2;  // complete versions, including the serving one
  // How long a version that serves no more keeps its hold of a log (LiveSource::Hold). After that
  // it can't serve again.
  std::chrono::seconds rollback_for{3600};
  std::optional<uint64_t> max_errors;  // empty: 0 for bootstrap and replay, kUnlimited for live
  uint32_t threads = 0;                // 0: as many as the machine has
  uint64_t memory_bytes = 512ull << 20;
  uint64_t max_record_bytes = 16ull << 20;
  std::chrono::seconds max_ahead{86400};
  std::optional<std::chrono::milliseconds> commit_every;  // empty: 1 s, and 100 ms live

  // The directory that relative paths start from. LoadDefinition sets it to the file's directory.
  std::string base_directory = ".";
};

// Whether anything follows the bootstrap: `live`, or the changes of a table.
inline bool HasLive(const Definition& definition) noexcept {
  return definition.live || definition.source;
}

// Where messages say that the state is: ./state.
std::string StatePlace(const Definition& definition);

// The table that `source`, `bootstrap` or `live` names; null: none of them names a table.
const SourceSpec* TableOf(const Definition& definition) noexcept;

// Whether records are rows that change rather than facts: those of a table or of its change log.
bool IsTable(const Definition& definition) noexcept;

// Whether all rows of a table are read, not only their changes.
inline bool ScansTable(const Definition& definition) noexcept {
  return !definition.live && TableOf(definition) != nullptr;
}

// Whether `live` is a topic that Debezium writes.
bool IsDebezium(const Definition& definition) noexcept;

// The number of workers, at least 1.
uint32_t ThreadsOf(const Definition& definition);

// Number of the rules by which a record contributes: what numbers, times and expressions mean. It
// rises whenever some record would contribute differently, and belongs to the identity: a version
// of older rules can be read, but not written.
inline constexpr int kRulesNumber = 2;

// The rules number in an identity that DefinitionIdentity wrote; 1 if it has none.
int RulesOfIdentity(std::string_view identity);

// The identity as canonical JSON (sorted keys, no spaces): equal definitions give equal text.
// Leaves out Window.keep and zone rules. Of a source, it has the kind and the options that say what
// is read (path, handoff), not how.
std::string DefinitionIdentity(const Definition& definition);

// The differences between two identities that DefinitionIdentity wrote, one per line:
// "aggregates.views: count → sum(x)". Empty: equal.
std::vector<std::string> DiffIdentities(std::string_view before, std::string_view after);

// Checks everything that can be checked without reading data: names, expressions, aggregates and
// their parameters, windows without time, sources and their options. Errors: kInvalidArgument with
// every problem, one per line.
Status Validate(const Definition& definition);

// Reads a YAML definition and validates it. Errors: kNotFound (no file); kInvalidArgument with
// every problem, one per line: "file:line:column: 'text': what is wrong; expected …; did you mean
// …?".
Result<Definition> LoadDefinition(const std::string& path);
// The same from text. `file` is used in messages, `base_directory` for relative paths.
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
  DefinitionBuilder& StatePath(std::string path);  // of the default kind
  DefinitionBuilder& State(std::string kind, std::map<std::string, std::string> options);
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
