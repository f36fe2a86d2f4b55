#include "definition/kinds.h"

#include <deque>
#include <mutex>

#include "definition/units.h"

namespace murmur {
namespace {

std::vector<KindOption> Joined(std::vector<KindOption> a, const std::vector<KindOption>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::vector<SourceKind> OwnSources() {
  const KindOption path = {.name = "path", .required = true, .list = true, .identity = true};
  const KindOption handoff = {.name = "handoff", .identity = true};
  const KindOption positions = {.name = "handoff.*", .identity = true};
  const std::vector<KindOption> kafka = {
      {.name = "brokers", .required = true},
      {.name = "topic", .list = true, .identity = true},
      {.name = "topics", .list = true, .identity = true},
      {.name = "pattern", .identity = true},
      {.name = "format", .identity = true, .otherwise = "json"},
      {.name = "group"},
      {.name = "compacted"},
      {.name = "config.isolation.level", .identity = true, .otherwise = "read_committed"},
      {.name = "config.*"}};
  const std::vector<KindOption> store = {{.name = "endpoint"},   {.name = "region"},
                                         {.name = "path_style"}, {.name = "access_key"},
                                         {.name = "secret_key"}, {.name = "session_token"}};
  const KindOption hive = {
      .name = "hive", .identity = true, .values = {"true", "false"}, .otherwise = "false"};
  const KindOption object_format = {.name = "format", .values = {"auto", "jsonl", "parquet"}};
  const std::vector<KindOption> dynamodb = {{.name = "table", .required = true, .identity = true},
                                            {.name = "region"},
                                            {.name = "endpoint"},
                                            {.name = "access_key"},
                                            {.name = "secret_key"},
                                            {.name = "session_token"},
                                            {.name = "max_read_capacity"},
                                            {.name = "settle"}};
  const std::vector<KindOption> dynamodb_rows =
      Joined(dynamodb, {{.name = "export", .identity = true}});
  const std::vector<KindOption> mariadb = {{.name = "uri", .required = true},
                                           {.name = "table", .required = true, .identity = true}};
  const std::vector<KindOption> mongo = {
      {.name = "uri", .required = true},
      {.name = "database", .required = true, .identity = true},
      {.name = "collection", .required = true, .identity = true}};
  const std::vector<KindOption> postgres = {{.name = "uri", .required = true},
                                            {.name = "table", .required = true, .identity = true},
                                            {.name = "columns", .list = true},
                                            {.name = "publication"},
                                            {.name = "slot"}};
  return {
      {"source", "dynamodb", dynamodb_rows},
      {"source", "mariadb", mariadb},
      {"source", "mongo", mongo},
      {"source", "postgres", postgres},
      {"bootstrap", "jsonl", {path, {.name = "format"}, hive, handoff, positions}},
      {"bootstrap", "parquet", {path, hive, handoff, positions}},
      {"bootstrap", "s3", Joined({path, object_format, hive, handoff, positions}, store)},
      {"bootstrap", "dynamodb", dynamodb_rows},
      {"bootstrap", "mariadb", mariadb},
      {"bootstrap", "mongo", mongo},
      {"bootstrap", "postgres", postgres},
      {"live", "kafka",
       Joined(kafka, {{.name = "start"},
                      {.name = "start.*"},
                      {.name = "dead_letters"},
                      {.name = "unavailable.value.placeholder", .identity = true},
                      {.name = "decimal.handling.mode",
                       .identity = true,
                       .values = {"precise", "string", "double"}}})},
      {"live", "dynamodb", dynamodb},
      {"live", "mariadb", mariadb},
      {"live", "mongo", Joined(mongo, {{.name = "start"}})},
      {"live", "postgres", postgres},
      {"replay", "kafka", kafka},
      {"replay", "archive",
       Joined({{.name = "path", .required = true, .identity = true},
               {.name = "layout",
                .identity = true,
                .values = {"auto", "firehose", "kafka-connect", "aiven", "msk-delivery", "hive",
                           "dynamodb-export", "plain"}},
               object_format,
               hive,
               {.name = "offsets", .values = {"auto", "dense", "sparse"}},
               {.name = "path_time", .values = {"arrival", "record", "none"}},
               {.name = "lag"},
               {.name = "file_delimiter"},
               {.name = "export"}},
              store)},
  };
}

std::vector<StoreKind> OwnStores() {
  return {{.name = "rocksdb",
           .options = {{.name = "path", .otherwise = "./state"}},
           .place_option = "path"}};
}

class Registry {
 public:
  static Registry& Get() {
    static Registry* const registry = new Registry;  // kinds live for ever
    return *registry;
  }

  Status Add(SourceKind kind) {
    const std::lock_guard lock(mutex_);
    if (Find(sources_,
             [&](const auto& one) { return one.role == kind.role && one.name == kind.name; })) {
      return Status(Code::kAlreadyExists, kind.role + " " + kind.name + " is already registered");
    }
    sources_.push_back(std::move(kind));
    return {};
  }
  Status Add(StoreKind kind) {
    const std::lock_guard lock(mutex_);
    if (Find(stores_, [&](const auto& one) { return one.name == kind.name; })) {
      return Status(Code::kAlreadyExists, "state " + kind.name + " is already registered");
    }
    stores_.push_back(std::move(kind));
    return {};
  }

  const SourceKind* FindSource(std::string_view role, std::string_view name) {
    const std::lock_guard lock(mutex_);
    return Find(sources_, [&](const auto& one) { return one.role == role && one.name == name; });
  }
  const StoreKind* FindStore(std::string_view name) {
    const std::lock_guard lock(mutex_);
    return Find(stores_, [&](const auto& one) { return one.name == name; });
  }
  std::vector<std::string> SourceNames(std::string_view role) {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const SourceKind& kind : sources_) {
      if (kind.role == role) names.push_back(kind.name);
    }
    return names;
  }
  std::vector<std::string> StoreNames() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const StoreKind& kind : stores_) names.push_back(kind.name);
    return names;
  }

 private:
  Registry() {
    for (SourceKind& kind : OwnSources()) sources_.push_back(std::move(kind));
    for (StoreKind& kind : OwnStores()) stores_.push_back(std::move(kind));
  }

  template <class Kind, class Is>
  static const Kind* Find(const std::deque<Kind>& kinds, const Is& is) {
    for (const Kind& kind : kinds) {
      if (is(kind)) return &kind;
    }
    return nullptr;
  }

  std::mutex mutex_;
  std::deque<SourceKind> sources_;  // under mutex_; references stay valid as it grows
  std::deque<StoreKind> stores_;    // likewise
};

}  // namespace

Status RegisterSource(SourceKind kind) {
  const bool snapshot = kind.role == "bootstrap" || kind.role == "source";
  const bool live = kind.role == "live" || kind.role == "source";
  if (kind.name.empty() || (!snapshot && !live)) {
    return Status(Code::kInvalidArgument,
                  "a source kind needs a name, and the role bootstrap, live or source");
  }
  if ((snapshot && !kind.make_snapshot) || (live && !kind.make_live)) {
    return Status(Code::kInvalidArgument,
                  kind.role + " " + kind.name + ": the function that makes it is missing");
  }
  return Registry::Get().Add(std::move(kind));
}

Status RegisterStateStore(StoreKind kind) {
  if (kind.name.empty() || !kind.open) {
    return Status(Code::kInvalidArgument, "a kind of state store needs a name and `open`");
  }
  return Registry::Get().Add(std::move(kind));
}

const SourceKind* FindSourceKind(std::string_view role, std::string_view name) {
  return Registry::Get().FindSource(role, name);
}
std::vector<std::string> SourceKindNames(std::string_view role) {
  return Registry::Get().SourceNames(role);
}
bool IsTableKind(std::string_view name) { return FindSourceKind("source", name) != nullptr; }
const StoreKind* FindStoreKind(std::string_view name) { return Registry::Get().FindStore(name); }
std::vector<std::string> StoreKindNames() { return Registry::Get().StoreNames(); }

const KindOption* FindOption(const std::vector<KindOption>& options, std::string_view option) {
  for (const KindOption& known : options) {
    const std::string_view name = known.name;
    if (name == option) return &known;
    if (name.ends_with('*') && option.starts_with(name.substr(0, name.size() - 1))) return &known;
    const bool item = known.list && option.starts_with(name) &&
                      option.substr(name.size()).starts_with('.') &&
                      ParseUnsigned(option.substr(name.size() + 1)).has_value();
    if (item) return &known;
  }
  return nullptr;
}

std::string StateOption(const StateSpec& state, std::string_view name) {
  const auto given = state.options.find(std::string(name));
  if (given != state.options.end()) return given->second;
  const StoreKind* kind = FindStoreKind(state.kind);
  const KindOption* option = kind == nullptr ? nullptr : FindOption(kind->options, name);
  return option == nullptr ? std::string() : option->otherwise;
}

std::string StatePlace(const Definition& definition) {
  const StoreKind* kind = FindStoreKind(definition.state.kind);
  if (kind == nullptr || kind->place_option.empty()) return definition.state.kind;
  return StateOption(definition.state, kind->place_option);
}

}  // namespace murmur
