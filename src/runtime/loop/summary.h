// What a run reports about its version.
#pragma once

#include "murmur/run.h"
#include "murmur/state.h"
#include "murmur/status.h"

namespace murmur {

// Fills in what the table knows: the counters of all runs, and how exact it is.
Status FillSummary(const StateTable& table, RunSummary* summary);

}  // namespace murmur
