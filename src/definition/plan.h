// What a definition will do, for people: `murmur check`.
#pragma once

#include <string>

#include "murmur/definition.h"

namespace murmur {

// Several lines of text; reads no data, holds no secret but the references to them.
// REQUIRES: Validate(definition) is OK.
std::string DescribePlan(const Definition& definition);

}  // namespace murmur
