#include "source/dynamodb/dynamo_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "definition/units.h"
#include "source/retries.h"

namespace murmur {
namespace {

using nlohmann::json;

constexpr int kShardsPerPage = 100;
constexpr double kMillisPerSecond = 1000;

std::string HostOf(std::string_view service, const std::string& region) {
  return fmt::format("{}.{}.amazonaws.com{}", service, region,
                     region.starts_with("cn-") ? ".cn" : "");
}

Result<std::shared_ptr<AwsJsonService>> MakeService(const SourceSpec& spec, const char* target,
                                                    std::string_view host, const char* variable,
                                                    const AwsCredentialsSource& credentials,
                                                    const std::shared_ptr<AwsClock>& clock) {
  AwsServiceOptions options{.name = "dynamodb", .target = target, .clock = clock};
  MURMUR_ASSIGN(options.endpoint, AwsEndpointOf(spec, {variable, "AWS_ENDPOINT_URL_DYNAMODB"}));
  MURMUR_ASSIGN(options.region, AwsRegionOf(spec));
  if (options.endpoint.host.empty()) options.endpoint.host = HostOf(host, options.region);
  options.credentials = credentials;
  return std::make_shared<AwsJsonService>(std::move(options));
}

Status ReadLimits(const SourceSpec& spec, DynamoPlace* place) {
  MURMUR_ASSIGN(const std::string capacity, AwsOption(spec, "max_read_capacity"));
  if (!capacity.empty()) {
    const auto units = ParseUnsigned(capacity);
    if (!units || *units == 0) {
      return Status(Code::kInvalidArgument,
                    "max_read_capacity: expected read units per second, such as 500");
    }
    place->read_capacity_max = static_cast<double>(*units);
  }
  MURMUR_ASSIGN(const std::string settle, AwsOption(spec, "settle"));
  if (settle.empty()) return {};
  const auto time = ParseDuration(settle);
  if (!time || time->count() == 0) {
    return Status(Code::kInvalidArgument, "settle: expected a duration, such as 60s");
  }
  place->settle = *time;
  return {};
}

bool IsRefusedKey(std::string_view exception) {
  constexpr std::array<std::string_view, 6> kNames = {
      "UnrecognizedClientException", "InvalidSignatureException",
      "InvalidClientTokenId",        "MissingAuthenticationTokenException",
      "MissingAuthenticationToken",  "IncompleteSignatureException"};
  return std::find(kNames.begin(), kNames.end(), exception) != kNames.end();
}

bool IsPassing(const AwsAnswer& answer) {
  return answer.http_status >= 500 || IsThrottling(answer.exception) ||
         answer.exception == "ExpiredTokenException" ||  // a new one may exist
         answer.exception == "InternalServerError" || answer.exception == "ServiceUnavailable";
}

Status ExceptionOf(const DynamoPlace& place, std::string_view doing, const AwsAnswer& answer) {
  const std::string said =
      fmt::format("{}{}{}", answer.exception, answer.message.empty() ? "" : ": ", answer.message);
  const auto status = [&](Code code, std::string_view remedy) {
    return Status(code, fmt::format("{}: {}: {}{}{}", place.text, doing, remedy,
                                    remedy.empty() ? "" : ". ", said));
  };
  if (IsPassing(answer)) return status(Code::kUnavailable, "");
  if (IsRefusedKey(answer.exception)) {
    return status(Code::kPermissionDenied,
                  "the service refuses these credentials: check AWS_ACCESS_KEY_ID and "
                  "AWS_SECRET_ACCESS_KEY (or the profile, or access_key and secret_key), and the "
                  "region");
  }
  if (answer.exception == "AccessDeniedException") {
    return status(Code::kPermissionDenied,
                  "a right is missing. Needed are dynamodb:DescribeTable and Scan on the table, "
                  "and DescribeStream, GetShardIterator and GetRecords on its stream");
  }
  if (answer.exception == "ResourceNotFoundException") {
    return status(Code::kNotFound, fmt::format("there is no such table in {}: check `table:`, "
                                               "`region:` and the account of the credentials",
                                               place.region));
  }
  return status(Code::kFailedPrecondition, "");
}

std::string TextIn(const json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

uint64_t CountIn(const json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_number_unsigned() ? it->get<uint64_t>() : 0;
}

Status Unreadable(const DynamoPlace& place, std::string_view operation) {
  return Status(Code::kDataLoss,
                fmt::format("{}: an answer to {} that can't be read", place.text, operation));
}

// The key's attributes, the partition key first.
std::vector<DynamoKeyAttribute> KeyOf(const json& table) {
  std::vector<DynamoKeyAttribute> key;
  for (const char* role : {"HASH", "RANGE"}) {
    for (const json& part : table.at("KeySchema")) {
      if (TextIn(part, "KeyType") != role) continue;
      DynamoKeyAttribute& attribute = key.emplace_back();
      attribute.name = TextIn(part, "AttributeName");
      for (const json& known : table.at("AttributeDefinitions")) {
        if (TextIn(known, "AttributeName") != attribute.name) continue;
        const std::string type = TextIn(known, "AttributeType");
        if (type.size() == 1) attribute.type = type[0];
      }
    }
  }
  return key;
}

std::string EnableCommand(const DynamoPlace& place) {
  return fmt::format(
      "aws dynamodb update-table --table-name {} --stream-specification "
      "StreamEnabled=true,StreamViewType=NEW_IMAGE",
      place.table);
}

DynamoTable TableOf(const json& facts) {
  DynamoTable table;
  table.id = TextIn(facts, "TableId");
  table.has_own_id = !table.id.empty();  // DynamoDB Local has none
  if (!table.has_own_id) table.id = facts.value("CreationDateTime", json()).dump();
  table.arn = TextIn(facts, "TableArn");
  table.key = KeyOf(facts);
  table.items = CountIn(facts, "ItemCount");
  table.bytes = CountIn(facts, "TableSizeBytes");
  if (const auto stream = facts.find("StreamSpecification"); stream != facts.end()) {
    table.streams = stream->value("StreamEnabled", false);
    table.view = TextIn(*stream, "StreamViewType");
    if (table.streams) table.stream = TextIn(facts, "LatestStreamArn");
  }
  return table;
}

ListedShard ShardOf(const json& shard) {
  ListedShard listed{.id = TextIn(shard, "ShardId"), .parents = {}, .is_open = true};
  if (std::string parent = TextIn(shard, "ParentShardId"); !parent.empty()) {
    listed.parents.push_back(std::move(parent));
  }
  if (const auto range = shard.find("SequenceNumberRange"); range != shard.end()) {
    listed.is_open = !range->contains("EndingSequenceNumber");
  }
  return listed;
}

}  // namespace

Result<std::shared_ptr<const DynamoPlace>> MakeDynamoPlace(const SourceSpec& spec) {
  auto place = std::make_shared<DynamoPlace>();
  MURMUR_ASSIGN(place->table, AwsOption(spec, "table"));
  if (place->table.empty()) return Status(Code::kInvalidArgument, "dynamodb: table is missing");
  place->name = "dynamodb:" + place->table;
  MURMUR_ASSIGN(place->region, AwsRegionOf(spec));
  MURMUR_TRY(ReadLimits(spec, place.get()));
  place->clock = std::make_shared<AwsClock>();
  MURMUR_ASSIGN(const AwsCredentialsSource credentials, AwsCredentialsOf(spec));
  MURMUR_ASSIGN(place->tables, MakeService(spec, "DynamoDB_20120810.", "dynamodb",
                                           "AWS_ENDPOINT_URL_DYNAMODB", credentials, place->clock));
  MURMUR_ASSIGN(place->streams,
                MakeService(spec, "DynamoDBStreams_20120810.", "streams.dynamodb",
                            "AWS_ENDPOINT_URL_DYNAMODB_STREAMS", credentials, place->clock));
  const std::string& host = place->tables->host();
  place->text = host == HostOf("dynamodb", place->region)
                    ? fmt::format("{} in {}", place->name, place->region)
                    : fmt::format("{} at {}", place->name, host);
  return std::shared_ptr<const DynamoPlace>(std::move(place));
}

Result<std::string> AskDynamo(const DynamoPlace& place, DynamoApi api, std::string_view operation,
                              const std::string& body, std::string_view doing,
                              const std::stop_token& stop, std::string* exception) {
  AwsJsonService& service = api == DynamoApi::kTables ? *place.tables : *place.streams;
  if (exception != nullptr) exception->clear();
  auto answer = service.Ask(operation, body, stop);
  if (!answer.ok()) return answer.status().Annotated(place.text);
  if (answer->exception.empty()) return std::move(answer->body);
  if (exception != nullptr) *exception = answer->exception;
  return ExceptionOf(place, doing, *answer);
}

Result<std::string> AskDynamoAgain(const DynamoPlace& place, DynamoApi api,
                                   std::string_view operation, const std::string& body,
                                   std::string_view doing, const std::stop_token& stop,
                                   std::string* exception) {
  JitteredRetries retries(kDynamoPatience);
  for (;;) {
    auto answer = AskDynamo(place, api, operation, body, doing, stop, exception);
    if (answer.ok()) return answer;
    MURMUR_TRY(WaitToTryAgain(answer.status(), &retries, stop, place.text));
  }
}

Result<DynamoTable> DescribeDynamoTable(const DynamoPlace& place, const std::stop_token& stop) {
  MURMUR_ASSIGN(const std::string body,
                AskDynamoAgain(place, DynamoApi::kTables, "DescribeTable",
                               json{{"TableName", place.table}}.dump(), "to see the table", stop));
  try {
    return TableOf(json::parse(body).at("Table"));
  } catch (const json::exception&) {
    return Unreadable(place, "DescribeTable");
  }
}

Status CheckDynamoStream(const DynamoPlace& place, const DynamoTable& table) {
  if (table.stream.empty()) {
    return Status(Code::kFailedPrecondition,
                  fmt::format("{}: the table has no stream, which tells its changes. Enable it: {}",
                              place.text, EnableCommand(place)));
  }
  if (table.view == "NEW_IMAGE" || table.view == "NEW_AND_OLD_IMAGES") return {};
  return Status(
      Code::kFailedPrecondition,
      fmt::format("{}: the table's stream is of {}, which does not tell what a row is after a "
                  "change. Disable it, and enable it with another view: aws dynamodb update-table "
                  "--table-name {} --stream-specification StreamEnabled=false; {}",
                  place.text, table.view, place.table, EnableCommand(place)));
}

Result<DynamoStream> DescribeDynamoStream(const DynamoPlace& place, const std::string& stream,
                                          const std::stop_token& stop) {
  DynamoStream all;
  json request = {{"StreamArn", stream}, {"Limit", kShardsPerPage}};
  for (;;) {
    std::string exception;
    auto body = AskDynamoAgain(place, DynamoApi::kStreams, "DescribeStream", request.dump(),
                               "to list the shards of its stream", stop, &exception);
    if (exception == "ResourceNotFoundException") {
      return Status(Code::kOutOfRange,
                    fmt::format("{}: the stream {} is gone, and with it the changes that were not "
                                "read. Begin anew: murmur bootstrap FILE --fresh",
                                place.text, stream));
    }
    MURMUR_TRY(body.status());
    std::string last;
    try {
      const json facts = json::parse(*body).at("StreamDescription");
      const std::string status = TextIn(facts, "StreamStatus");
      all.is_enabled = status != "DISABLED" && status != "DISABLING";
      all.enabled_at =
          std::llround(facts.at("CreationRequestDateTime").get<double>() * kMillisPerSecond);
      for (const json& shard : facts.value("Shards", json::array())) {
        all.shards.push_back(ShardOf(shard));
      }
      last = TextIn(facts, "LastEvaluatedShardId");
    } catch (const json::exception&) {
      return Unreadable(place, "DescribeStream");
    }
    if (last.empty()) return all;
    request["ExclusiveStartShardId"] = last;
  }
}

}  // namespace murmur
