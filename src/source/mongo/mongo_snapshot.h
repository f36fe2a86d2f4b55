// The rows of a MongoDB collection: `mongo: {uri: …, database: …, collection: …}`. Each stretch of
// the collection is read at a cluster time of its own, none before the hand-off.
#pragma once

#include <cstdint>
#include <memory>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/status.h"

namespace murmur {

struct MongoSnapshotOptions {
  uint64_t split_rows = 50'000;  // about; few enough to be read before their snapshot is too old
};

// Of what `source:` says. Errors: kInvalidArgument (an option), kNotFound (an environment
// variable).
Result<std::unique_ptr<SnapshotSource>> MakeMongoSnapshot(const Definition& definition);
Result<std::unique_ptr<SnapshotSource>> MakeMongoSnapshot(const Definition& definition,
                                                          const MongoSnapshotOptions& options);

}  // namespace murmur
