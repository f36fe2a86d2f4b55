// What a version's definition counts, as it is stored in the version: readers and later runs of
// that version use it, whatever the file says by then. JSON text.
#pragma once

#include <string>
#include <string_view>

#include "murmur/definition.h"
#include "murmur/status.h"

namespace murmur {

// Keys, id, time, window, where and aggregates; no sources, so no secrets.
std::string StoreDefinition(const Definition& definition);

// `now` with that part replaced by what was stored. Errors: kDataLoss.

Result<Definition> RestoreDefinition(const Definition& now, std::string_view stored);

}  // namespace murmur
