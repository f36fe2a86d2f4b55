// What a process that writes a pipeline's state lets the servers in it read: the version that it
// has open now, from one swap to the next.
// Threads: any; a publication belongs to one thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "murmur/status.h"
#include "runtime/owner/read_service.h"

namespace murmur {

class ServedState {
  struct Lease;

 public:
  // The version's status as JSON text.
  using StatusText = std::function<Result<std::string>()>;

  // As long as it lives, the version may be read. Its end waits for the calls that read it, and
  // after a grace asks them to end.
  class Publication {
   public:
    Publication(ServedState* state, std::shared_ptr<Lease> lease);
    ~Publication();
    Publication(const Publication&) = delete;
    Publication& operator=(const Publication&) = delete;

   private:
    ServedState& state_;
    std::shared_ptr<Lease> lease_;
  };

  // In the place of the version that was published before. `table`, `rows` (may be null) and what
  // `status` uses outlive the publication.
  std::unique_ptr<Publication> Publish(std::shared_ptr<const Pipeline> pipeline,
                                       const StateTable* table, RowMap* rows, StatusText status);

  // Errors: kUnavailable (there is no version now).
  Result<ServedVersion> Current() const;
  // Errors also: those of `status`.
  Result<std::string> Status() const;

 private:
  Result<std::shared_ptr<Lease>> Leased() const;

  mutable std::mutex mutex_;
  std::weak_ptr<Lease> current_;  // under mutex_
};

}  // namespace murmur
