// What the sources ask of DynamoDB and of its streams, as values and Statuses.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/definition.h"
#include "murmur/status.h"
#include "source/aws/json_service.h"
#include "source/shards/shard_lineage.h"

namespace murmur {

// One table and its address.
struct DynamoPlace {
  std::string table;
  std::string name;  // "dynamodb:orders"
  std::string text;  // "dynamodb:orders in eu-west-1"
  std::string region;
  std::shared_ptr<AwsJsonService> tables;
  std::shared_ptr<AwsJsonService> streams;
  std::shared_ptr<AwsClock> clock;  // of both
  double read_capacity_max = 0;     // units per second that scans may consume; 0: no limit
  // A shard that gives nothing for so long has given all that was made before.
  std::chrono::milliseconds settle{60'000};

  int64_t NowMillis() const { return clock->NowMillis(); }
};
// From `dynamodb: {table, region, endpoint, …}`. Errors: kInvalidArgument (an option), kNotFound
// (an environment variable that it refers to).
Result<std::shared_ptr<const DynamoPlace>> MakeDynamoPlace(const SourceSpec& spec);

enum class DynamoApi { kTables, kStreams };

// One request; its answer, as JSON. *exception, if not null, becomes the service's name of what
// went wrong, or empty. `doing`: of messages. Errors:
//   kUnavailable         no answer, throttling, errors inside the service, expired session tokens
//   kPermissionDenied    the keys are refused, or lack a right
//   kNotFound            no such table
//   kFailedPrecondition  everything else that the service refuses
//   kCancelled
Result<std::string> AskDynamo(const DynamoPlace& place, DynamoApi api, std::string_view operation,
                              const std::string& body, std::string_view doing,
                              const std::stop_token& stop, std::string* exception = nullptr);
// The same, tried again while it is kUnavailable, for half a minute.
Result<std::string> AskDynamoAgain(const DynamoPlace& place, DynamoApi api,
                                   std::string_view operation, const std::string& body,
                                   std::string_view doing, const std::stop_token& stop,
                                   std::string* exception = nullptr);

// How long something is tried again while the service does not answer.
inline constexpr std::chrono::seconds kDynamoPatience{30};

// How long a stream keeps changes.
inline constexpr int64_t kDynamoKeptMillis = int64_t{24} * 3600 * 1000;

struct DynamoKeyAttribute {
  std::string name;
  char type = 'S';  // S, N or B
  bool operator==(const DynamoKeyAttribute&) const = default;
};

struct DynamoTable {
  std::string id;          // differs after the table was dropped and made again
  std::string arn;         // its name, with region and account
  bool has_own_id = true;  // false: the service gives it none, and `id` is made here
  std::vector<DynamoKeyAttribute> key;
  uint64_t items = 0;  // both as of up to about six hours ago
  uint64_t bytes = 0;
  std::string stream;  // the ARN of its stream; empty: it has none
  std::string view;    // "NEW_IMAGE"
  bool streams = false;
};
// Errors: those of AskDynamo; kUnavailable (it is being made, or changed).
Result<DynamoTable> DescribeDynamoTable(const DynamoPlace& place, const std::stop_token& stop);
// Whether the table's stream tells what rows are after a change. Errors: kFailedPrecondition (says
// the command that makes it so).
Status CheckDynamoStream(const DynamoPlace& place, const DynamoTable& table);

struct DynamoStream {
  std::vector<ListedShard> shards;
  bool is_enabled = true;
  int64_t enabled_at = 0;  // ms since the Unix epoch: it has no earlier changes
};
// All shards that there are. Errors: those of AskDynamo; kOutOfRange (the stream is gone).
Result<DynamoStream> DescribeDynamoStream(const DynamoPlace& place, const std::string& stream,
                                          const std::stop_token& stop);

}  // namespace murmur
