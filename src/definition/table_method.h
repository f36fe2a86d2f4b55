// Which method keeps a table's state exact, by the definition alone (docs/tables.md).
#pragma once

#include <string>

#include "murmur/definition.h"

namespace murmur {

// Why the definition needs a ledger of rows; empty: it does not.
std::string WhyNotCut(const Definition& definition);

}  // namespace murmur
