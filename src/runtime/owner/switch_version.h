// Changes the serving version: moves the alias, or asks the process that follows live to do it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "murmur/definition.h"
#include "murmur/state_store.h"
#include "murmur/status.h"
#include "murmur/versions.h"

namespace murmur {

// Points the alias at `number`, and drops versions that are not kept any more. `beside_writer`:
// allowed while a process writes the serving version. Errors: as StateStore::SetCurrent.
Result<SwapSummary> MoveAlias(const Definition& definition, StateStore* store, uint64_t number,
                              bool beside_writer);

// StateStore::SetCurrent; if the alias has moved but may not be durable, that is a warning.
Status SetCurrent(StateStore* store, uint64_t number, bool beside_writer, SwapSummary* summary);

// Asks the process that follows a live source for the serving version to swap in version `number`,
// after letting it catch up; waits until that is done. Returns at once if it serves already. Empty:
// there is no such process; `has_owner` then says whether another process answered for that
// version.
Result<std::optional<SwapSummary>> AskOwnerToSwap(const StateStore& store, uint64_t number,
                                                  bool* has_owner = nullptr);

// MoveAlias, by that process if there is one. Errors: as MoveAlias, those of the owner, and
// kFailedPrecondition (not complete).
Result<SwapSummary> SwitchTo(const Definition& definition, StateStore* store, uint64_t number);

std::string SwapSummaryToJson(const SwapSummary& summary);
Result<SwapSummary> SwapSummaryFromJson(std::string_view json);  // kInternal

}  // namespace murmur
