#include "runtime/versions/state_access.h"

#include <fmt/format.h>

#include <algorithm>

#include "definition/stored.h"
#include "runtime/table/choose_method.h"
#include "runtime/versions/log_holds.h"
#include "source/source_registry.h"
#include "state/state_schema.h"
#include "state/store_registry.h"

namespace murmur {
namespace {

// Memory of the program and its libraries before the first record.
constexpr uint64_t kProgramBytes = 32ull << 20;
// Shares of the rest of the memory limit; what remains is for deltas, batches, sorting and table
// building.
constexpr double kCacheShare = 0.12;
constexpr double kWriteBufferShare = 0.06;

}  // namespace

uint64_t MemoryShare(const Definition& definition, double share) {
  const uint64_t rest = std::max(definition.memory_bytes, 2 * kProgramBytes) - kProgramBytes;
  return static_cast<uint64_t>(static_cast<double>(rest) * share);
}

Result<std::unique_ptr<StateStore>> OpenStore(const Definition& definition, Access access,
                                              double memory) {
  return OpenStateStore(
      {.definition = &definition,
       .access = access,
       .cache_bytes = MemoryShare(definition, kCacheShare * memory),
       .write_buffer_bytes = MemoryShare(definition, kWriteBufferShare * memory)});
}

StateSchema SchemaOf(const Pipeline& pipeline) {
  return {.monoids = pipeline.Monoids(), .buckets = pipeline.buckets()};
}

Result<std::unique_ptr<StateStore>> OpenStateForReading(const Definition& definition) {
  auto store = OpenStore(definition, Access::kRead);
  if (!store.ok() && store.status().code() == Code::kNotFound) {
    return Status(Code::kNotFound,
                  std::string(store.status().message()) + " yet: run murmur bootstrap first");
  }
  return store;
}

Status CheckRules(const VersionInfo& info) {
  const int rules = RulesOfIdentity(info.identity);
  if (rules == kRulesNumber) return {};
  return Status(
      Code::kFailedPrecondition,
      fmt::format("version {} of this state counts by {} rules (number {}; this program has {}): "
                  "it can be read, not written to, as what a record contributes has changed. "
                  "Build it anew beside the old one, which serves until then: murmur bootstrap "
                  "FILE --fresh, or murmur replay FILE",
                  info.number, rules < kRulesNumber ? "older" : "newer", rules, kRulesNumber));
}

Status CheckIdentity(const Definition& definition, const VersionInfo& info) {
  MURMUR_TRY(CheckRules(info));
  const auto differences = DiffIdentities(info.identity, DefinitionIdentity(definition));
  if (differences.empty()) return {};
  std::string message = "the definition is not the one that version " +
                        std::to_string(info.number) + " of this state was built with:";
  for (const std::string& line : differences) message += "\n  " + line;
  return Status(Code::kFailedPrecondition,
                message +
                    "\nBuild the changed definition into a new version, which then takes over: "
                    "murmur bootstrap FILE --fresh, or murmur replay FILE. Or take the change "
                    "back.");
}

Result<OpenedVersion> OpenVersion(const Definition& definition, const StateStore& store,
                                  uint64_t number, Access access) {
  OpenedVersion opened;
  const auto schema_for = [&](const VersionInfo& info) -> Result<StateSchema> {
    opened.info = info;
    MURMUR_ASSIGN(Definition own, RestoreDefinition(definition, info.definition));
    // `keep` may change without a new version.
    if (own.window && definition.window) own.window->keep = definition.window->keep;
    MURMUR_ASSIGN(opened.pipeline, Pipeline::Compile(own));
    if (access == Access::kWrite) MURMUR_TRY(CheckRules(info));
    if (access == Access::kWrite) MURMUR_TRY(CheckKeep(*opened.pipeline, store, number));
    return SchemaOf(*opened.pipeline);
  };
  MURMUR_ASSIGN(opened.table, store.OpenVersion(number, access, schema_for));
  return opened;
}

Status CheckKeep(const Pipeline& pipeline, const StateStore& store, uint64_t number) {
  const Definition& definition = pipeline.definition();
  if (!IsTable(definition) || !definition.window || !definition.window->keep) return {};
  MURMUR_ASSIGN(const auto table,
                store.OpenVersion(number, Access::kRead, Always(SchemaOf(pipeline))));
  MURMUR_ASSIGN(const auto plan, table->Plan());
  MURMUR_TRY(table->Close());
  return plan && plan->method == TableMethod::kCut ? CheckCut(definition) : Status();
}

Result<bool> HasLetGo(const StateStore& store, uint64_t number) {
  MURMUR_ASSIGN(const auto let_go, store.LetGo());
  return std::find(let_go.begin(), let_go.end(), number) != let_go.end();
}

Status CheckLogIsHeld(const StateStore& store, uint64_t number) {
  MURMUR_ASSIGN(const bool let_go, HasLetGo(store, number));
  return let_go ? LogIsLetGo(number) : Status();
}

Status DropVersion(const Definition& definition, StateStore* store, uint64_t number) {
  const auto info = store->ReadInfo(number);
  MURMUR_TRY(store->DropVersion(number));
  if (!info.ok() || info->log_hold.empty()) return {};
  // In this order: a crash between leaves a hold without a version, which the next run ends; not a
  // version without a hold.
  Status ended = EndHold(definition, info->log_hold, {});
  if (ended.ok()) return ended;
  // The name does not tell whose it is if the state was moved, or if an earlier release gave it.
  const auto id = store->Id();
  const bool is_found = id.ok() && IsHoldOf(*id, info->log_hold);
  return ended.Annotated(
      fmt::format("version {} is dropped, but the hold {} of its log is not ended: {}", number,
                  info->log_hold, is_found ? "the next run ends it" : "end it at the origin"));
}

void DropOldVersions(const Definition& definition, StateStore* store, SwapSummary* summary) {
  const auto served = store->Served();
  if (!served.ok()) {
    summary->warnings.push_back("old versions are not dropped: " +
                                std::string(served.status().message()));
    return;
  }
  for (size_t i = std::max<size_t>(definition.keep_versions, 1); i < served->size(); ++i) {
    const uint64_t number = (*served)[i];
    const Status dropped = DropVersion(definition, store, number);
    if (dropped.ok()) summary->dropped.push_back(number);
    // Another process has dropped it, or still uses it; then the next swap drops it.
    const Code code = dropped.code();
    if (dropped.ok() || code == Code::kNotFound || code == Code::kFailedPrecondition) continue;
    summary->warnings.push_back("dropping version " + std::to_string(number) + ": " +
                                std::string(dropped.message()));
  }
}

}  // namespace murmur
