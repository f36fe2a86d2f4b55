// A scratch table in a folder of its own.
#pragma once

#include <memory>
#include <string>

#include "murmur/state_store.h"
#include "murmur/status.h"
#include "state/rocksdb/rocksdb_store.h"

namespace murmur {

// `path`: nothing else may be there. What an earlier one left is removed. Errors:
// kFailedPrecondition (another process has one there), those of RocksDbStore.
Result<std::unique_ptr<ScratchTable>> MakeRocksDbScratch(const std::string& path,
                                                         const RocksDbStoreOptions& options,
                                                         const StateSchema& schema);

}  // namespace murmur
