// Cuts a collection into ranges of _id, the splits of a scan.
#pragma once

#include <cstdint>
#include <vector>

#include "murmur/source.h"
#include "murmur/status.h"
#include "source/mongo/mongo_client.h"
#include "source/mongo/mongo_pace.h"
#include "source/mongo/mongo_scan.h"

namespace murmur {

// Splits of about `size`. The first has no lower bound and the last no upper bound, so together
// they have all keys of any type. Errors: as MongoStatus.
Result<std::vector<Split>> CutCollection(const MongoClient& client,
                                         const MongoCollectionFacts& facts,
                                         const MongoSplitSize& size);

// The rest of a split after the position `after`. Errors: kInvalidArgument.
Result<MongoScanRange> RangeOfSplit(const Split& split, const Position& after);

}  // namespace murmur
