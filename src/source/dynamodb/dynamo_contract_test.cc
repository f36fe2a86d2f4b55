// DynamoDB under the contracts of snapshot and live sources and of tables, on the server that
// MURMUR_TEST_DYNAMO names by its endpoint; without one there are no cases.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "murmur/testing/live_source_contract.h"
#include "murmur/testing/snapshot_source_contract.h"
#include "murmur/testing/table_source_contract.h"
#include "source/dynamodb/dynamo_client.h"
#include "source/dynamodb/dynamo_live.h"
#include "source/dynamodb/dynamo_snapshot.h"
#include "testing/hanging_server.h"
#include "testing/many_live_sources.h"
#include "testing/temporary_folder.h"

namespace murmur {
namespace {

using nlohmann::json;

// The server's writes and its streams are one: what is written can be read at once.
constexpr ShardPace kFast{.records = std::chrono::milliseconds(5),
                          .idle = std::chrono::milliseconds(20),
                          .list = std::chrono::milliseconds(500),
                          .threads = 2};

const char* Endpoint() { return std::getenv("MURMUR_TEST_DYNAMO"); }

Definition DefinitionOf(const std::string& table, const std::string& endpoint = Endpoint()) {
  Definition definition;
  definition.name = "contract";
  definition.source = {"dynamodb",
                       {{"table", table},
                        {"endpoint", endpoint},
                        {"access_key", "AKIDTEST"},
                        {"secret_key", "secret"},
                        {"settle", "100ms"}}};
  return definition;
}
std::unique_ptr<LiveSource> LiveOf(const std::string& table) {
  return MakeDynamoLive(DefinitionOf(table), {.pace = kFast}).value();
}

json Number(int64_t value) { return {{"N", std::to_string(value)}}; }

// A table of its own, empty at first, whose key is the number `key`. Threads: any.
class TestTable {
 public:
  // Without a stream writing is much faster.
  explicit TestTable(const std::string& key, bool streams = true) : key_(key) {
    static std::atomic<int> number{0};
    name_ = fmt::format("t{}_{}", getpid(), number++);
    place_ = MakeDynamoPlace(*DefinitionOf(name_).source).value();
    json request = {{"TableName", name_},
                    {"BillingMode", "PAY_PER_REQUEST"},
                    {"AttributeDefinitions", {{{"AttributeName", key}, {"AttributeType", "N"}}}},
                    {"KeySchema", {{{"AttributeName", key}, {"KeyType", "HASH"}}}}};
    if (streams) {
      request["StreamSpecification"] = {{"StreamEnabled", true}, {"StreamViewType", "NEW_IMAGE"}};
    }
    Ask("CreateTable", request);
  }
  ~TestTable() { Ask("DeleteTable", {{"TableName", name_}}); }

  const std::string& name() const { return name_; }

  void Put(const std::vector<json>& items) {
    constexpr size_t kAtOnce = 25;  // the most that the service takes
    for (size_t begin = 0; begin < items.size(); begin += kAtOnce) {
      auto requests = json::array();
      for (size_t i = begin; i < std::min(items.size(), begin + kAtOnce); ++i) {
        requests.push_back({{"PutRequest", {{"Item", items[i]}}}});
      }
      Ask("BatchWriteItem", {{"RequestItems", {{name_, requests}}}});
    }
  }
  void Delete(int64_t id) {
    Ask("DeleteItem", {{"TableName", name_}, {"Key", {{key_, Number(id)}}}});
  }
  // Its open shards end, and have successors; so do those of all tables.
  void RollShards() {
    Ask("PutItem", {{"TableName", "[TEST_CONTROL]"}, {"Item", {{"ACTION", {{"S", "ROLLOVER"}}}}}});
  }

 private:
  void Ask(const char* operation, const json& request) {
    const auto answer = AskDynamoAgain(*place_, DynamoApi::kTables, operation, request.dump(),
                                       "to write for a test", {});
    EXPECT_TRUE(answer.ok()) << answer.status().ToString();
  }

  const std::string key_;
  std::string name_;
  std::shared_ptr<const DynamoPlace> place_;
};

// --- the contract of snapshot sources

json AttributeOf(const json& value) {
  if (value.is_number()) return {{"N", value.dump()}};
  if (value.is_boolean()) return {{"BOOL", value}};
  if (value.is_null()) return {{"NULL", true}};
  return {{"S", value}};
}
std::vector<json> ItemsOf(const std::vector<ContractRecord>& records) {
  std::vector<json> items;
  for (size_t i = 0; i < records.size(); ++i) {
    json& item = items.emplace_back(json{{"n", Number(static_cast<int64_t>(i))}});
    const json record = json::parse(records[i].ToJson());
    for (const auto& [name, value] : record.items()) item[name] = AttributeOf(value);
  }
  return items;
}

class DynamoSnapshotFixture final : public SourceFixture {
 public:
  DynamoSnapshotFixture(const std::vector<ContractRecord>& records,
                        const DynamoSnapshotOptions& options)
      : options_(options) {
    table_.Put(ItemsOf(records));
  }
  std::unique_ptr<SnapshotSource> MakeSource() override {
    return MakeDynamoSnapshot(DefinitionOf(table_.name()), options_).value();
  }
  std::unique_ptr<Hang> BeginHang() override { return HangingServer::Of("MURMUR_TEST_DYNAMO_PID"); }

 private:
  TestTable table_{"n", /*streams=*/false};
  const DynamoSnapshotOptions options_;
};

// An export on disk; its table is asked for what it is.
class DynamoExportFixture final : public SourceFixture {
 public:
  explicit DynamoExportFixture(const std::vector<ContractRecord>& records)
      : definition_(DefinitionOf(table_.name())) {
    definition_.source->options["export"] = folder_.path();
    const std::vector<json> items = ItemsOf(records);
    std::string manifest;
    for (size_t begin = 0; begin == 0 || begin < items.size(); begin += kItemsPerFile) {
      const size_t end = std::min(items.size(), begin + kItemsPerFile);
      std::string lines;
      for (size_t i = begin; i < end; ++i) lines += json{{"Item", items[i]}}.dump() + "\n";
      const std::string name = fmt::format("{}.json", begin);
      Write(name, lines);
      manifest += json{{"itemCount", end - begin}, {"dataFileS3Key", name}}.dump() + "\n";
    }
    Write("manifest-files.json", manifest);
    const auto place = MakeDynamoPlace(*definition_.source).value();
    Write("manifest-summary.json", json{{"exportArn", "arn:aws:dynamodb:::table/t/export/1"},
                                        {"tableId", "one"},
                                        {"tableArn", DescribeDynamoTable(*place, {}).value().arn},
                                        {"exportTime", "2026-03-01T00:00:00Z"},
                                        {"itemCount", items.size()},
                                        {"outputFormat", "DYNAMODB_JSON"}}
                                       .dump());
  }
  std::unique_ptr<SnapshotSource> MakeSource() override {
    return MakeDynamoSnapshot(definition_).value();
  }

 private:
  static constexpr size_t kItemsPerFile = 3000;

  void Write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_.path() + "/" + name) << content;
  }

  const TemporaryFolder folder_;
  TestTable table_{"n", /*streams=*/false};
  Definition definition_;
};

std::vector<SourceCase> SnapshotCases() {
  if (Endpoint() == nullptr) return {};
  const auto make = [](const DynamoSnapshotOptions& options) {
    return [options](const std::vector<ContractRecord>& records) {
      return std::unique_ptr<SourceFixture>(
          std::make_unique<DynamoSnapshotFixture>(records, options));
    };
  };
  const auto make_export = [](const std::vector<ContractRecord>& records) {
    return std::unique_ptr<SourceFixture>(std::make_unique<DynamoExportFixture>(records));
  };
  return {{.name = "export", .make = make_export},
          {.name = "one_segment", .make = make({.segments_min = 1})},
          {.name = "many_segments", .make = make({.segments_min = 5, .page_rows = 70})}};
}

MURMUR_SNAPSHOT_SOURCE_CONTRACT_OF_TABLE(DynamoSnapshotContract);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DynamoSnapshotContract);
INSTANTIATE_TEST_SUITE_P(Dynamo, DynamoSnapshotContract, testing::ValuesIn(SnapshotCases()),
                         SourceCaseName);

// --- the contract of live sources

// A table is one split. What is appended is in a shard that has ended: a hand-off after it leaves
// it out.
class DynamoLiveFixture final : public LiveFixture {
 public:
  DynamoLiveFixture() {
    std::vector<std::unique_ptr<LiveSource>> sources;
    for (size_t i = 0; i < kSplits; ++i) {
      tables_.push_back(std::make_unique<TestTable>("n"));
      begin_.streams.merge(
          HandoffToken(LiveOf(tables_[i]->name())->HandoffNow({}).value()).streams);
    }
  }

  std::unique_ptr<LiveSource> MakeSource() override {
    std::vector<std::unique_ptr<LiveSource>> sources;
    for (const auto& table : tables_) sources.push_back(LiveOf(table->name()));
    return std::make_unique<ManyLiveSources>(std::move(sources), begin_);
  }
  void Append(size_t split, const std::vector<int64_t>& ids) override {
    std::vector<json> items;  // the server writes them one after the other
    for (const int64_t id : ids) {
      items.push_back({{"n", Number(next_++)}, {"id", Number(id)}});
    }
    tables_[split]->Put(items);
    if (!ids.empty()) tables_[split]->RollShards();
  }
  void AddSplit() override {}
  void DropOldest(size_t /*split*/, size_t /*count*/) override {}
  std::unique_ptr<Hang> BeginHang() override { return HangingServer::Of("MURMUR_TEST_DYNAMO_PID"); }
  std::string SplitId(size_t split) const override { return "dynamodb:" + tables_[split]->name(); }

 private:
  std::vector<std::unique_ptr<TestTable>> tables_;
  HandoffToken begin_;
  int64_t next_ = 0;
};

std::vector<LiveCase> LiveCases() {
  if (Endpoint() == nullptr) return {};
  return {{.name = "table", .make = [] { return std::make_unique<DynamoLiveFixture>(); }}};
}

MURMUR_LIVE_SOURCE_CONTRACT_OF_TABLE(DynamoLiveContract);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DynamoLiveContract);
INSTANTIATE_TEST_SUITE_P(Dynamo, DynamoLiveContract, testing::ValuesIn(LiveCases()), LiveCaseName);

// --- the contract of tables

class DynamoTableFixture final : public TableFixture {
 public:
  // `roll_every`: shards end after so many writes; 0: never.
  explicit DynamoTableFixture(int roll_every) : roll_every_(roll_every) {}

  std::unique_ptr<SnapshotSource> MakeRows() override {
    return MakeDynamoSnapshot(DefinitionOf(table_.name()), {.segments_min = 3, .page_rows = 500})
        .value();
  }
  std::unique_ptr<LiveSource> MakeChanges() override { return LiveOf(table_.name()); }
  void Put(const std::vector<ContractRow>& rows) override {
    std::vector<json> items;
    for (const ContractRow& row : rows) {
      items.push_back({{"id", Number(row.id)}, {"v", Number(row.v)}});
    }
    table_.Put(items);
    Roll();
  }
  void Delete(int64_t id) override {
    table_.Delete(id);
    Roll();
  }

 private:
  void Roll() {
    if (roll_every_ > 0 && ++writes_ % roll_every_ == 0) table_.RollShards();
  }

  TestTable table_{"id"};
  const int roll_every_;
  std::atomic<int> writes_{0};
};

std::vector<TableCase> TableCases() {
  if (Endpoint() == nullptr) return {};
  const auto make = [](int roll_every) {
    return [roll_every] { return std::make_unique<DynamoTableFixture>(roll_every); };
  };
  return {{.name = "one_shard", .make = make(0)}, {.name = "rolling_shards", .make = make(7)}};
}

MURMUR_TABLE_SOURCE_CONTRACT(DynamoTableContract);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DynamoTableContract);
INSTANTIATE_TEST_SUITE_P(Dynamo, DynamoTableContract, testing::ValuesIn(TableCases()),
                         TableCaseName);

}  // namespace
}  // namespace murmur
