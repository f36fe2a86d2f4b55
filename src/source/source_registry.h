// The kinds of snapshot sources and replay drivers that a definition can name.
#pragma once

#include <memory>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/status.h"
#include "source/replay_range.h"

namespace murmur {

// The source that `bootstrap:` names, or the rows of the table that `source:` names. Errors:
// kInvalidArgument (no bootstrap, an unknown kind, an option), and those of the kind itself.
Result<std::unique_ptr<SnapshotSource>> MakeSnapshotSource(const Definition& definition);

// The same, but of a table always its rows as they are now, whatever a bootstrap reads instead.
Result<std::unique_ptr<SnapshotSource>> MakeSourceOfRowsNow(Definition definition);

// The driver that `replay:` names, for `range`. Errors: as MakeSnapshotSource; kInvalidArgument:
// the kind can't tell such a range.
Result<std::unique_ptr<SnapshotSource>> MakeReplayDriver(const Definition& definition,
                                                         const ReplayRange& range);

// The source that `live:` names, or the changes of the table that `source:` names. Errors: as
// MakeSnapshotSource.
Result<std::unique_ptr<LiveSource>> MakeLiveSource(const Definition& definition);

// Whether the live source decides where it begins after the bootstrap (`handoff: live`).
bool HandsOffToLive(const Definition& definition);

}  // namespace murmur
