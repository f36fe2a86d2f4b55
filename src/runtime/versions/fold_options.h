// How a run folds, as its definition and its caller's options say.
#pragma once

#include <chrono>
#include <cstdint>

#include "murmur/definition.h"
#include "murmur/run.h"
#include "runtime/loop/fold_worker.h"

namespace murmur {

// What differs between kinds of runs, where neither definition nor options say otherwise.
struct FoldDefaults {
  double delta_share = 0;  // of the memory limit, for deltas that are not committed yet
  std::chrono::milliseconds commit_every{1000};
  uint64_t max_errors = 0;
};

FoldOptions FoldOptionsOf(const Definition& definition, const RunOptions& run,
                          const FoldDefaults& defaults);

}  // namespace murmur
