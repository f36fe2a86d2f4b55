// The changes of a table of MariaDB, from its binary log.
#pragma once

#include <memory>

#include "murmur/definition.h"
#include "murmur/source.h"

namespace murmur {

Result<std::unique_ptr<LiveSource>> MakeMariaLive(const Definition& definition);

}  // namespace murmur
