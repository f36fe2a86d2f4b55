// The rows of a MongoDB collection: `mongo: {uri: …, database: …, collection: …}`. The collection
// is read in parts, each at its own cluster time, none earlier than the handoff.
#pragma once

#include <cstdint>
#include <memory>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/status.h"
#include "source/mongo/mongo_pace.h"

namespace murmur {

struct MongoSnapshotOptions {
  MongoSplitSize split = {};
  MongoPaceLimits pace = {};
  uint64_t row_bytes_max = UINT64_MAX;
};

// From `source:`. Errors: kInvalidArgument (an option), kNotFound (an environment variable).
Result<std::unique_ptr<SnapshotSource>> MakeMongoSnapshot(const Definition& definition);
Result<std::unique_ptr<SnapshotSource>> MakeMongoSnapshot(const Definition& definition,
                                                          const MongoSnapshotOptions& options);

}  // namespace murmur
