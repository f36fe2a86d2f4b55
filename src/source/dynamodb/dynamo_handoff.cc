#include "source/dynamodb/dynamo_handoff.h"

namespace murmur {

Result<DynamoPosition> DynamoPositionNow(const DynamoPlace& place, const DynamoTable& table,
                                         const std::stop_token& stop) {
  MURMUR_TRY(CheckDynamoStream(place, table));
  const int64_t now = place.NowMillis();
  MURMUR_ASSIGN(const DynamoStream stream, DescribeDynamoStream(place, table.stream, stop));
  if (!stream.is_enabled || stream.shards.empty()) {
    return Status(Code::kUnavailable, place.text + ": its stream is being enabled or disabled");
  }
  return DynamoPosition{.stream = table.stream, .shards = ShardLineage::Begin(stream.shards, now)};
}

}  // namespace murmur
