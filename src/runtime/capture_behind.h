// A read of a source that is known to see what has been seen of it already: what answers may be a
// server that lags behind another.
#pragma once

#include <stop_token>

#include "murmur/source.h"
#include "murmur/status.h"

namespace murmur {

// Whether `positions` of `changes` are at those of `reached`, or behind them.
bool HasReached(const LiveSource& changes, const LiveSource::PositionMap& positions,
                const LiveSource::PositionMap& reached);

// As rows->CaptureHandoff, once that lies behind `reached`, positions of `changes`.
// Errors: kUnavailable (for ten seconds it did not), and those of both.
Result<HandoffToken> CaptureBehind(SnapshotSource* rows, LiveSource* changes,
                                   const LiveSource::PositionMap& reached, std::stop_token stop);

}  // namespace murmur
