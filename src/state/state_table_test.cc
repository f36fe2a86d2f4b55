// Every StateTable under the contract.
#include "murmur/testing/state_table_contract.h"
#include "state/memory/memory_table.h"
#include "state/rocksdb/rocksdb_table.h"
#include "testing/temporary_folder.h"

namespace murmur {
namespace {

class MemoryHarness final : public StateTableHarness {
 public:
  Status Create(const VersionInfo& info, const StateSchema& schema) override {
    store_ = MakeMemoryStore(info, schema);
    return Status();
  }
  Result<std::unique_ptr<StateTable>> Open(const StateSchema& schema) override {
    return OpenMemoryTable(store_, schema);
  }
  Result<std::unique_ptr<StateTable>> OpenReader(const StateSchema& schema) override {
    return OpenMemoryTable(store_, schema, Access::kRead);
  }

 private:
  std::shared_ptr<MemoryStore> store_;
};

INSTANTIATE_TEST_SUITE_P(Memory, StateTableContract,
                         testing::Values(StateTableCase{
                             "memory", [] { return std::make_unique<MemoryHarness>(); }}));

class RocksDbHarness final : public StateTableHarness {
 public:
  Status Create(const VersionInfo& info, const StateSchema& schema) override {
    return RocksDbTable::Create({.path = path_}, info, schema).status();
  }
  Result<std::unique_ptr<StateTable>> Open(const StateSchema& schema) override {
    MURMUR_ASSIGN(auto table, RocksDbTable::Open({.path = path_}, Always(schema)));
    return std::unique_ptr<StateTable>(std::move(table));
  }
  Result<std::unique_ptr<StateTable>> OpenReader(const StateSchema& schema) override {
    MURMUR_ASSIGN(auto table,
                  RocksDbTable::Open({.path = path_, .access = Access::kRead}, Always(schema)));
    return std::unique_ptr<StateTable>(std::move(table));
  }

 private:
  TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/v1";
};

INSTANTIATE_TEST_SUITE_P(RocksDb, StateTableContract,
                         testing::Values(StateTableCase{
                             "rocksdb", [] { return std::make_unique<RocksDbHarness>(); }}));

}  // namespace
}  // namespace murmur
