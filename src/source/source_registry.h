// The kinds of snapshot sources that a definition can name.
#pragma once

#include <memory>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/status.h"

namespace murmur {

// The source that `bootstrap:` names.
// Errors: kInvalidArgument (no bootstrap, an unknown kind, an option), and what the kind's own
// says.
Result<std::unique_ptr<SnapshotSource>> MakeSnapshotSource(const Definition& definition);

}  // namespace murmur
