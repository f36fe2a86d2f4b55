// The changes of a MongoDB collection, for ever: `mongo: {uri: …, database: …, collection: …}`.
#pragma once

#include <memory>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/status.h"

namespace murmur {

// Of what `source:`, `bootstrap:` or `live:` says; with the last no scan goes before, and changes
// begin at its `start: now`, or a time that the oplog reaches back to. Errors: kInvalidArgument (an
// option), kNotFound (an environment variable).
Result<std::unique_ptr<LiveSource>> MakeMongoLive(const Definition& definition);

}  // namespace murmur
