// The kinds of snapshot sources and replay drivers that a definition can name.
#pragma once

#include <memory>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/status.h"
#include "source/replay_range.h"

namespace murmur {

// The source that `bootstrap:` names, or the rows of the table that `source:` does.
// Errors: kInvalidArgument (no bootstrap, an unknown kind, an option), and what the kind's own
// says.
Result<std::unique_ptr<SnapshotSource>> MakeSnapshotSource(const Definition& definition);

// The driver that `replay:` names, for `range`. Errors: as MakeSnapshotSource; kInvalidArgument:
// the kind can't tell such a range.
Result<std::unique_ptr<SnapshotSource>> MakeReplayDriver(const Definition& definition,
                                                         const ReplayRange& range);

// The source that `live:` names, or the changes of the table that `source:` does. Errors: as
// MakeSnapshotSource.
Result<std::unique_ptr<LiveSource>> MakeLiveSource(const Definition& definition);

// Does the bootstrap leave it to the live source where that begins (`handoff: live`)?
bool HandsOffToLive(const Definition& definition);

}  // namespace murmur
