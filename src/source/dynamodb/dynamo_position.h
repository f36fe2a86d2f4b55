// Positions in the changes of a table of DynamoDB, and the ends that they can be asked to reach.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/source.h"
#include "murmur/status.h"
#include "source/shards/shard_lineage.h"

namespace murmur {

// How far every shard of a stream has been read. As JSON text.
struct DynamoPosition {
  std::string stream;  // its ARN: of a table whose stream was enabled again, another
  ShardLineage shards;

  std::string ToString() const;
  bool operator==(const DynamoPosition&) const = default;
};
// Errors: kInvalidArgument
Result<DynamoPosition> ParseDynamoPosition(std::string_view text);

// Everything that was made up to a moment. Nobody can say which record is the last of an open
// shard, so that it is told by a time and by the shards that had not ended then. As JSON text.
struct DynamoEnd {
  std::string stream;
  int64_t until = 0;                // ms since the Unix epoch, by the service's clock
  std::vector<std::string> shards;  // listed after that moment, and without a successor

  std::string ToString() const;
};
// `shards` are those that there are now.
DynamoEnd EndOf(std::string stream, int64_t until, const std::vector<ListedShard>& shards);

// How a reader lies to an end.
enum class DynamoReached {
  kNot,
  // A shard has given nothing for so long that what it had by then would have come.
  kAssumed,
  kSurely,  // each shard was read to its end, or has given a record that was made after the end
};
DynamoReached HasReached(const DynamoPosition& position, const DynamoEnd& end);

// About how many records lie between a position and an end, or another position; 0: it has reached
// that, or is assumed to have.
uint64_t DynamoDistance(const Position& position, const Position& end);
// LiveSource::IsSure
bool HasSurelyReached(const Position& position, const Position& end);

}  // namespace murmur
