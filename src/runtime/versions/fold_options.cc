#include "runtime/versions/fold_options.h"

#include "runtime/versions/state_access.h"

namespace murmur {

FoldOptions FoldOptionsOf(const Definition& definition, const RunOptions& run,
                          const FoldDefaults& defaults) {
  FoldOptions fold = {
      .threads = run.threads != 0 ? run.threads : ThreadsOf(definition),
      .delta_bytes = MemoryShare(definition, defaults.delta_share),
      .max_errors = run.max_errors.value_or(definition.max_errors.value_or(defaults.max_errors)),
      .commit_every = definition.commit_every.value_or(defaults.commit_every),
      .max_ahead = definition.max_ahead,
      .overlap_until = definition.overlap_until};
  // If none are allowed, the error reports the first one.
  if (run.on_note && fold.max_errors > 0) {
    fold.dead_news = std::make_shared<DeadNews>(run.on_note, StatePlace(definition));
  }
  return fold;
}

}  // namespace murmur
