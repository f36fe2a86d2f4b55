// Where the versions of one pipeline's state are kept, and the alias that names the one that
// readers see. A version is a StateTable (murmur/state.h). Contract suite:
// murmur/testing/state_store_contract.h. Threads: every method may be called at once. Several
// processes may use one store. Errors: kPermissionDenied, kResourceExhausted (disk full),
// kUnavailable: with place and remedy.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "murmur/monoid.h"
#include "murmur/state.h"
#include "murmur/status.h"
#include "murmur/window.h"

namespace murmur {

enum class Access { kRead, kWrite };

// How the values of a version combine, and which of its buckets count.
struct StateSchema {
  std::vector<const Monoid*> monoids;  // in the order of the values; must outlive the table
  BucketRule buckets;

  std::vector<std::string> MonoidNames() const {
    std::vector<std::string> names;
    for (const Monoid* monoid : monoids) names.emplace_back(monoid->Name());
    return names;
  }
};

// Gives the schema of the version that says this of itself. What it returns as an error, the call
// that it is passed to returns.
using SchemaFor = std::function<Result<StateSchema>(const VersionInfo& info)>;
inline SchemaFor Always(StateSchema schema) {
  return [schema = std::move(schema)](const VersionInfo&) { return schema; };
}

inline constexpr size_t kStoreIdBytes = 12;

// A state table for one process, which nobody else sees; it is removed with this object.
class ScratchTable {
 public:
  virtual ~ScratchTable() = default;
  virtual StateTable* table() const noexcept = 0;
};

// A version that exists has its description stored. A version has one writer at a time, its owner;
// readers open it beside the owner, and see what was committed when they opened it or refreshed it
// last.
class StateStore {
 public:
  StateStore() = default;
  StateStore(const StateStore&) = delete;
  StateStore& operator=(const StateStore&) = delete;
  virtual ~StateStore() = default;

  // The store's name in messages, such as its directory.
  virtual const std::string& Name() const noexcept = 0;

  // Tells the store from all others, for what it owns elsewhere: kStoreIdBytes of 0-9 and a-f, made
  // at random when it is first asked for of a store that is open for writing, never changed;
  // durable on return. Errors: kNotFound (open for reading, and there is none yet), kDataLoss.
  virtual Result<std::string> Id() const = 0;

  // The numbers of all versions, ascending.
  virtual Result<std::vector<uint64_t>> Versions() const = 0;

  // The alias. Empty: never set.
  virtual Result<std::optional<uint64_t>> Current() const = 0;
  // As Current, after any switch under way is done.
  virtual Result<std::optional<uint64_t>> SettledCurrent() const = 0;
  // The versions that were current, the present one first; without dropped ones.
  virtual Result<std::vector<uint64_t>> Served() const = 0;
  // When another version took over from this one, in µs since the Unix epoch: stored in the step
  // that moved the alias. Empty: it serves, or never did, or an earlier release moved the alias; of
  // that, the next SetCurrent stores its own time.
  virtual Result<std::optional<int64_t>> RetiredAt(uint64_t number) const = 0;
  // The versions whose hold of the log (VersionInfo::log_hold) is ended, or about to be: they never
  // serve again.
  virtual Result<std::vector<uint64_t>> LetGo() const = 0;
  // Adds one that served to these. Durable on return. Errors: kNotFound (it never served, or is
  // dropped), kFailedPrecondition (it serves).
  virtual Status LetGoOfLog(uint64_t number) = 0;
  // OK: readers see `number` from now on; *undurable says why a loss of power may undo that, if it
  // may. On error the alias is unchanged: kNotFound (no such version);
  // kFailedPrecondition (it has let go of its log; or, without `beside_writer`, the current version
  // has an owner).
  virtual Status SetCurrent(uint64_t number, bool beside_writer = true,
                            Status* undurable = nullptr) = 0;

  // What a version stores about itself; it may have an owner. Errors: kNotFound, kDataLoss.
  virtual Result<VersionInfo> ReadInfo(uint64_t number) const = 0;

  // A new version under a number that none ever had, open for writing. Fills in info.number and
  // info.monoids. If it crashes or fails, no version remains.
  virtual Result<std::unique_ptr<StateTable>> CreateVersion(VersionInfo info,
                                                            const StateSchema& schema) = 0;

  // Errors: kNotFound; kFailedPrecondition: other monoids or windows, or (kWrite) it has an owner:
  // "in use by pid 4711 (murmur run page_views.yaml)".
  virtual Result<std::unique_ptr<StateTable>> OpenVersion(uint64_t number, Access access,
                                                          const SchemaFor& schema_for) const = 0;

  // Errors: kNotFound, kFailedPrecondition (it is current, or has an owner). Other errors say that
  // the version is gone but its space is not free yet.
  virtual Status DropVersion(uint64_t number) = 0;

  // Whether the version has an owner. It may have another answer at once.
  virtual bool HasOwner(uint64_t number) const = 0;
  // Where the owner of a version listens for requests: "unix:" and the path of a socket, in a
  // folder that only the store's users may enter. Whoever is the owner may replace the socket.
  virtual std::string OwnerAddress(uint64_t number) const = 0;

  // Errors: kFailedPrecondition (another process has one).
  virtual Result<std::unique_ptr<ScratchTable>> MakeScratch(const StateSchema& schema) = 0;
};

}  // namespace murmur
