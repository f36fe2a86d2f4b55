// The versions of a pipeline's state: what there is, which one serves, how two of them differ.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "murmur/definition.h"
#include "murmur/query.h"
#include "murmur/state.h"
#include "murmur/status.h"

namespace murmur {

struct VersionRow {
  VersionInfo info;
  bool serving = false;
  bool in_use = false;  // a process writes it
  uint64_t records = 0;
  uint64_t dead_letters = 0;
  uint64_t splits_done = 0;
  uint64_t splits_total = 0;
  int64_t newest_time = INT64_MIN;  // µs
  std::string damaged;              // what is damaged of it, as far as is known; empty: nothing
};

// Ascending by number. Errors: kNotFound (no state yet).
Result<std::vector<VersionRow>> ListVersions(const Definition& definition);

struct SwapSummary {
  uint64_t serving = 0;
  std::optional<uint64_t> replaced;  // empty: there was none, or it is the same
  std::vector<uint64_t> dropped;     // versions beyond those that are kept
  // What failed behind the swap, which stands: old versions that could not be dropped, and why.
  std::vector<std::string> warnings;
};

// Makes version `number` the one that readers see, in one atomic step, and drops the oldest served
// versions beyond Definition::keep_versions. Where a process follows a live source for the serving
// version, that one does it, once version `number` has caught up; waits for it.
// Errors: kNotFound, kFailedPrecondition (it is not complete, or not of that live source), and what
// stopped the catching up, then nothing has changed.
Result<SwapSummary> SwapVersion(const Definition& definition, uint64_t number);
// SwapVersion to the one that served before; called twice, it goes forward again. Errors: kNotFound
// (there is none any more), and those of SwapVersion.
Result<SwapSummary> RollBack(const Definition& definition);
// Gives the version's space back. Errors: kNotFound, kFailedPrecondition (it serves, or is in use).
Status DropVersion(const Definition& definition, uint64_t number);

// Where versions `a` and `b` differ: totals first, then the `top` keys whose values differ most,
// as text for people or as one JSON object.
// Aggregates are matched by name.
// Errors: kNotFound, kFailedPrecondition (their keys or windows are not the same).
Status DiffVersions(const Definition& definition, uint64_t a, uint64_t b, uint64_t top, bool json,
                    const WriteText& write);

}  // namespace murmur
