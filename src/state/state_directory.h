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
// A version that exists has its description stored. One writer at a time holds a version; readers
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
  // How the names in a folder are made durable; empty: fsync. Tests let it fail.
  std::function<Status(const std::string& folder)> sync_folder = {};
};

enum class Access { kRead, kWrite };

class StateDirectory {
 public:
  // kWrite makes the directory where there is none. Errors: kNotFound (kRead, no directory).
  static Result<std::unique_ptr<StateDirectory>> Open(std::string path, Access access,
                                                      StateOptions options = {});

  const std::string& path() const noexcept { return path_; }
  // A version's folder, where its writer also listens.
  std::string VersionPath(uint64_t number) const;

  // The numbers of all versions, ascending.
  Result<std::vector<uint64_t>> Versions() const;

  // The alias. Empty: never set.
  Result<std::optional<uint64_t>> Current() const;
  // The versions that were current, the present one first; dropped ones are left out.
  Result<std::vector<uint64_t>> Served() const;
  // The same, once a switch that is under way is done.
  Result<std::optional<uint64_t>> SettledCurrent() const;
  // OK: readers see `number` from now on; *undurable says why a loss of power may take that back,
  // where it may. Errors, after which the alias is what it was: kNotFound (no such version); where
  // it may not happen `beside_writer`, kFailedPrecondition (the version that is current is open for
  // writing).
  Status SetCurrent(uint64_t number, bool beside_writer = true, Status* undurable = nullptr);

  // What a version says of itself; a writer may hold it. Errors: kNotFound, kDataLoss.
  Result<VersionInfo> ReadInfo(uint64_t number) const;

  // A new version under a number that none ever had, open for writing. info.number and info.monoids
  // are filled in. Crashed or failed, it leaves no version behind.
  Result<std::unique_ptr<StateTable>> CreateVersion(VersionInfo info, const StateSchema& schema);

  // Errors: kNotFound; kFailedPrecondition: other monoids or windows, or (kWrite) "in use by pid
  // 4711 (murmur run page_views.yaml)".
  Result<std::unique_ptr<StateTable>> OpenVersion(uint64_t number, Access access,
                                                  const StateSchema& schema) const;

  // Errors: kNotFound, kFailedPrecondition (it is current, or in use); others, where the version is
  // gone and its space is not free yet, say so.
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
