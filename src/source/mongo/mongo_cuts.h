// Stretches of a collection, cut by _id, as the splits of a scan.
#pragma once

#include <cstdint>
#include <vector>

#include "murmur/source.h"
#include "murmur/status.h"
#include "source/mongo/mongo_client.h"
#include "source/mongo/mongo_pace.h"
#include "source/mongo/mongo_scan.h"

namespace murmur {

// About as `size` says. The first has no lower bound and the last no upper one, so that they
// have all keys, of whatever types. Errors: as MongoStatus.
Result<std::vector<Split>> CutCollection(const MongoClient& client,
                                         const MongoCollectionFacts& facts,
                                         const MongoSplitSize& size);

// What is left of a split behind `after`. Errors: kInvalidArgument.
Result<MongoScanRange> RangeOfSplit(const Split& split, const Position& after);

}  // namespace murmur
