// A pipeline's state on disk: a directory of versions, and the alias that names the one that
// readers see.
//
//   <state>/v1/ v2/ …          one version each: a RocksDB that carries its definition, its values,
//                              its positions and its dead letters; v1/staging, v1/writer
//   <state>/current            the alias: a version number as text, and below it those that it
//                              named before, the last one first; replaced by rename
//   <state>/dead-letters.jsonl the dead letters of the current version, as JSON lines
//                              (dead-letters-v2.jsonl for a version that is not current)
//   <state>/last-version       the highest number that a version ever had: none is given twice
//   <state>/lock               held while versions are made, dropped or switched
//
// A version that exists has its description stored. A version has one writer at a time; readers
// open it beside the writer, and see what was committed when they opened it.
// Threads: every method may be called at once. Several processes may use one directory.
// Errors: kPermissionDenied, kResourceExhausted (disk full), kUnavailable: with path and remedy.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "murmur/state.h"
#include "state/state_schema.h"

namespace murmur {

struct StateOptions {
  uint64_t cache_bytes = 64ull << 20;         // blocks, indexes and filters
  uint64_t write_buffer_bytes = 16ull << 20;  // for small commits
  int background_threads = 2;                 // compaction
  // Makes the names in a folder durable; empty: fsync. Tests let it fail.
  std::function<Status(const std::string& folder)> sync_folder = {};
};

enum class Access { kRead, kWrite };

class StateDirectory {
 public:
  // kWrite makes the directory if there is none. Errors: kNotFound (kRead, no directory).
  static Result<std::unique_ptr<StateDirectory>> Open(std::string path, Access access,
                                                      StateOptions options = {});

  const std::string& path() const noexcept { return path_; }
  // A version's folder, in which its writer also listens.
  std::string VersionPath(uint64_t number) const;

  // The numbers of all versions, ascending.
  Result<std::vector<uint64_t>> Versions() const;

  // The alias. Empty: never set.
  Result<std::optional<uint64_t>> Current() const;
  // The versions that were current, the present one first; without dropped ones.
  Result<std::vector<uint64_t>> Served() const;
  // As Current, after any switch under way is done.
  Result<std::optional<uint64_t>> SettledCurrent() const;
  // OK: readers see `number` from now on; *undurable says why a loss of power may undo that, if it
  // may. On error the alias is unchanged: kNotFound (no such version); without `beside_writer`,
  // kFailedPrecondition (the current version is open for writing).
  Status SetCurrent(uint64_t number, bool beside_writer = true, Status* undurable = nullptr);

  // What a version stores about itself; a writer may hold it. Errors: kNotFound, kDataLoss.
  Result<VersionInfo> ReadInfo(uint64_t number) const;

  // A new version under an unused number, open for writing. Fills in info.number and info.monoids.
  // If it crashes or fails, no version remains.
  Result<std::unique_ptr<StateTable>> CreateVersion(VersionInfo info, const StateSchema& schema);

  // Errors: kNotFound; kFailedPrecondition: other monoids or windows, or (kWrite) "in use by pid
  // 4711 (murmur run page_views.yaml)".
  Result<std::unique_ptr<StateTable>> OpenVersion(uint64_t number, Access access,
                                                  const StateSchema& schema) const;

  // Errors: kNotFound, kFailedPrecondition (it is current, or in use). Other errors say that the
  // version is gone but its space is not free yet.
  Status DropVersion(uint64_t number);

 private:
  StateDirectory(std::string path, StateOptions options)
      : path_(std::move(path)), options_(options) {}
  Result<std::vector<uint64_t>> ReadAlias() const;
  Result<uint64_t> ReadLastNumber() const;
  Result<uint64_t> LastNumber() const;
  Status StoreLastNumber(uint64_t number) const;
  Status SyncFolder() const;
  std::string DeadLetterPath(uint64_t number, std::optional<uint64_t> current) const;

  std::string path_;
  StateOptions options_;
};

}  // namespace murmur
