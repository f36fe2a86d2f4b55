// The holds of a live source's log that the versions of a store have (LiveSource::Hold). A version
// records its hold before the hold is made, and is dropped before the hold is ended; so whatever
// crashes between, a hold that no version records is of no use, and its name tells whose it was.
// A version that serves no more lets go of its log after a while: a log that is kept for ever fills
// the origin's disk.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/state_store.h"
#include "murmur/status.h"

namespace murmur {

// The longest name that an origin takes: that of a replication slot of PostgreSQL.
inline constexpr size_t kHoldNameBytesMax = 63;

// The hold that is given to the source (LiveSource::GivenHold) if no version has it, else
// NewHoldName. Errors: those of StateStore::Id and ReadInfo.
Result<std::string> HoldNameFor(const Definition& definition, const StateStore& store,
                                const LiveSource& live);
// A name for a new hold, which no other has: "murmur_views_5e1f09c27ab4_90d24ae1c3", with the id
// of the store. Errors: StateStore::Id.
Result<std::string> NewHoldName(const Definition& definition, const StateStore& store);
// Whether that gave the name, for a store of this id. The definition's name may have changed since.
bool IsHoldOf(std::string_view store_id, std::string_view hold) noexcept;

// Ends a hold. Errors: LiveSource::LetGo.
Status EndHold(const Definition& definition, const std::string& hold, std::stop_token stop);

// Lets go of what is kept for nothing: first StateStore::LetGoOfLog of versions that retired longer
// than Definition::rollback_for before `now` (µs since the Unix epoch); then ends the holds of this
// store that no version needs. Tells `note`. What it can't do now, the next call does. `live`:
// null: one is made.
void TidyHolds(const Definition& definition, StateStore* store, LiveSource* live, int64_t now,
               const std::stop_token& stop, const std::function<void(const std::string&)>& note);

}  // namespace murmur
