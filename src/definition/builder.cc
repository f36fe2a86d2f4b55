#include <fmt/format.h>

#include <algorithm>

#include "base/trim.h"
#include "definition/column_type.h"
#include "definition/problems.h"
#include "expression/expression.h"
#include "expression/lexer.h"

namespace murmur {
namespace {

// "name = expression", or a bare field.
KeyPart ParseKeyPart(std::string_view text) {
  const auto parsed = Expression::Parse(text);
  if (parsed.ok() && (*parsed)->as_field() != nullptr) {
    return {(*parsed)->as_field()->ToString(), std::string(text)};
  }
  const size_t equals = text.find('=');
  const std::string_view name = Trim(text.substr(0, equals));
  const bool named = equals != std::string_view::npos && !name.empty() &&
                     std::all_of(name.begin(), name.end(), expression::ContinuesName);
  if (!named) return {"", std::string(text)};
  return {std::string(name), std::string(Trim(text.substr(equals + 1)))};
}

}  // namespace

DefinitionBuilder::DefinitionBuilder(std::string name) { definition_.name = std::move(name); }

DefinitionBuilder& DefinitionBuilder::Key(std::vector<std::string> parts) {
  KeyList& list = definition_.rollups.emplace_back();
  for (const std::string& part : parts) list.push_back(ParseKeyPart(part));
  return *this;
}

DefinitionBuilder& DefinitionBuilder::Id(std::string expression) {
  definition_.id = std::move(expression);
  return *this;
}

DefinitionBuilder& DefinitionBuilder::Column(std::string_view field, std::string_view type) {
  auto path = ParseFieldPath(field);
  const auto parsed = ParseColumnType(type);
  if (!path.ok()) {
    problems_.push_back(fmt::format("columns: '{}': {}", field, path.status().message()));
  } else if (!parsed) {
    problems_.push_back(
        fmt::format("columns.{}: '{}': expected {}", field, type, kColumnTypeUsage));
  } else {
    definition_.columns.push_back({std::move(path).value(), *parsed});
  }
  return *this;
}

DefinitionBuilder& DefinitionBuilder::Time(std::string_view field, TimeUnit unit) {
  auto path = ParseFieldPath(field);
  if (path.ok()) {
    definition_.time = TimeSpec{.field = std::move(path).value(), .unit = unit};
  } else {
    problems_.push_back(fmt::format("time: '{}': {}", field, path.status().message()));
  }
  return *this;
}

DefinitionBuilder& DefinitionBuilder::OptionalTime(std::string_view field, TimeUnit unit) {
  Time(field, unit);
  if (definition_.time) definition_.time->optional = true;
  return *this;
}

DefinitionBuilder& DefinitionBuilder::Window(std::chrono::seconds every) {
  if (!definition_.window) definition_.window.emplace();
  definition_.window->every = every;
  return *this;
}

DefinitionBuilder& DefinitionBuilder::Window(CalendarUnit unit) {
  if (!definition_.window) definition_.window.emplace();
  definition_.window->unit = unit;
  return *this;
}

DefinitionBuilder& DefinitionBuilder::WindowZone(std::string zone) {
  if (!definition_.window) definition_.window.emplace();
  definition_.window->zone = std::move(zone);
  return *this;
}

DefinitionBuilder& DefinitionBuilder::Keep(TimeLength keep) {
  if (!definition_.window) definition_.window.emplace();
  definition_.window->keep = keep;
  return *this;
}

DefinitionBuilder& DefinitionBuilder::Keep(std::chrono::seconds keep) {
  return Keep(TimeLength{.rest = keep});
}

DefinitionBuilder& DefinitionBuilder::WindowOffset(std::chrono::seconds offset) {
  if (!definition_.window) definition_.window.emplace();
  definition_.window->offset = offset;
  return *this;
}

DefinitionBuilder& DefinitionBuilder::Where(std::string expression) {
  definition_.where = std::move(expression);
  return *this;
}

DefinitionBuilder& DefinitionBuilder::Aggregate(std::string name, std::string_view call) {
  AggregateSpec spec;
  CallOffsets offsets;
  std::vector<Problem> problems;
  spec.name = std::move(name);
  if (ParseAggregateCall(call, "aggregates." + spec.name, &spec, &offsets, &problems)) {
    definition_.aggregates.push_back(std::move(spec));
  }
  for (const Problem& problem : problems) {
    problems_.push_back(fmt::format("{}: {}", problem.where, Describe(problem)));
  }
  return *this;
}

DefinitionBuilder& DefinitionBuilder::Bootstrap(std::string kind,
                                                std::map<std::string, std::string> options) {
  definition_.bootstrap = SourceSpec{std::move(kind), std::move(options)};
  return *this;
}

DefinitionBuilder& DefinitionBuilder::Source(std::string kind,
                                             std::map<std::string, std::string> options) {
  definition_.source = SourceSpec{std::move(kind), std::move(options)};
  return *this;
}

DefinitionBuilder& DefinitionBuilder::Method(MethodChoice method) {
  definition_.method = method;
  return *this;
}

DefinitionBuilder& DefinitionBuilder::Changes(OnChange on_change) {
  definition_.on_change = on_change;
  return *this;
}

DefinitionBuilder& DefinitionBuilder::StatePath(std::string path) {
  definition_.state = {.kind = StateSpec().kind, .options = {{"path", std::move(path)}}};
  return *this;
}

DefinitionBuilder& DefinitionBuilder::State(std::string kind,
                                            std::map<std::string, std::string> options) {
  definition_.state = {.kind = std::move(kind), .options = std::move(options)};
  return *this;
}

DefinitionBuilder& DefinitionBuilder::MaxErrors(uint64_t max_errors) {
  definition_.max_errors = max_errors;
  return *this;
}

DefinitionBuilder& DefinitionBuilder::Threads(uint32_t threads) {
  definition_.threads = threads;
  return *this;
}

DefinitionBuilder& DefinitionBuilder::MemoryBytes(uint64_t bytes) {
  definition_.memory_bytes = bytes;
  return *this;
}

Result<Definition> DefinitionBuilder::Build() const {
  std::vector<std::string> problems = problems_;
  if (const Status valid = Validate(definition_); !valid.ok()) {
    problems.emplace_back(valid.message());
  }
  if (problems.empty()) return definition_;
  return Status(Code::kInvalidArgument, fmt::format("{}", fmt::join(problems, "\n")));
}

}  // namespace murmur
