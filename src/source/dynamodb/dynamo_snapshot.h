// The rows of a table of DynamoDB.
#pragma once

#include <cstdint>
#include <memory>

#include "murmur/definition.h"
#include "murmur/source.h"

namespace murmur {

struct DynamoSnapshotOptions {
  uint64_t row_bytes_max = UINT64_MAX;
  uint32_t segments_min = 8;
  uint32_t page_rows = 0;  // as DynamoScanOptions
};

Result<std::unique_ptr<SnapshotSource>> MakeDynamoSnapshot(const Definition& definition);
Result<std::unique_ptr<SnapshotSource>> MakeDynamoSnapshot(const Definition& definition,
                                                           const DynamoSnapshotOptions& options);

}  // namespace murmur
