// All expressions of a definition.
#pragma once

#include <string>
#include <vector>

#include "murmur/definition.h"

namespace murmur {

// As written: `id`, `where`, the key's parts, the aggregates' arguments; an absent one is empty.
std::vector<std::string> ExpressionsOf(const Definition& definition);

}  // namespace murmur
