// Where live begins for a scan that begins now.
#pragma once

#include <memory>
#include <stop_token>

#include "murmur/status.h"
#include "source/dynamodb/dynamo_client.h"
#include "source/dynamodb/dynamo_position.h"

namespace murmur {

// Every shard that is open now from its start, and every later one; those that are closed hold only
// what a scan from now on sees. Errors: as CheckDynamoStream and DescribeDynamoStream.
Result<DynamoPosition> DynamoPositionNow(const DynamoPlace& place, const DynamoTable& table,
                                         const std::stop_token& stop);

}  // namespace murmur
