// The changes of a MongoDB collection, without end: `mongo: {uri: …, database: …, collection: …}`.
#pragma once

#include <memory>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/status.h"

namespace murmur {

// From `source:`, `bootstrap:` or `live:`. With `live:` there is no scan before it, and changes
// begin at its `start`: `now`, or a time that the oplog reaches back to. Errors: kInvalidArgument
// (an option), kNotFound (an environment variable).
Result<std::unique_ptr<LiveSource>> MakeMongoLive(const Definition& definition);

}  // namespace murmur
