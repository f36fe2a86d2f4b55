// The StateStore in a directory of this machine: a RocksDB for each version.
//
//   <state>/v1/ v2/ …          one version each: a RocksDB that carries its definition, its values,
//                              its positions and its dead letters; v1/staging, v1/writer
//   <state>/current            the alias: a version number as text, and below it those that it
//                              named before, the last one first; then when those retired, as
//                              "retired 1 1789000000000000", and which of these let go of their
//                              log, as "let-go 1"; replaced by rename
//   <state>/dead-letters.jsonl the dead letters of the current version, as JSON lines
//                              (dead-letters-v2.jsonl for a version that is not current)
//   <state>/id                 Id, as text
//   <state>/last-version       the highest number that a version ever had: none is given twice
//   <state>/lock               held while versions are made, dropped or switched
//   <state>/verify/            a scratch table
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "murmur/registry.h"
#include "murmur/state_store.h"
#include "state/rocksdb/database.h"

namespace murmur {

struct RocksDbTableOptions;

struct RocksDbStoreOptions {
  RocksDbResources resources = {};
  // Makes the names in a folder durable; empty: fsync. Tests let it fail.
  std::function<Status(const std::string& folder)> sync_folder = {};
  const Clock* clock = &Clock::System();  // outlives the store
};

class RocksDbStore final : public StateStore {
 public:
  // kWrite makes the directory if there is none. Errors: kNotFound (kRead, no directory).
  static Result<std::unique_ptr<RocksDbStore>> Open(std::string path, Access access,
                                                    RocksDbStoreOptions options = {});

  const std::string& Name() const noexcept override { return path_; }
  Result<std::string> Id() const override;
  std::string VersionPath(uint64_t number) const;  // its folder

  Result<std::vector<uint64_t>> Versions() const override;
  Result<std::optional<uint64_t>> Current() const override;
  Result<std::optional<uint64_t>> SettledCurrent() const override;
  Result<std::vector<uint64_t>> Served() const override;
  Result<std::optional<int64_t>> RetiredAt(uint64_t number) const override;
  Result<std::vector<uint64_t>> LetGo() const override;
  Status LetGoOfLog(uint64_t number) override;
  Status SetCurrent(uint64_t number, bool beside_writer = true,
                    Status* undurable = nullptr) override;
  Result<VersionInfo> ReadInfo(uint64_t number) const override;
  Result<std::unique_ptr<StateTable>> CreateVersion(VersionInfo info,
                                                    const StateSchema& schema) override;
  Result<std::unique_ptr<StateTable>> OpenVersion(uint64_t number, Access access,
                                                  const SchemaFor& schema_for) const override;
  Status DropVersion(uint64_t number) override;
  bool HasOwner(uint64_t number) const override;
  std::string OwnerAddress(uint64_t number) const override;
  Result<std::unique_ptr<ScratchTable>> MakeScratch(const StateSchema& schema) override;

 private:
  RocksDbStore(std::string path, Access access, RocksDbStoreOptions options)
      : path_(std::move(path)), access_(access), options_(std::move(options)) {}
  struct Alias {
    std::vector<uint64_t> numbers;             // that it names and named, the last one first
    std::map<uint64_t, int64_t> retired = {};  // µs since the Unix epoch
    std::set<uint64_t> let_go = {};
  };
  Result<Alias> ReadAlias() const;
  static bool ParseAliasLine(std::string_view line, Alias* alias);
  Status WriteAlias(const Alias& alias) const;
  bool Exists(uint64_t number) const;
  Result<uint64_t> ReadLastNumber() const;
  Result<uint64_t> LastNumber() const;
  Status StoreLastNumber(uint64_t number) const;
  Status MakeId() const;
  std::string CreatingPath(uint64_t number) const;
  Status RemoveLeftovers() const;
  RocksDbTableOptions TableOptions(uint64_t number, Access access) const;
  Status SyncFolder() const;
  std::string DeadLetterPath(uint64_t number, std::optional<uint64_t> current) const;

  const std::string path_;
  const Access access_;
  const RocksDbStoreOptions options_;
};

// The kind `rocksdb`. Errors: as RocksDbStore::Open.
Result<std::unique_ptr<StateStore>> OpenRocksDbStore(const StateStoreRequest& request);

}  // namespace murmur
