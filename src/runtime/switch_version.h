// Which version serves: moving the alias, by oneself or by the process that follows a live source.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "murmur/definition.h"
#include "murmur/status.h"
#include "murmur/versions.h"
#include "state/state_directory.h"

namespace murmur {

// Lets the alias name `number`, and drops what is not kept any more; `beside_writer`: though a
// process writes the version that serves. Errors: as StateDirectory::SetCurrent.
Result<SwapSummary> MoveAlias(const Definition& definition, StateDirectory* directory,
                              uint64_t number, bool beside_writer);

// StateDirectory::SetCurrent; that the alias has moved and may not be durable is a warning.
Status SetCurrent(StateDirectory* directory, uint64_t number, bool beside_writer,
                  SwapSummary* summary);

// Asks the process that follows a live source for the serving version to swap in version `number`,
// which it first lets catch up; waits for the end of it. At once if it serves already. Nothing
// where there is no such process; `has_owner` says then whether another one answered for that
// version.
Result<std::optional<SwapSummary>> AskOwnerToSwap(const StateDirectory& directory, uint64_t number,
                                                  bool* has_owner = nullptr);

// MoveAlias, by that process where there is one. Errors: as MoveAlias, what the owner says, and
// kFailedPrecondition (it is not complete).
Result<SwapSummary> SwitchTo(const Definition& definition, StateDirectory* directory,
                             uint64_t number);

std::string SwapSummaryToJson(const SwapSummary& summary);
Result<SwapSummary> SwapSummaryFromJson(std::string_view json);  // kInternal

}  // namespace murmur
