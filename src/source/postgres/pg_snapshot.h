// The rows of a table of PostgreSQL.
#pragma once

#include <memory>

#include "murmur/definition.h"
#include "murmur/source.h"

namespace murmur {

struct PgSnapshotOptions {
  uint64_t split_rows = 50'000;
  uint64_t row_bytes_max = UINT64_MAX;
};

Result<std::unique_ptr<SnapshotSource>> MakePgSnapshot(const Definition& definition);
Result<std::unique_ptr<SnapshotSource>> MakePgSnapshot(const Definition& definition,
                                                       const PgSnapshotOptions& options);

}  // namespace murmur
