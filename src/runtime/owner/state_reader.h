// Reads the serving version of a state from its files, beside whoever writes it. Keeps the version
// open from one question to the next: opening reads its whole log.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>

#include "murmur/definition.h"
#include "murmur/state_store.h"
#include "murmur/status.h"
#include "runtime/owner/read_service.h"
#include "runtime/versions/state_access.h"

namespace murmur {

// Threads: every method may be called at once.
class StateReader {
 public:
  // Both outlive the reader. What it gives may be `old_max` old.
  StateReader(const Definition* definition, const StateStore* store,
              std::chrono::milliseconds old_max = {})
      : definition_(*definition), store_(*store), old_max_(old_max) {}

  // The version that the alias names, with everything committed to it, up to `old_max` ago: never
  // less than an earlier call gave. It stays open, and as it is, while the caller holds a snapshot
  // of it. Errors: kUnavailable (no version yet), kNotFound (dropped just now: the alias has
  // moved), and those of OpenVersion.
  Result<ServedVersion> Serving();

 private:
  ServedVersion Opened() const;  // REQUIRES: mutex_ is held, open_ != nullptr

  const Definition& definition_;
  const StateStore& store_;
  const std::chrono::milliseconds old_max_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point looked_;  // under mutex_; when it was new
  std::shared_ptr<OpenedVersion> open_;           // under mutex_; null: none
};

}  // namespace murmur
