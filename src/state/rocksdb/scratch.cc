#include "state/rocksdb/scratch.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "state/rocksdb/writer_lock.h"

namespace murmur {
namespace {

class RocksDbScratch final : public ScratchTable {
 public:
  RocksDbScratch(std::string path, WriterLock lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  ~RocksDbScratch() override {
    if (table_) (void)table_->Close();
    table_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Status Make(const RocksDbStoreOptions& options, const StateSchema& schema) {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
    if (error) return SystemError(error.value(), "removing", path_);
    MURMUR_ASSIGN(const auto store, RocksDbStore::Open(path_, Access::kWrite, options));
    MURMUR_ASSIGN(table_, store->CreateVersion({}, schema));
    return {};
  }

  StateTable* table() const noexcept override { return table_.get(); }

 private:
  const std::string path_;
  const WriterLock lock_;
  std::unique_ptr<StateTable> table_;
};

}  // namespace

Result<std::unique_ptr<ScratchTable>> MakeRocksDbScratch(const std::string& path,
                                                         const RocksDbStoreOptions& options,
                                                         const StateSchema& schema) {
  MURMUR_ASSIGN(WriterLock lock, WriterLock::Acquire(path + ".lock", path));
  auto scratch = std::make_unique<RocksDbScratch>(path, std::move(lock));
  MURMUR_TRY(scratch->Make(options, schema));
  return std::unique_ptr<ScratchTable>(std::move(scratch));
}

}  // namespace murmur
