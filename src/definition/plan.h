// Describes what a definition will do, for people: `murmur check`.
#pragma once

#include <cstdint>
#include <string>

#include "murmur/definition.h"

namespace murmur {

// Several lines of text. Reads no data; shows secrets only as references. `now`: µs since the Unix
// epoch, for examples of its windows. REQUIRES: Validate(definition) is OK.
std::string DescribePlan(const Definition& definition, int64_t now);

}  // namespace murmur
