// Reads the serving version of a state from its files, beside whoever writes it. Keeps the version
// open from one question to the next: opening reads its whole log.
#pragma once

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
  // Both outlive the reader.
  StateReader(const Definition* definition, const StateStore* store)
      : definition_(*definition), store_(*store) {}

  // The version that the alias names now, with everything committed to it until now: never less
  // than an earlier call gave. It stays open, and as it is, while the caller holds a snapshot of
  // it. Errors: kUnavailable (no version yet), kNotFound (dropped just now: the alias has moved),
  // and those of OpenVersion.
  Result<ServedVersion> Serving();

 private:
  const Definition& definition_;
  const StateStore& store_;
  std::mutex mutex_;
  std::shared_ptr<OpenedVersion> open_;  // under mutex_; null: none
};

}  // namespace murmur
