// The versions of a pipeline's state: which exist, which one serves, how two of them differ.
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
  bool in_use = false;      // a process writes it
  bool log_let_go = false;  // StateStore::LetGo: it can't serve again
  uint64_t records = 0;
  uint64_t dead_letters = 0;
  uint64_t splits_done = 0;
  uint64_t splits_total = 0;
  int64_t newest_time = INT64_MIN;  // µs
  std::string damaged;              // what is known to be damaged in it; empty: nothing
};

// Ascending by number. Errors: kNotFound (no state yet).
Result<std::vector<VersionRow>> ListVersions(const Definition& definition);

struct SwapSummary {
  uint64_t serving = 0;
  std::optional<uint64_t> replaced;  // empty: none served before, or the same one
  std::vector<uint64_t> dropped;     // versions beyond those that are kept
  // What failed after the swap, which stands: old versions that could not be dropped, and why.
  std::vector<std::string> warnings;
};

// Makes version `number` the one that readers see, in one atomic step, and drops the oldest served
// versions beyond Definition::keep_versions. If a process follows a live source for the serving
// version, that process does it once version `number` has caught up; this call waits for it.
// Errors: kNotFound, kFailedPrecondition (not complete, or not of that live source), and whatever
// stopped the catching up; nothing has changed then.
Result<SwapSummary> SwapVersion(const Definition& definition, uint64_t number);
// Swaps to the version that served before; a second call swaps forward again.
// Errors: kNotFound (that version no longer exists), and those of SwapVersion.
Result<SwapSummary> RollBack(const Definition& definition);
// Drops the version and frees its space.
// Errors: kNotFound, kFailedPrecondition (it serves, or is in use).
Status DropVersion(const Definition& definition, uint64_t number);

// Where versions `a` and `b` differ: totals first, then the `top` keys whose values differ most, as
// text for people or as one JSON object. Aggregates are matched by name.
// Errors: kNotFound, kFailedPrecondition (different keys or windows).
Status DiffVersions(const Definition& definition, uint64_t a, uint64_t b, uint64_t top, bool json,
                    const WriteText& write);

}  // namespace murmur
