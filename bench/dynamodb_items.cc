// How fast libcurl alone gets what the DynamoDB benchmark stores.
//
//   dynamodb_items scan ENDPOINT TABLE ATTRIBUTES SEGMENTS CONNECTIONS
//       reads these attributes of all items by a strongly consistent parallel Scan, each connection
//       one segment after the other, and only counts them
//   dynamodb_items follow ENDPOINT STREAM COUNT
//       counts the first COUNT records of the stream, shard after shard as they are listed
//
// Each prints {"seconds", "events", "bytes", "units"}: units are what the service says that it was
// asked for. Keys are those of the environment.
#include <curl/curl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using nlohmann::json;
using std::chrono::steady_clock;

constexpr char kTables[] = "DynamoDB_20120810.";
constexpr char kStreams[] = "DynamoDBStreams_20120810.";

struct Counts {
  uint64_t events = 0;
  uint64_t bytes = 0;
  double units = 0;
};

[[noreturn]] void Fail(const std::string& what, std::string_view why) {
  std::fprintf(stderr, "dynamodb_items: %s: %.*s\n", what.c_str(), static_cast<int>(why.size()),
               why.data());
  std::exit(1);
}

std::string FromEnvironment(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr) Fail(name, "is not set");
  return value;
}

size_t Take(char* bytes, size_t, size_t size, void* body) {
  static_cast<std::string*>(body)->append(bytes, size);
  return size;
}

// Keeps its connection.
class Client {
 public:
  Client(std::string endpoint, std::string target)
      : endpoint_(std::move(endpoint)),
        target_(std::move(target)),
        keys_(FromEnvironment("AWS_ACCESS_KEY_ID") + ":" +
              FromEnvironment("AWS_SECRET_ACCESS_KEY")),
        handle_(curl_easy_init(), curl_easy_cleanup) {}

  // The answer stays until the next one.
  const std::string& Ask(const std::string& operation, const std::string& request) {
    body_.clear();
    curl_easy_reset(handle_.get());
    curl_slist* headers = nullptr;
    for (const std::string& header : {std::string("Content-Type: application/x-amz-json-1.0"),
                                      "X-Amz-Target: " + target_ + operation}) {
      headers = curl_slist_append(headers, header.c_str());
    }
    const auto set = [this](CURLoption option, auto value) {
      curl_easy_setopt(handle_.get(), option, value);
    };
    set(CURLOPT_URL, endpoint_.c_str());
    set(CURLOPT_HTTPHEADER, headers);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_AWS_SIGV4, "aws:amz:us-east-1:dynamodb");
    set(CURLOPT_USERPWD, keys_.c_str());
    set(CURLOPT_POSTFIELDS, request.data());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.size()));
    set(CURLOPT_WRITEFUNCTION, &Take);
    set(CURLOPT_WRITEDATA, &body_);
    const CURLcode code = curl_easy_perform(handle_.get());
    long status = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    if (code != CURLE_OK) Fail(operation, curl_easy_strerror(code));
    if (status != 200) Fail(operation, body_);
    return body_;
  }

 private:
  const std::string endpoint_, target_, keys_;
  const std::unique_ptr<CURL, void (*)(CURL*)> handle_;
  std::string body_;
};

// What follows the last `name` in the text: the service puts what it says of an answer after the
// items, whose attributes have other names.
std::string_view After(std::string_view text, std::string_view name) {
  const size_t at = text.rfind(name);
  return at == text.npos ? std::string_view() : text.substr(at + name.size());
}

uint64_t Number(std::string_view text) { return std::strtoull(text.data(), nullptr, 10); }

// The text up to the brace that closes its first one. REQUIRES: no brace is in a string
std::string_view ObjectAt(std::string_view text) {
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{') ++depth;
    if (text[i] == '}' && --depth == 0) return text.substr(0, i + 1);
  }
  return {};
}

Counts ScanSegment(Client* client, const std::string& table, const std::string& attributes,
                   uint64_t segment, uint64_t segments) {
  std::string expression;
  json names;
  for (size_t begin = 0; begin < attributes.size();) {
    const size_t end = std::min(attributes.find(',', begin), attributes.size());
    const std::string placeholder = "#" + std::to_string(begin);
    names[placeholder] = attributes.substr(begin, end - begin);
    expression += (expression.empty() ? "" : ",") + placeholder;
    begin = end + 1;
  }
  json request = {{"TableName", table},
                  {"ConsistentRead", true},
                  {"Segment", segment},
                  {"TotalSegments", segments},
                  {"ProjectionExpression", expression},
                  {"ExpressionAttributeNames", names},
                  {"ReturnConsumedCapacity", "TOTAL"}};
  Counts counts;
  for (;;) {
    const std::string& answer = client->Ask("Scan", request.dump());
    counts.events += Number(After(answer, "\"Count\":"));
    counts.units += std::strtod(After(answer, "\"CapacityUnits\":").data(), nullptr);
    counts.bytes += answer.size();
    const std::string_view key = ObjectAt(After(answer, "\"LastEvaluatedKey\":"));
    if (key.empty()) return counts;
    request["ExclusiveStartKey"] = json::parse(key);
  }
}

Counts Scan(const std::string& endpoint, const std::string& table, const std::string& attributes,
            uint64_t segments, uint64_t connections) {
  std::vector<Counts> parts(connections);
  std::atomic<uint64_t> next{0};
  {
    std::vector<std::jthread> threads;
    for (Counts& part : parts) {
      threads.emplace_back([&] {
        Client client(endpoint, kTables);
        for (uint64_t segment = next++; segment < segments; segment = next++) {
          const Counts counts = ScanSegment(&client, table, attributes, segment, segments);
          part.events += counts.events;
          part.bytes += counts.bytes;
          part.units += counts.units;
        }
      });
    }
  }
  Counts all;
  for (const Counts& part : parts) {
    all.events += part.events;
    all.bytes += part.bytes;
    all.units += part.units;
  }
  return all;
}

std::vector<std::string> ShardsOf(Client* client, const std::string& stream) {
  std::vector<std::string> shards;
  json request = {{"StreamArn", stream}};
  for (;;) {
    const json answer = json::parse(client->Ask("DescribeStream", request.dump()));
    const json& facts = answer.at("StreamDescription");
    for (const json& shard : facts.at("Shards")) shards.push_back(shard.at("ShardId"));
    if (!facts.contains("LastEvaluatedShardId")) return shards;
    request["ExclusiveStartShardId"] = facts.at("LastEvaluatedShardId");
  }
}

uint64_t RecordsIn(std::string_view answer) {
  uint64_t count = 0;
  constexpr std::string_view kName = "\"eventName\":";  // once a record
  for (size_t at = answer.find(kName); at != answer.npos; at = answer.find(kName, at + 1)) ++count;
  return count;
}

Counts Follow(const std::string& endpoint, const std::string& stream, uint64_t count) {
  Client client(endpoint, kStreams);
  Counts counts;
  for (const std::string& shard : ShardsOf(&client, stream)) {
    const json request = {
        {"StreamArn", stream}, {"ShardId", shard}, {"ShardIteratorType", "TRIM_HORIZON"}};
    std::string iterator =
        json::parse(client.Ask("GetShardIterator", request.dump())).at("ShardIterator");
    while (!iterator.empty() && counts.events < count) {
      const std::string& answer =
          client.Ask("GetRecords", json{{"ShardIterator", iterator}, {"Limit", 1000}}.dump());
      counts.events += RecordsIn(answer);
      counts.bytes += answer.size();
      const std::string_view next = After(answer, "\"NextShardIterator\":\"");
      iterator = next.substr(0, next.find('"'));
    }
    if (counts.events >= count) return counts;
  }
  Fail(stream, "it has fewer records");
}

int Usage() {
  std::fprintf(stderr,
               "usage: dynamodb_items scan ENDPOINT TABLE ATTRIBUTES SEGMENTS CONNECTIONS\n"
               "       dynamodb_items follow ENDPOINT STREAM COUNT\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return Usage();
  const std::string_view verb = argv[1];
  curl_global_init(CURL_GLOBAL_DEFAULT);
  Counts counts;
  const auto start = steady_clock::now();
  if (verb == "scan" && argc == 7) {
    counts = Scan(argv[2], argv[3], argv[4], Number(argv[5]), Number(argv[6]));
  } else if (verb == "follow" && argc == 5) {
    counts = Follow(argv[2], argv[3], Number(argv[4]));
  } else {
    return Usage();
  }
  const double seconds = std::chrono::duration<double>(steady_clock::now() - start).count();
  std::printf("{\"seconds\": %.6f, \"events\": %llu, \"bytes\": %llu, \"units\": %.1f}\n", seconds,
              static_cast<unsigned long long>(counts.events),
              static_cast<unsigned long long>(counts.bytes), counts.units);
  return 0;
}
