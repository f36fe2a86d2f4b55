// Where live begins for a scan that begins now, or for an export that was made before.
#pragma once

#include <cstdint>
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

// Everything that the stream has: for an export of the table's rows as they were at `exported_at`
// (ms). Its changes are in the order of time, row by row: so what it has from before the export is
// followed by what made the exported rows, and does no harm. Errors: those of DynamoPositionNow;
// kOutOfRange (the stream does not reach back to the export).
Result<DynamoPosition> DynamoPositionSince(const DynamoPlace& place, const DynamoTable& table,
                                           int64_t exported_at, const std::stop_token& stop);

}  // namespace murmur
