// A scan that begins again: what was counted is removed, and its splits are unread.
#pragma once

#include <vector>

#include "murmur/state.h"
#include "murmur/status.h"

namespace murmur {

// For a commit with `clear`: moves each split of the version's scan that was read back to its
// start.
Result<std::vector<SplitMove>> MovesToScanAnew(const StateTable& table);

}  // namespace murmur
