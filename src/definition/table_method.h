// Which method keeps a table's state exact, as far as the definition says (docs/tables.md).
#pragma once

#include <string>

#include "murmur/definition.h"

namespace murmur {

// Why what a definition counts can't be kept without a ledger of rows; empty: it can.
std::string WhyNotCut(const Definition& definition);

}  // namespace murmur
