// MongoDB under the contracts of snapshot and live sources and of tables, on the server that
// MURMUR_TEST_MONGO names by its uri; without one there are no cases.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "murmur/testing/live_source_contract.h"
#include "murmur/testing/snapshot_source_contract.h"
#include "murmur/testing/table_source_contract.h"
#include "source/mongo/bson_key.h"
#include "source/mongo/mongo_client.h"
#include "source/mongo/mongo_live.h"
#include "source/mongo/mongo_position.h"
#include "source/mongo/mongo_scan.h"
#include "source/mongo/mongo_snapshot.h"
#include "testing/hanging_server.h"
#include "testing/many_live_sources.h"

namespace murmur {
namespace {

using std::chrono::steady_clock;
using testing::HasSubstr;

constexpr char kDatabase[] = "murmur_contract";
constexpr std::chrono::seconds kPatience{30};

const char* Uri() { return std::getenv("MURMUR_TEST_MONGO"); }
constexpr char kNowhere[] = "mongodb://localhost:1/";

SourceSpec SpecOf(const std::string& collection, const std::string& uri) {
  return {"mongo", {{"uri", uri}, {"database", kDatabase}, {"collection", collection}}};
}
Definition DefinitionOf(const std::string& collection, const std::string& uri = Uri()) {
  Definition definition;
  definition.name = "contract";
  definition.source = SpecOf(collection, uri);
  return definition;
}

// A collection of its own, empty at first, with what writes to it. Commands are JSON, where '$$'
// stands for its name.
class TestCollection {
 public:
  TestCollection() {
    static std::atomic<int> number{0};
    name_ = fmt::format("c{}_{}", getpid(), number++);
    client_ = MongoClient::Make(MakeMongoPlace(SpecOf(name_, Uri())).value()).value();
    Run(R"({"create": "$$"})");
  }
  ~TestCollection() { TryToRun(kDatabase, R"({"drop": "$$"})"); }

  const std::string& name() const { return name_; }
  const MongoClient& client() const { return *client_; }

  // False: the server refuses it.
  bool TryToRun(const char* database, std::string json) {
    for (size_t at = json.find("$$"); at != json.npos; at = json.find("$$")) {
      json.replace(at, 2, name_);
    }
    bson_error_t error;
    const BsonDocument command(bson_new_from_json(reinterpret_cast<const uint8_t*>(json.data()),
                                                  static_cast<ssize_t>(json.size()), &error));
    bson_t reply;
    bson_iter_t errors;
    const bool ok = mongoc_client_command_simple(client_->get(), database, command.get(), nullptr,
                                                 &reply, &error) &&
                    !bson_iter_init_find(&errors, &reply, "writeErrors");
    error_ = BsonText(bson_as_relaxed_extended_json(&reply, nullptr)).get();
    bson_destroy(&reply);
    return ok;
  }
  void Run(const std::string& json) { ASSERT_TRUE(TryToRun(kDatabase, json)) << error_; }

  // `documents` as JSON.
  void Insert(const std::vector<std::string>& documents) {
    constexpr size_t kAtOnce = 1000;
    for (size_t begin = 0; begin < documents.size(); begin += kAtOnce) {
      const auto end = std::min(begin + kAtOnce, documents.size());
      std::string json = R"({"insert": "$$", "documents": [)";
      for (size_t i = begin; i < end; ++i) json += (i == begin ? "" : ", ") + documents[i];
      Run(json + "]}");
    }
  }
  void Insert(int64_t id, int64_t v) { Insert({fmt::format(R"({{"_id": {}, "v": {}}})", id, v)}); }
  void Set(int64_t id, int64_t v) {
    Run(fmt::format(
        R"({{"update": "$$", "updates": [{{"q": {{"_id": {}}}, "u": {{"$set": {{"v": {}}}}}}}]}})",
        id, v));
  }
  void Replace(int64_t id, int64_t v) {
    Run(fmt::format(
        R"({{"update": "$$", "updates": [{{"q": {{"_id": {0}}}, "u": {{"_id": {0}, "v": {1}}},)"
        R"( "upsert": true}}]}})",
        id, v));
  }
  void Delete(int64_t id) {
    Run(fmt::format(R"({{"delete": "$$", "deletes": [{{"q": {{"_id": {}}}, "limit": 1}}]}})", id));
  }

 private:
  std::string name_;
  std::unique_ptr<MongoClient> client_;
  std::string error_;
};

Projection FieldsOf(const std::vector<std::string>& names) {
  Projection projection;
  for (const std::string& name : names) projection.fields.emplace_back().path.steps = {name};
  return projection;
}

// --- the contract of snapshot sources

class MongoSnapshotFixture final : public SourceFixture {
 public:
  MongoSnapshotFixture(const std::vector<ContractRecord>& records, uint64_t split_rows)
      : split_rows_(split_rows) {
    std::vector<std::string> documents;
    documents.reserve(records.size());
    for (const ContractRecord& record : records) documents.push_back(record.ToJson());
    collection_.Insert(documents);
  }
  std::unique_ptr<SnapshotSource> MakeSource() override {
    return MakeMongoSnapshot(DefinitionOf(collection_.name()), {.split = {.rows = split_rows_}})
        .value();
  }
  std::unique_ptr<Hang> BeginHang() override { return HangingServer::Of("MURMUR_TEST_MONGO_PID"); }

 private:
  TestCollection collection_;
  const uint64_t split_rows_;
};

std::vector<SourceCase> SnapshotCases() {
  if (Uri() == nullptr) return {};
  const auto make = [](uint64_t split_rows) {
    return [split_rows](const std::vector<ContractRecord>& records) {
      return std::unique_ptr<SourceFixture>(
          std::make_unique<MongoSnapshotFixture>(records, split_rows));
    };
  };
  return {{.name = "one_split", .make = make(50'000)}, {.name = "many_splits", .make = make(700)}};
}

MURMUR_SNAPSHOT_SOURCE_CONTRACT_OF_TABLE(MongoSnapshotContract);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(MongoSnapshotContract);
INSTANTIATE_TEST_SUITE_P(Mongo, MongoSnapshotContract, testing::ValuesIn(SnapshotCases()),
                         SourceCaseName);

// --- the contract of live sources

class MongoLiveFixture final : public LiveFixture {
 public:
  MongoLiveFixture() : collections_(kSplits) { begin_ = Source({})->HandoffNow({}).value(); }

  std::unique_ptr<LiveSource> MakeSource() override { return Source(begin_); }
  void Append(size_t split, const std::vector<int64_t>& ids) override {
    std::vector<std::string> documents;
    documents.reserve(ids.size());
    for (const int64_t id : ids) documents.push_back(fmt::format(R"({{"id": {}}})", id));
    collections_[split].Insert(documents);
  }
  void AddSplit() override {}
  void DropOldest(size_t /*split*/, size_t /*count*/) override {}
  std::unique_ptr<Hang> BeginHang() override { return HangingServer::Of("MURMUR_TEST_MONGO_PID"); }
  std::string SplitId(size_t split) const override {
    return fmt::format("mongo:{}.{}", kDatabase, collections_[split].name());
  }

 private:
  // A collection is one split.
  std::unique_ptr<LiveSource> Source(const HandoffToken& begin) const {
    std::vector<std::unique_ptr<LiveSource>> sources;
    for (const TestCollection& collection : collections_) {
      sources.push_back(MakeMongoLive(DefinitionOf(collection.name())).value());
    }
    return std::make_unique<ManyLiveSources>(std::move(sources), begin);
  }

  std::vector<TestCollection> collections_;
  HandoffToken begin_;
};

std::vector<LiveCase> LiveCases() {
  if (Uri() == nullptr) return {};
  return {{.name = "collection", .make = [] { return std::make_unique<MongoLiveFixture>(); }}};
}

MURMUR_LIVE_SOURCE_CONTRACT_OF_TABLE(MongoLiveContract);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(MongoLiveContract);
INSTANTIATE_TEST_SUITE_P(Mongo, MongoLiveContract, testing::ValuesIn(LiveCases()), LiveCaseName);

// --- the contract of tables

class MongoTableFixture final : public TableFixture {
 public:
  explicit MongoTableFixture(bool keeps_images) {
    if (!keeps_images) return;
    collection_.Run(R"({"collMod": "$$", "changeStreamPreAndPostImages": {"enabled": true}})");
  }

  std::unique_ptr<SnapshotSource> MakeRows() override {
    // Small, so that a scan has several splits of several batches, each at several times.
    return MakeMongoSnapshot(DefinitionOf(collection_.name()),
                             {.split = {.rows = 2500}, .pace = {.rows = 600}})
        .value();
  }
  std::unique_ptr<LiveSource> MakeChanges() override {
    return MakeMongoLive(DefinitionOf(collection_.name())).value();
  }
  void Put(const std::vector<ContractRow>& rows) override {
    std::string json = R"({"update": "$$", "updates": [)";
    for (size_t i = 0; i < rows.size(); ++i) {
      json += fmt::format(
          R"({}{{"q": {{"_id": {}}}, "u": {{"$set": {{"id": {}, "v": {}}}}}, "upsert": true}})",
          i == 0 ? "" : ", ", rows[i].id, rows[i].id, rows[i].v);
    }
    const std::lock_guard lock(mutex_);
    collection_.Run(json + "]}");
  }
  void Delete(int64_t id) override {
    const std::lock_guard lock(mutex_);
    collection_.Delete(id);
  }

 private:
  std::mutex mutex_;  // a client belongs to one thread
  TestCollection collection_;
};

std::vector<TableCase> TableCases() {
  if (Uri() == nullptr) return {};
  const auto make = [](bool keeps_images) {
    return [keeps_images] { return std::make_unique<MongoTableFixture>(keeps_images); };
  };
  return {{.name = "with_images", .make = make(true)},
          {.name = "without_images", .make = make(false)}};
}

MURMUR_TABLE_SOURCE_CONTRACT(MongoTableContract);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(MongoTableContract);
INSTANTIATE_TEST_SUITE_P(Mongo, MongoTableContract, testing::ValuesIn(TableCases()), TableCaseName);

// --- what the contracts don't ask

// A row as it was read.
struct Row {
  RowChange change = RowChange::kPut;
  int64_t v = 0;
};
using Rows = std::map<std::string, Row>;  // by key

class MongoTest : public testing::TestWithParam<std::string> {  // the uri
 protected:
  static Projection Fields() { return FieldsOf({"v"}); }

  std::unique_ptr<SnapshotSource> Snapshot(uint64_t split_rows = 50'000) const {
    return MakeMongoSnapshot(DefinitionOf(collection_.name()), {.split = {.rows = split_rows}})
        .value();
  }
  std::unique_ptr<LiveSource> Live() const {
    return MakeMongoLive(DefinitionOf(collection_.name())).value();
  }
  Split LiveSplit() const { return {.id = "mongo:" + Namespace()}; }
  std::string Namespace() const { return fmt::format("{}.{}", kDatabase, collection_.name()); }

  std::unique_ptr<RecordStream> OpenLive(LiveSource* live, const Position& after) const {
    auto stream = live->Open(LiveSplit(), after, Fields(), [] {}, {});
    EXPECT_TRUE(stream.ok()) << stream.status().ToString();
    return stream.ok() ? *std::move(stream) : nullptr;
  }
  Position Now() const { return Live()->Ends({LiveSplit()}, {}).value().at(LiveSplit().id); }

  static void Apply(const RecordBatch& batch, Rows* rows) {
    ASSERT_EQ(batch.table->row_keys.size(), batch.rows);
    ASSERT_EQ(batch.table->changes.size(), batch.rows);
    for (uint32_t row = 0; row < batch.rows; ++row) {
      (*rows)[std::string(batch.table->row_keys[row])] = {batch.table->changes[row],
                                                          batch.columns[0].cells[row].i};
    }
  }
  // Reads `stream`, opened at the position `from`, up to `end`.
  static Status ReadUpTo(RecordStream* stream, const LiveSource& live, const Position& from,
                         const Position& end, Rows* rows) {
    RecordBatch batch(Fields());
    batch.after = from;
    const auto give_up = steady_clock::now() + kPatience;
    while (live.Distance(batch.after, end) > 0) {
      MURMUR_ASSIGN(const ReadState state, stream->Read({}, &batch));
      if (state == ReadState::kRecords) Apply(batch, rows);
      if (state == ReadState::kIdle) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (steady_clock::now() > give_up) return Status(Code::kUnavailable, "not at its end");
    }
    return {};
  }
  // The first error of the stream.
  static Status ReadUntilError(RecordStream* stream, Rows* rows) {
    RecordBatch batch(Fields());
    const auto give_up = steady_clock::now() + kPatience;
    while (steady_clock::now() < give_up) {
      MURMUR_ASSIGN(const ReadState state, stream->Read({}, &batch));
      if (state == ReadState::kRecords) Apply(batch, rows);
    }
    return {};
  }
  using KeyAndPosition = std::pair<std::string, Position>;
  std::vector<KeyAndPosition> ReadKeys(SnapshotSource* source, const Split& split,
                                       const Position& after) const {
    std::vector<KeyAndPosition> keys;
    const auto stream = source->Open(split, after, Fields(), {}).value();
    RecordBatch batch(Fields());
    for (;;) {
      const auto state = stream->Read({}, &batch);
      EXPECT_TRUE(state.ok()) << state.status().ToString();
      if (!state.ok() || *state == ReadState::kEnd) return keys;
      for (uint32_t row = 0; row < batch.table->row_keys.size(); ++row) {
        DeadLetter letter;
        batch.describe(row, &letter);
        keys.emplace_back(batch.table->row_keys[row], letter.id.substr(Namespace().size() + 1));
      }
    }
  }
  static std::string KeyOf(int64_t id) {
    const BsonDocument document;
    BSON_APPEND_INT64(document.get(), "_id", id);
    bson_iter_t value;
    bson_iter_init_find(&value, document.get(), "_id");
    std::string key;
    EXPECT_TRUE(AppendBsonKey(&value, &key).ok());
    return key;
  }

  TestCollection collection_;
};

std::vector<std::string> UriIfAny() {
  return Uri() == nullptr ? std::vector<std::string>() : std::vector<std::string>{Uri()};
}
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(MongoTest);
INSTANTIATE_TEST_SUITE_P(Mongo, MongoTest, testing::ValuesIn(UriIfAny()));

TEST_P(MongoTest, KeysOfAllTypesAreInOneSplitEach) {
  std::vector<std::string> documents = {
      R"({"_id": null})",
      R"({"_id": {"$minKey": 1}})",
      R"({"_id": {"$maxKey": 1}})",
      R"({"_id": {"a": 1, "b": "x"}})",
      R"({"_id": {"b": "x", "a": 1}})",
      R"({"_id": true})",
      R"({"_id": {"$numberDecimal": "1.5"}})",
      R"({"_id": {"$numberDouble": "NaN"}})",
      R"({"_id": {"$timestamp": {"t": 5, "i": 7}}})",
      R"({"_id": "nul \u0000 inside"})",
      R"({"_id": {"$binary": {"base64": "AAEC", "subType": "00"}}})"};
  for (int i = 0; i < 400; ++i) {
    documents.push_back(fmt::format(R"({{"_id": {}}})", i));
    documents.push_back(fmt::format(R"({{"_id": {}.25}})", i));
    documents.push_back(fmt::format(R"({{"_id": "{}"}})", i));
    documents.push_back(fmt::format(R"({{"_id": {{"$oid": "{:024x}"}}}})", i));
    documents.push_back(fmt::format(R"({{"_id": {{"$date": {{"$numberLong": "{}"}}}}}})", i));
  }
  collection_.Insert(documents);
  const auto source = Snapshot(/*split_rows=*/50);
  const auto plan = source->Scan({});
  ASSERT_TRUE(plan.ok()) << plan.status().ToString();
  EXPECT_GT(plan->splits.size(), 20u);
  std::vector<KeyAndPosition> all;
  for (const Split& split : plan->splits) {
    const auto keys = ReadKeys(source.get(), split, {});
    for (size_t i = 0; i < keys.size(); i += 10) {
      const std::vector<KeyAndPosition> expected(keys.begin() + static_cast<ptrdiff_t>(i) + 1,
                                                 keys.end());
      EXPECT_EQ(ReadKeys(source.get(), split, keys[i].second), expected) << keys[i].second;
    }
    all.insert(all.end(), keys.begin(), keys.end());
  }
  EXPECT_EQ(all.size(), documents.size());
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
  EXPECT_EQ(all.back().second, R"({ "$maxKey" : 1 })");
}

TEST_P(MongoTest, RowsTellTheirKeyAndText) {
  collection_.Insert({R"({"_id": "a", "v": 1, "unasked": 5})"});
  const auto source = Snapshot();
  const auto stream = source->Open(source->Scan({}).value().splits.at(0), {}, Fields(), {}).value();
  RecordBatch batch(Fields());
  while (stream->Read({}, &batch).value() == ReadState::kIdle) {
  }
  ASSERT_EQ(batch.rows, 1u);
  EXPECT_EQ(batch.object, Namespace());
  EXPECT_EQ(batch.table->changes[0], RowChange::kPut);
  DeadLetter letter;
  batch.describe(0, &letter);
  EXPECT_EQ(letter.id, Namespace() + ":\"a\"");
  EXPECT_EQ(letter.raw, R"({ "_id" : "a", "v" : 1 })");
}

TEST_P(MongoTest, ARowThatCanNotBeDecodedHoldsNothing) {
  const BsonDocument document;
  BSON_APPEND_INT32(document.get(), "_id", 1);
  bson_append_utf8(document.get(), "v", 1, "\xff", 1);
  bson_error_t error;
  ASSERT_TRUE(mongoc_collection_insert_one(collection_.client().Collection().get(), document.get(),
                                           nullptr, nullptr, &error))
      << error.message;
  const auto source = Snapshot();
  const auto stream = source->Open(source->Scan({}).value().splits.at(0), {}, Fields(), {}).value();
  RecordBatch batch(Fields());
  while (stream->Read({}, &batch).value() == ReadState::kIdle) {
  }
  ASSERT_EQ(batch.rows, 1u);
  EXPECT_EQ(batch.table->changes[0], RowChange::kDelete);
  ASSERT_EQ(batch.dead_letters.size(), 1u);
  EXPECT_EQ(batch.dead_letters[0].id, Namespace() + ":{ \"$numberInt\" : \"1\" }");
  EXPECT_FALSE(batch.dead_letters[0].raw.empty());
}

TEST_P(MongoTest, AScanGoesOnWhenTheServerBreaksItOff) {
  constexpr int kRows = 20'000;
  std::vector<std::string> documents;
  documents.reserve(kRows);
  for (int id = 0; id < kRows; ++id) {
    documents.push_back(fmt::format(R"({{"_id": {}, "v": "{}"}})", id, std::string(2000, 'x')));
  }
  collection_.Insert(documents);
  const auto source = Snapshot();
  const auto stream = source->Open(source->Scan({}).value().splits.at(0), {}, Fields(), {}).value();
  RecordBatch batch(Fields());
  int64_t rows = 0;
  for (int reads = 0;; ++reads) {
    const auto state = stream->Read({}, &batch);
    ASSERT_TRUE(state.ok()) << state.status().ToString();
    if (*state == ReadState::kEnd) break;
    for (const std::string_view key : batch.table->row_keys) EXPECT_EQ(key, KeyOf(rows++));
    const bool kill = reads == 0;
    EXPECT_TRUE(!kill || collection_.TryToRun("admin", R"({"killAllSessions": []})"));
  }
  EXPECT_EQ(rows, kRows);
}

// Reads all rows of a collection, a batch at a time, each of which has one cluster time.
class PacedScan {
 public:
  PacedScan(const std::string& collection, const MongoPaceLimits& pace)
      : clients_(MongoClients::Make(SpecOf(collection, Uri())).value()),
        stream_(clients_, {}, FieldsOf({"v"}), {.not_before = 0, .row_bytes = 2000, .pace = pace}) {
  }

  // False: that was all.
  bool Read() {
    for (;;) {
      const auto state = stream_.Read({}, &batch_);
      EXPECT_TRUE(state.ok()) << state.status().ToString();
      if (!state.ok() || *state == ReadState::kEnd) return false;
      if (*state == ReadState::kIdle) continue;
      for (const std::string_view key : batch_.table->row_keys) keys_.emplace_back(key);
      if (times_.empty() || times_.back() != batch_.table->read_point)
        times_.push_back(batch_.table->read_point);
      return true;
    }
  }
  const std::string& read_at() const { return batch_.table->read_point; }
  const std::vector<std::string>& keys() const { return keys_; }
  const std::vector<std::string>& times() const { return times_; }  // of the reads

 private:
  const std::shared_ptr<MongoClients> clients_;
  MongoScanStream stream_;
  RecordBatch batch_{FieldsOf({"v"})};
  std::vector<std::string> keys_;
  std::vector<std::string> times_;
};

class MongoPacedScanTest : public MongoTest {
 protected:
  static constexpr int kRows = 20'000;

  void SetUp() override {
    std::vector<std::string> documents;
    documents.reserve(kRows);
    for (int id = 0; id < kRows; ++id) {
      documents.push_back(fmt::format(R"({{"_id": {}, "v": "{}"}})", id, std::string(2000, 'x')));
    }
    collection_.Insert(documents);
  }
  // Time goes on, for the server as well.
  void Tick() {
    collection_.TryToRun("admin", R"({"appendOplogNote": 1, "data": {"tick": 1}})");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  static void ExpectEachRowOnce(const PacedScan& scan) {
    ASSERT_EQ(scan.keys().size(), size_t{kRows});
    for (int id = 0; id < kRows; ++id) ASSERT_EQ(scan.keys()[static_cast<size_t>(id)], KeyOf(id));
    EXPECT_TRUE(std::is_sorted(scan.times().begin(), scan.times().end()));
  }
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(MongoPacedScanTest);
INSTANTIATE_TEST_SUITE_P(Mongo, MongoPacedScanTest, testing::ValuesIn(UriIfAny()));

TEST_P(MongoPacedScanTest, ARangeIsReadInPiecesEachAtATimeOfItsOwn) {
  for (const MongoPaceLimits& pace :
       {MongoPaceLimits{.rows = 1000}, MongoPaceLimits{.bytes = 2'000'000},
        MongoPaceLimits{.time = std::chrono::milliseconds(3)}}) {
    PacedScan scan(collection_.name(), pace);
    while (scan.Read()) Tick();
    ExpectEachRowOnce(scan);
    EXPECT_GT(scan.times().size(), 5u);
  }
  PacedScan scan(collection_.name(), {});
  while (scan.Read()) Tick();
  ExpectEachRowOnce(scan);
  EXPECT_EQ(scan.times().size(), 1u);
}

// That nothing follows the last row was read at a separate time.
TEST_P(MongoPacedScanTest, TheEndHasATimeToo) {
  const std::jthread ticking([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) Tick();
  });
  PacedScan scan(collection_.name(), {.rows = 5000});
  while (scan.Read()) {
  }
  ExpectEachRowOnce(scan);
  EXPECT_EQ(scan.times().size(), size_t{kRows} / 5000);
  EXPECT_GT(scan.read_at(), scan.times().back());
}

TEST_P(MongoPacedScanTest, ATimeThatTheServerHasForgottenIsFollowedByANewOne) {
  const auto remember = [this](int seconds) {
    return collection_.TryToRun(
        "admin",
        fmt::format(R"({{"setParameter": 1, "minSnapshotHistoryWindowInSeconds": {}}})", seconds));
  };
  ASSERT_TRUE(remember(0));
  PacedScan scan(collection_.name(), {});
  while (scan.Read()) Tick();
  EXPECT_TRUE(remember(600));
  ExpectEachRowOnce(scan);
  EXPECT_GT(scan.times().size(), 1u);
}

TEST_P(MongoTest, ChangesSayWhatARowHoldsNow) {
  const Position begin = Now();
  const auto live = Live();
  collection_.Insert(1, 10);
  collection_.Insert(2, 20);
  collection_.Set(1, 11);
  collection_.Replace(2, 22);
  collection_.Insert(3, 30);
  collection_.Set(3, 31);
  collection_.Delete(3);
  const Position end = Now();
  const auto stream = OpenLive(live.get(), begin);
  RecordBatch batch(Fields());
  std::vector<std::pair<RowChange, int64_t>> changes;
  const auto give_up = steady_clock::now() + kPatience;
  for (Position at = begin; live->Distance(at, end) > 0;) {
    const auto state = stream->Read({}, &batch);
    ASSERT_TRUE(state.ok()) << state.status().ToString();
    ASSERT_LT(steady_clock::now(), give_up);
    if (*state != ReadState::kRecords) continue;
    at = batch.after;
    for (uint32_t row = 0; row < batch.rows; ++row) {
      EXPECT_EQ(batch.object, Namespace());
      changes.emplace_back(batch.table->changes[row], batch.columns[0].cells[row].i);
    }
  }
  using enum RowChange;
  // An update of a row that is gone finds none.
  EXPECT_THAT(changes,
              testing::ElementsAre(std::pair(kPut, 10), std::pair(kPut, 20), std::pair(kPut, 11),
                                   std::pair(kPut, 22), std::pair(kPut, 30), std::pair(kDelete, 0),
                                   std::pair(kDelete, 0)));
}

TEST_P(MongoTest, TheLastChangeBeforeAHandoffDoesNotComeAgain) {
  collection_.Insert(1, 1);
  const auto live = Live();
  const HandoffToken token = live->HandoffNow({}).value();
  collection_.Insert(2, 2);
  const Position begin = live->Begin({LiveSplit()}, token, {}).value().at(LiveSplit().id);
  const auto stream = OpenLive(live.get(), begin);
  Rows rows;
  const Status read = ReadUpTo(stream.get(), *live, begin, Now(), &rows);
  ASSERT_TRUE(read.ok()) << read.ToString();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows.begin()->first, KeyOf(2));
}

TEST_P(MongoTest, TheEndIsReachedSoonThoughNothingOfTheCollectionComes) {
  const Position begin = Now();
  const auto live = Live();
  const auto stream = OpenLive(live.get(), begin);
  TestCollection other;
  other.Insert(1, 1);
  const Position end = live->Ends({LiveSplit()}, {}).value().at(LiveSplit().id);
  ASSERT_GT(live->Distance(begin, end), 0u);
  const auto start = steady_clock::now();
  Rows rows;
  const Status read = ReadUpTo(stream.get(), *live, begin, end, &rows);
  EXPECT_TRUE(read.ok()) << read.ToString();
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(2));
  EXPECT_TRUE(rows.empty());
}

// All changes of a transaction have one time.
TEST_P(MongoTest, TheEndIsNotReachedInTheMiddleOfATransaction) {
  constexpr int kRows = 5000;
  const Position begin = Now();
  bson_error_t error;
  const Mongoc<mongoc_client_session_t> session(
      mongoc_client_start_session(collection_.client().get(), nullptr, &error));
  ASSERT_TRUE(mongoc_client_session_start_transaction(session.get(), nullptr, &error));
  const BsonDocument options;
  ASSERT_TRUE(mongoc_client_session_append(session.get(), options.get(), &error));
  const auto writing = collection_.client().Collection();
  for (int id = 0; id < kRows; ++id) {
    const BsonDocument document;
    BSON_APPEND_INT32(document.get(), "_id", id);
    ASSERT_TRUE(
        mongoc_collection_insert_one(writing.get(), document.get(), options.get(), nullptr, &error))
        << error.message;
  }
  ASSERT_TRUE(mongoc_client_session_commit_transaction(session.get(), nullptr, &error))
      << error.message;
  const Position end = Now();
  const auto live = Live();
  Position first;  // the position after a batch in its middle
  size_t first_rows = 0;
  {
    const auto stream = OpenLive(live.get(), begin);
    RecordBatch batch(Fields());
    const auto give_up = steady_clock::now() + kPatience;
    while (batch.rows == 0) {
      ASSERT_TRUE(stream->Read({}, &batch).ok());
      ASSERT_LT(steady_clock::now(), give_up);
    }
    first = batch.after;
    first_rows = batch.rows;
  }
  ASSERT_LT(first_rows, kRows);
  for (const auto& [position, expected] :
       {std::pair(begin, size_t{kRows}), std::pair(first, kRows - first_rows)}) {
    const auto stream = OpenLive(live.get(), position);
    Rows rows;
    const Status read = ReadUpTo(stream.get(), *live, position, end, &rows);
    EXPECT_TRUE(read.ok()) << read.ToString();
    EXPECT_EQ(rows.size(), expected);
  }
}

TEST_P(MongoTest, ChangesGoOnAfterAnElection) {
  const Position begin = Now();
  const auto live = Live();
  const auto stream = OpenLive(live.get(), begin);
  collection_.Insert(1, 1);
  Rows rows;
  ASSERT_EQ(ReadUpTo(stream.get(), *live, begin, Now(), &rows), Status());
  collection_.TryToRun("admin", R"({"replSetStepDown": 1, "force": true})");
  const auto give_up = steady_clock::now() + kPatience;
  while (!collection_.TryToRun(kDatabase, R"({"insert": "$$", "documents": [{"_id": 2}]})")) {
    ASSERT_LT(steady_clock::now(), give_up);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  const Status read = ReadUpTo(stream.get(), *live, begin, Now(), &rows);
  EXPECT_TRUE(read.ok()) << read.ToString();
  EXPECT_EQ(rows.size(), 2u);
}

// Its _id is in the change three times: in the row, as its key, and in the token.
TEST_P(MongoTest, AChangeThatIsTooLargeForAStreamIsAnErrorUnlessTheServerCutsIt) {
  const Position begin = Now();
  collection_.Insert(1, 1);
  const auto writing =
      MongoClient::Make(
          MakeMongoPlace(SpecOf(collection_.name(), std::string(Uri()) + "&retryWrites=false"))
              .value())
          .value();
  const BsonDocument document;
  BSON_APPEND_UTF8(document.get(), "_id", std::string(1 << 19, 'k').c_str());
  BSON_APPEND_UTF8(document.get(), "v", std::string(59 << 18, 'v').c_str());
  bson_error_t error;
  ASSERT_TRUE(mongoc_collection_insert_one(writing->Collection().get(), document.get(), nullptr,
                                           nullptr, &error))
      << error.message;
  const Position end = Now();
  const auto live = Live();
  const auto stream = OpenLive(live.get(), begin);
  Rows rows;
  const Status status = ReadUpTo(stream.get(), *live, begin, end, &rows);
  if (collection_.client().SplitsLargeChanges().value()) {
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_EQ(rows.size(), 2u);
    return;
  }
  EXPECT_EQ(status.code(), Code::kFailedPrecondition) << status.ToString();
  EXPECT_THAT(std::string(status.message()), HasSubstr("too large"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("6.0.9"));
  EXPECT_THAT(std::string(status.message()), testing::Not(HasSubstr("kkkk")));
}

TEST(MongoVersionTest, WhoCutsLargeChanges) {
  for (const auto& [version, cuts] : std::map<std::array<uint64_t, 3>, bool>{{{4, 4, 29}, false},
                                                                             {{6, 0, 8}, false},
                                                                             {{6, 0, 9}, true},
                                                                             {{6, 0, 20}, true},
                                                                             {{6, 3, 2}, false},
                                                                             {{7, 0, 0}, true},
                                                                             {{8, 2, 1}, true}}) {
    EXPECT_EQ(MongoSplitsLargeChanges(version), cuts) << version[0] << "." << version[1];
  }
}

TEST_P(MongoTest, HowFarTheOplogReaches) {
  collection_.Insert(1, 1);
  const auto live = Live();
  MongoPosition position = ParseMongoPosition(Now()).value();
  position.through -= uint64_t{100} << 32;
  const auto reach = live->Reach({{LiveSplit().id, position.ToString()}}, {});
  ASSERT_TRUE(reach.ok()) << reach.status().ToString();
  ASSERT_TRUE(*reach);
  ASSERT_TRUE((*reach)->times);
  const LogReach::Times& times = *(*reach)->times;
  EXPECT_NEAR(static_cast<double>(times.now - times.read_up_to), 100e6, 2e6);
  EXPECT_LT(times.oldest, times.now);
  EXPECT_LT(times.now - times.oldest, 3600e6) << "the server of this test is not older";
  EXPECT_THAT((*reach)->remedy, HasSubstr("minRetentionHours: 24"));
  EXPECT_TRUE(
      collection_.TryToRun("admin", R"({"replSetResizeOplog": 1, "minRetentionHours": 24})"));
  EXPECT_TRUE(
      collection_.TryToRun("admin", R"({"replSetResizeOplog": 1, "minRetentionHours": 0})"));
}

TEST_P(MongoTest, ADroppedCollectionIsTheEnd) {
  const Position begin = Now();
  collection_.Insert(1, 1);
  collection_.Run(R"({"drop": "$$"})");
  collection_.Run(R"({"create": "$$"})");
  collection_.Insert(2, 2);
  const auto live = Live();
  const auto stream = OpenLive(live.get(), begin);
  Rows rows;
  const Status status = ReadUntilError(stream.get(), &rows);
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("was dropped"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("--fresh"));
  EXPECT_EQ(rows.size(), 1u) << "what came before counts";
}

TEST_P(MongoTest, ARenamedCollectionIsTheEnd) {
  const Position begin = Now();
  ASSERT_TRUE(collection_.TryToRun(
      "admin", fmt::format(R"({{"renameCollection": "{0}.$$", "to": "{0}.$$_new"}})", kDatabase)));
  collection_.Run(R"({"create": "$$"})");
  const auto live = Live();
  const auto stream = OpenLive(live.get(), begin);
  Rows rows;
  const Status status = ReadUntilError(stream.get(), &rows);
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr(collection_.name() + "_new"));
  collection_.Run(R"({"drop": "$$_new"})");
}

TEST_P(MongoTest, ACollectionThatAnotherTookTheNameOfIsTheEnd) {
  const Position begin = Now();
  collection_.Run(R"({"create": "$$_new"})");
  ASSERT_TRUE(collection_.TryToRun(
      "admin",
      fmt::format(R"({{"renameCollection": "{0}.$$_new", "to": "{0}.$$", "dropTarget": true}})",
                  kDatabase)));
  const auto live = Live();
  const auto stream = OpenLive(live.get(), begin);
  Rows rows;
  EXPECT_EQ(ReadUntilError(stream.get(), &rows).code(), Code::kFailedPrecondition);
}

TEST_P(MongoTest, AScanOfADroppedCollectionIsNotTakenUp) {
  collection_.Insert(1, 1);
  const ScanPlan plan = Snapshot()->Scan({}).value();
  EXPECT_EQ(Snapshot()->Resume(plan, {}), Status());
  collection_.Run(R"({"drop": "$$"})");
  EXPECT_EQ(Snapshot()->Resume(plan, {}).code(), Code::kNotFound);
  collection_.Run(R"({"create": "$$"})");
  EXPECT_EQ(Snapshot()->Resume(plan, {}).code(), Code::kFailedPrecondition);
}

// Of a change that the oplog does not have.
TEST_P(MongoTest, APositionThatTheOplogDoesNotHaveIsAnError) {
  const Position begin = Now();
  const auto live = Live();
  collection_.Insert(1, 1);
  const auto stream = OpenLive(live.get(), begin);
  RecordBatch batch(Fields());
  const auto give_up = steady_clock::now() + kPatience;
  while (batch.rows == 0) {
    ASSERT_TRUE(stream->Read({}, &batch).ok());
    ASSERT_LT(steady_clock::now(), give_up);
  }
  MongoPosition position = ParseMongoPosition(batch.after).value();
  position.token.replace(2, 8, "00000001");  // its seconds
  const auto read = [&]() -> Status {
    MURMUR_ASSIGN(const auto lost,
                  live->Open(LiveSplit(), position.ToString(), Fields(), [] {}, {}));
    Rows rows;
    return ReadUntilError(lost.get(), &rows);
  };
  const Status status = read();
  EXPECT_EQ(status.code(), Code::kOutOfRange) << status.ToString();
  EXPECT_THAT(std::string(status.message()), HasSubstr("--fresh"));
}

TEST_P(MongoTest, WhatIsNoPositionIsAnError) {
  const auto live = Live();
  for (const char* text : {"", "5", "1.x", "1700000000.5@"}) {
    EXPECT_EQ(live->Open(LiveSplit(), text, Fields(), [] {}, {}).status().code(),
              Code::kInvalidArgument)
        << text;
  }
}

TEST_P(MongoTest, CollectionsWhoseChangesDoNotTellAllAreRefused) {
  const std::pair<const char*, const char*> kKinds[] = {
      {R"({"create": "$$_kind", "viewOn": "$$", "pipeline": []})", "view"},
      {R"({"create": "$$_kind", "capped": true, "size": 4096})", "capped"},
      {R"({"create": "$$_kind", "collation": {"locale": "en", "strength": 2}})", "collation"},
      {R"({"create": "$$_kind", "timeseries": {"timeField": "t"}})", "time series"}};
  for (const auto& [create, why] : kKinds) {
    collection_.Run(create);
    const Definition definition = DefinitionOf(collection_.name() + "_kind");
    const Status snapshot = MakeMongoSnapshot(definition).value()->HandoffNow({}).status();
    EXPECT_EQ(snapshot.code(), Code::kFailedPrecondition);
    EXPECT_THAT(std::string(snapshot.message()), HasSubstr(why));
    EXPECT_EQ(MakeMongoLive(definition).value()->Splits({}).status(), snapshot);
    collection_.Run(R"({"drop": "$$_kind"})");
  }
}

TEST_P(MongoTest, ACollectionThatIsNotThereIsNamed) {
  const Status status = MakeMongoSnapshot(DefinitionOf("nowhere")).value()->HandoffNow({}).status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("nowhere"));
}

TEST(MongoUriTest, AnErrorHoldsNoPassword) {
  for (const char* uri : {"mongodb://user:geh/eim@localhost:1/", "mongodb://user:geheim%zz@h/"}) {
    const auto place = MakeMongoPlace(SpecOf("c", uri));
    ASSERT_EQ(place.status().code(), Code::kInvalidArgument);
    EXPECT_EQ(place.status().message().find("eim"), std::string_view::npos);
  }
  const auto place = MakeMongoPlace(SpecOf("c", "mongodb://user:secret@localhost:1/")).value();
  EXPECT_EQ(place->text, "mongo:murmur_contract.c at localhost:1");
  const auto client = MongoClient::Make(place).value();
  const Status status = client->OperationTime().status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.message().find("secret"), std::string_view::npos) << status.ToString();
}

TEST(MongoUriTest, ADatabaseThatIsAwayDoesNotHoldUpAStop) {
  const auto source = MakeMongoSnapshot(DefinitionOf("c", kNowhere)).value();
  std::stop_source stop;
  std::jthread stopping([&stop] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stop.request_stop();
  });
  const auto start = steady_clock::now();
  EXPECT_EQ(source->HandoffNow(stop.get_token()).status().code(), Code::kCancelled);
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(1));
}

TEST(MongoPositionTest, APositionIsTextAndBack) {
  for (const MongoPosition& position :
       {MongoPosition{.through = MakeClusterTime(1700000000, 5)},
        MongoPosition{.through = MakeClusterTime(7, 0), .token = "826553F10000000005"},
        MongoPosition{.through = 3, .token = R"({ "_data" : "82", "_typeBits" : 1 })"}}) {
    EXPECT_EQ(ParseMongoPosition(position.ToString()).value(), position);
  }
  EXPECT_EQ(MongoPosition{.through = MakeClusterTime(1700000000, 5)}.ToString(), "1700000000.5");
}

TEST(MongoPositionTest, AResumeTokenBeginsWithItsTime) {
  const BsonDocument token = ParseResumeToken("826553F1000000000A2B0229296E04").value();
  EXPECT_EQ(ResumeTokenTime(token.get()).value(), MakeClusterTime(0x6553F100, 10));
  EXPECT_EQ(ResumeTokenText(token.get()), "826553F1000000000A2B0229296E04");
  for (const char* text : {"", "82", "836553F1000000000A", "82zz53F1000000000A"}) {
    EXPECT_FALSE(ResumeTokenTime(ParseResumeToken(text).value().get()).ok()) << text;
  }
}

}  // namespace
}  // namespace murmur
