// The time zones that a definition names, and the buckets of its windows.
#pragma once

#include <string>
#include <string_view>

#include "base/zone.h"
#include "murmur/definition.h"
#include "murmur/status.h"
#include "murmur/window.h"

namespace murmur {

// Why the name of a zone is wrong, with did-you-mean; empty: the system has it.
std::string WhyNoZone(std::string_view name);

// The zones of its window and expressions, by the rules that the definition holds, else by the
// system's. REQUIRES: Validate(definition) is OK. Errors: those of SystemZone.
Result<ZoneMap> ZonesOf(const Definition& definition);

// REQUIRES: zones has the window's zone
BucketRule BucketsOf(const Definition& definition, const ZoneMap& zones);

}  // namespace murmur
