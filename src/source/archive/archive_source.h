// Archives of events as replay drivers: what Firehose, Kafka Connect and others wrote into a bucket
// or a directory. layout.h says how the layouts are told apart and read.
#pragma once

#include <memory>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/status.h"
#include "source/replay_range.h"

namespace murmur {

// The driver of definition.replay. Errors: kInvalidArgument.
Result<std::unique_ptr<SnapshotSource>> MakeArchiveSource(const Definition& definition,
                                                          const ReplayRange& range);

}  // namespace murmur
