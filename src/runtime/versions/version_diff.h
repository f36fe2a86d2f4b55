// How the results of two versions differ.
#pragma once

#include "murmur/query.h"
#include "murmur/status.h"
#include "runtime/versions/state_access.h"

namespace murmur {

// Writes totals, then the `top` keys that differ most. Aggregates are compared by name; those of
// only one version are left out. Memory: `top` rows and a page of each version. Errors:
// kFailedPrecondition (other keys or windows), kDataLoss.
Status WriteDiff(const OpenedVersion& before, const OpenedVersion& after, uint64_t top, bool json,
                 const WriteText& write);

}  // namespace murmur
