// The changes of a MongoDB collection, for ever: `mongo: {uri: …, database: …, collection: …}`.
#pragma once

#include <memory>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/status.h"

namespace murmur {

// Of what `source:` says. Errors: kInvalidArgument (an option), kNotFound (an environment
// variable).
Result<std::unique_ptr<LiveSource>> MakeMongoLive(const Definition& definition);

}  // namespace murmur
