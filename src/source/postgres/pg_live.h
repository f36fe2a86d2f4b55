// The changes of a table of PostgreSQL, through a replication slot.
#pragma once

#include <memory>

#include "murmur/definition.h"
#include "murmur/source.h"

namespace murmur {

Result<std::unique_ptr<LiveSource>> MakePgLive(const Definition& definition);

}  // namespace murmur
