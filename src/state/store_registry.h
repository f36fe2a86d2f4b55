// The state store that a definition names.
#pragma once

#include <memory>

#include "murmur/registry.h"
#include "murmur/state_store.h"
#include "murmur/status.h"

namespace murmur {

// Errors: kInvalidArgument (an unknown kind), and those of the kind itself.
Result<std::unique_ptr<StateStore>> OpenStateStore(const StateStoreRequest& request);

}  // namespace murmur
