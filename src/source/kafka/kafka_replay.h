// A range of a Kafka topic's history, tiered storage included: `replay: {kafka: {…}}`. By offsets
// it is exact to the record; its ends are frozen when it starts, and live can go on from them.
#pragma once

#include <memory>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/status.h"
#include "source/replay_range.h"

namespace murmur {

// Errors: as MakeKafkaLive.
Result<std::unique_ptr<SnapshotSource>> MakeKafkaReplay(const Definition& definition,
                                                        const ReplayRange& range);

}  // namespace murmur
