// The rows of a table of MariaDB.
#pragma once

#include <memory>

#include "murmur/definition.h"
#include "murmur/source.h"

namespace murmur {

struct MariaSnapshotOptions {
  uint64_t split_rows = 50'000;
  uint64_t row_bytes_max = UINT64_MAX;
};

Result<std::unique_ptr<SnapshotSource>> MakeMariaSnapshot(const Definition& definition);
Result<std::unique_ptr<SnapshotSource>> MakeMariaSnapshot(const Definition& definition,
                                                          const MariaSnapshotOptions& options);

}  // namespace murmur
