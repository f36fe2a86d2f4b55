// Reads of a source that may be answered by a lagging server: makes sure that a read sees at least
// what was already read.
#pragma once

#include <stop_token>

#include "murmur/source.h"
#include "murmur/status.h"

namespace murmur {

// Whether `positions` of `changes` have reached `reached`.
bool HasReached(const LiveSource& changes, const LiveSource::PositionMap& positions,
                const LiveSource::PositionMap& reached);

// rows->HandoffNow, repeated until it has reached `reached`, which are positions of `changes`.
// Errors: kUnavailable (it lagged for ten seconds), and those of both sources.
Result<HandoffToken> HandoffAfter(SnapshotSource* rows, LiveSource* changes,
                                  const LiveSource::PositionMap& reached, std::stop_token stop);

}  // namespace murmur
