// Which version serves: moving the alias, by oneself or by the process that follows a live source.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "murmur/definition.h"
#include "murmur/status.h"
#include "murmur/versions.h"
#include "state/state_directory.h"

namespace murmur {

// Lets the alias name `number`, and drops what is not kept any more.
// Errors: kNotFound, kFailedPrecondition (it is not complete).
Result<SwapSummary> MoveAlias(const Definition& definition, StateDirectory* directory,
                              uint64_t number);

// The same, by the owner of the serving version where one follows a live source: it first lets
// version `number` catch up. Errors: as MoveAlias, and what the owner says.
Result<SwapSummary> SwitchTo(const Definition& definition, StateDirectory* directory,
                             uint64_t number);

std::string SwapSummaryToJson(const SwapSummary& summary);
Result<SwapSummary> SwapSummaryFromJson(std::string_view json);  // kInternal

}  // namespace murmur
