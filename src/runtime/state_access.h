// How the verbs reach a definition's state: paths, options, and a version opened with the
// definition that it was built with.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "fold/pipeline.h"
#include "murmur/definition.h"
#include "murmur/state.h"
#include "murmur/versions.h"
#include "state/state_directory.h"

namespace murmur {

// `share` (0 to 1) of what the definition's memory limit leaves to data.
uint64_t MemoryShare(const Definition& definition, double share);
std::string StatePath(const Definition& definition);
StateOptions StoreOptions(const Definition& definition);
StateSchema SchemaOf(const Pipeline& pipeline);

// Errors: kNotFound: there is no state yet; says what to run.
Result<std::unique_ptr<StateDirectory>> OpenStateForReading(const Definition& definition);

// Whether records may be counted into a version: not where it counts by older rules (kRulesNumber),
// as what was added by those can't be taken back by these.
// Errors: kFailedPrecondition, with the remedy.
Status CheckRules(const VersionInfo& info);

struct OpenedVersion {
  VersionInfo info;
  std::shared_ptr<const Pipeline> pipeline;  // of the version's own definition
  std::unique_ptr<StateTable> table;
};
// `definition` says how; what counts is taken from the version. Errors: kNotFound (dropped); those
// of StateDirectory::OpenVersion.
Result<OpenedVersion> OpenVersion(const Definition& definition, const StateDirectory& directory,
                                  uint64_t number, Access access);

// To be asked before a version is opened for writing, which makes windows expire: does it allow the
// definition's `keep`? Errors: kFailedPrecondition (it is kept by cuts).
Status CheckKeep(const Pipeline& pipeline, const StateDirectory& directory, uint64_t number);

// Drops the oldest complete versions that served, beyond those that the definition keeps; one that
// is in use stays. Adds what it dropped, and what it could not, to the summary of the swap.
void DropOldVersions(const Definition& definition, StateDirectory* directory, SwapSummary* summary);

}  // namespace murmur
