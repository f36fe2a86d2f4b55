// A StateStore in memory: the fake for fast tests, and the model for stores that can't keep a
// second owner out: who opens a version for writing takes it over.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "murmur/state_store.h"
#include "state/memory/memory_table.h"
#include "state/store_id.h"

namespace murmur {

class MemoryStateStore final : public StateStore {
 public:
  // `clock` outlives it.
  explicit MemoryStateStore(const Clock* clock = &Clock::System()) : clock_(*clock) {}

  const std::string& Name() const noexcept override { return name_; }
  Result<std::string> Id() const override { return id_; }
  Result<std::vector<uint64_t>> Versions() const override;
  Result<std::optional<uint64_t>> Current() const override;
  Result<std::optional<uint64_t>> SettledCurrent() const override { return Current(); }
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
  std::string OwnerAddress(uint64_t /*number*/) const override { return "none"; }
  Result<std::unique_ptr<ScratchTable>> MakeScratch(const StateSchema& schema) override;

 private:
  Result<std::shared_ptr<MemoryStore>> Find(uint64_t number) const;

  const Clock& clock_;
  const std::string name_ = "memory";
  const std::string id_ = NewStoreId();
  mutable std::mutex mutex_;  // guards the members below
  std::map<uint64_t, std::shared_ptr<MemoryStore>> versions_;
  std::vector<uint64_t> served_;         // the current one first
  std::map<uint64_t, int64_t> retired_;  // of those that served
  std::set<uint64_t> let_go_;            // of those that served
  uint64_t last_number_ = 0;
};

}  // namespace murmur
