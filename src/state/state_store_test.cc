// Every StateStore under the contract.
#include "murmur/testing/state_store_contract.h"
#include "state/memory/memory_state_store.h"
#include "state/rocksdb/rocksdb_store.h"
#include "testing/temporary_folder.h"

namespace murmur {
namespace {

class MemoryHarness final : public StateStoreHarness {
 public:
  Result<std::shared_ptr<StateStore>> Open() override {
    return std::shared_ptr<StateStore>(store_);
  }

 private:
  const std::shared_ptr<MemoryStateStore> store_ = std::make_shared<MemoryStateStore>();
};

INSTANTIATE_TEST_SUITE_P(Memory, StateStoreContract,
                         testing::Values(StateStoreCase{
                             "memory", [] { return std::make_unique<MemoryHarness>(); }}));

class RocksDbHarness final : public StateStoreHarness {
 public:
  Result<std::shared_ptr<StateStore>> Open() override {
    MURMUR_ASSIGN(auto store, RocksDbStore::Open(folder_.path() + "/state", Access::kWrite));
    return std::shared_ptr<StateStore>(std::move(store));
  }

 private:
  TemporaryFolder folder_;
};

INSTANTIATE_TEST_SUITE_P(RocksDb, StateStoreContract,
                         testing::Values(StateStoreCase{
                             "rocksdb", [] { return std::make_unique<RocksDbHarness>(); }}));

}  // namespace
}  // namespace murmur
