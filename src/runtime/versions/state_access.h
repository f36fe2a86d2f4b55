// How the verbs reach a definition's state: its store, and versions opened with the definition that
// they were built with.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "fold/pipeline.h"
#include "murmur/definition.h"
#include "murmur/state.h"
#include "murmur/state_store.h"
#include "murmur/versions.h"

namespace murmur {

// `share` (0 to 1) of the data's part of the definition's memory limit.
uint64_t MemoryShare(const Definition& definition, double share);
// `memory`: the part of the definition's memory limit that the store may use.
Result<std::unique_ptr<StateStore>> OpenStore(const Definition& definition, Access access,
                                              double memory = 1);
StateSchema SchemaOf(const Pipeline& pipeline);

// Errors: kNotFound (there is no state yet; says what to run).
Result<std::unique_ptr<StateStore>> OpenStateForReading(const Definition& definition);

// Checks that records may be counted into a version. A version of older rules (kRulesNumber) is
// refused: what old rules added can't be subtracted by new ones.
// Errors: kFailedPrecondition, with the remedy.
Status CheckRules(const VersionInfo& info);
// Checks that the version counts what the definition says. Errors: kFailedPrecondition (names the
// differences).
Status CheckIdentity(const Definition& definition, const VersionInfo& info);

struct OpenedVersion {
  VersionInfo info;
  std::shared_ptr<const Pipeline> pipeline;  // of the version's own definition
  std::unique_ptr<StateTable> table;
};
// Opens a version as `definition` says how; what counts comes from the version. Errors: kNotFound
// (dropped); those of StateStore::OpenVersion.
Result<OpenedVersion> OpenVersion(const Definition& definition, const StateStore& store,
                                  uint64_t number, Access access);

// Checks the definition's `keep` before a version is opened for writing, which expires windows.
// Errors: kFailedPrecondition (the version is kept by cuts).
Status CheckKeep(const Pipeline& pipeline, const StateStore& store, uint64_t number);

// Whether a version is one of StateStore::LetGo.
Result<bool> HasLetGo(const StateStore& store, uint64_t number);
// Errors: kFailedPrecondition (it is).
Status CheckLogIsHeld(const StateStore& store, uint64_t number);

// StateStore::DropVersion; then ends the version's hold of the log, if it has one. Errors: those of
// both; if the hold could not be ended, names it, and who ends it.
Status DropVersion(const Definition& definition, StateStore* store, uint64_t number);

// Drops the oldest complete versions that have served, beyond those that the definition keeps,
// except versions in use. Adds what it dropped, and what it could not, to the swap's summary.
void DropOldVersions(const Definition& definition, StateStore* store, SwapSummary* summary);

}  // namespace murmur
