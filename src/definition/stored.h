// The counting part of a version's definition, as the version stores it in JSON. Readers and later
// runs of that version use it, even if the file has changed.
#pragma once

#include <string>
#include <string_view>

#include "murmur/definition.h"
#include "murmur/status.h"

namespace murmur {

// Keys, id, time, window, where and aggregates; no sources, so no secrets.
std::string StoreDefinition(const Definition& definition);

// `now` with that part replaced by the stored one. Errors: kDataLoss.

Result<Definition> RestoreDefinition(const Definition& now, std::string_view stored);

}  // namespace murmur
