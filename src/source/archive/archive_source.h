// Archives of events as replay drivers: what Firehose, Kafka Connect and others wrote to a bucket
// or directory. layout.h says how layouts are recognised and read.
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
