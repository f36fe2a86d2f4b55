// The changes of a table of DynamoDB, from its stream.
#pragma once

#include <memory>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "source/shards/shard_reader.h"

namespace murmur {

struct DynamoLiveOptions {
  uint64_t row_bytes_max = UINT64_MAX;
  ShardPace pace = {};
};

Result<std::unique_ptr<LiveSource>> MakeDynamoLive(const Definition& definition);
Result<std::unique_ptr<LiveSource>> MakeDynamoLive(const Definition& definition,
                                                   const DynamoLiveOptions& options);

}  // namespace murmur
