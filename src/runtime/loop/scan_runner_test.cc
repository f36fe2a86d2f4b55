// The loop against fakes: a table in memory as source, a table in memory as state, crashes wherever
// they can happen.
#include "runtime/loop/scan_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "state/memory/memory_table.h"
#include "testing/crashing_table.h"
#include "testing/fake_source.h"

namespace murmur {
namespace {

using testing::HasSubstr;

constexpr char kYaml[] =
    "name: test\nkey: [[page], []]\ntime: {field: ts, unit: s}\nwindow: {every: 1h}\n"
    "aggregates: {n: count, s: sum(x), d: distinct(user), l: last(x), q: 'quantiles(x, [0.5])'}\n"
    "bootstrap: {jsonl: {path: unused}}\n";

std::shared_ptr<const Pipeline> TestPipeline() {
  auto definition = ParseDefinition(kYaml, "test.yaml", ".");
  EXPECT_TRUE(definition.ok()) << definition.status().ToString();
  return std::move(Pipeline::Compile(*definition)).value();
}

std::string Row(size_t i) {
  return "{\"page\": \"/" + std::to_string(i * 7 % 31) +
         "\", \"ts\": " + std::to_string(1772323200 + i * 37 % 40000) +
         ", \"x\": " + std::to_string(i % 1000) + ".125, \"user\": " + std::to_string(i * i % 997) +
         "}";
}

class ScanRunnerTest : public testing::Test {
 protected:
  ScanRunnerTest() : pipeline_(TestPipeline()), rows_("rows") { NewStore(); }

  StateSchema Schema() const {
    return {.monoids = pipeline_->Monoids(), .buckets = pipeline_->buckets()};
  }
  void NewStore() { store_ = MakeMemoryStore({}, Schema()); }
  std::unique_ptr<StateTable> OpenTable() {
    return std::move(OpenMemoryTable(store_, Schema())).value();
  }
  void LoadRows(size_t count) {
    for (size_t i = 0; i < count; ++i) rows_.Load(Row(i));
  }

  // Commits after every batch, so that there are many boundaries.
  static FoldOptions Options(uint32_t threads) {
    return {.threads = threads, .commit_every = std::chrono::milliseconds(0)};
  }

  Status RunOn(StateTable* table, const FoldOptions& options, std::stop_token stop = {}) {
    FakeTableSource source(&rows_, &behaviour_);
    ScanRunner runner(pipeline_, &source, table, options);
    const Status status = runner.Run(stop);
    records_read_ = runner.progress().records_this_run;
    return status;
  }
  Status RunOnce(const FoldOptions& options, std::stop_token stop = {}) {
    const auto table = OpenTable();
    return RunOn(table.get(), options, stop);
  }

  std::shared_ptr<const Pipeline> pipeline_;
  FakeTable rows_;
  FakeBehaviour behaviour_;
  std::shared_ptr<MemoryStore> store_;
  uint64_t records_read_ = 0;
};

TEST_F(ScanRunnerTest, CompletesAndSaysSo) {
  LoadRows(4500);
  ASSERT_EQ(RunOnce(Options(1)), Status());
  EXPECT_EQ(store_->info.status, VersionStatus::kComplete);
  uint64_t records = 0;
  for (const auto& [split, progress] : store_->progress) {
    EXPECT_TRUE(progress.done) << split;
    records += progress.records;
  }
  EXPECT_EQ(records, 4500u);
}

TEST_F(ScanRunnerTest, ThreadsBatchesAndCommitsDoNotChangeTheState) {
  LoadRows(4500);
  ASSERT_EQ(RunOnce({.threads = 1}), Status());
  const auto expected = store_->values;
  for (const uint32_t threads : {1u, 3u, 8u}) {
    for (const uint32_t batch_rows : {1u, 13u, 2048u}) {
      behaviour_.batch_rows = batch_rows;
      NewStore();
      ASSERT_EQ(RunOnce(Options(threads)), Status());
      EXPECT_EQ(store_->values, expected) << threads << " threads, batches of " << batch_rows;
    }
  }
}

TEST_F(ScanRunnerTest, ASourceThatEndsUnaskedIsAFailure) {
  LoadRows(4500);
  behaviour_.failure = Status(Code::kCancelled, "the driver gave up");
  for (const uint32_t threads : {1u, 3u}) {
    NewStore();
    behaviour_.fail_at_read = behaviour_.reads + 7;
    const Status status = RunOnce(Options(threads));
    EXPECT_EQ(status.code(), Code::kUnavailable);
    EXPECT_THAT(std::string(status.message()), HasSubstr("nobody asked it to stop: the driver"));
    EXPECT_EQ(store_->info.status, VersionStatus::kFailed);
    behaviour_.fail_at_read = -1;
    EXPECT_EQ(RunOnce(Options(threads)), Status());
  }
}

TEST_F(ScanRunnerTest, ACrashAtAnyCommitLeavesNoTrace) {
  LoadRows(2300);
  ASSERT_EQ(RunOnce(Options(1)), Status());
  const auto expected = store_->values;
  const auto expected_progress = store_->progress;
  for (const uint32_t threads : {1u, 3u}) {
    for (const auto when : {CrashingTable::When::kBefore, CrashingTable::When::kAfter}) {
      bool crashed = true;
      for (int at = 0; crashed; ++at) {
        NewStore();
        {
          const auto table = OpenTable();
          CrashingTable crashing(table.get(), at, when);
          const Status status = RunOn(&crashing, Options(threads));
          crashed = crashing.crashed();
          ASSERT_EQ(status.ok(), !crashed);
        }
        ASSERT_EQ(RunOnce(Options(threads)), Status());
        ASSERT_EQ(store_->values, expected) << "crash at " << at;
        ASSERT_EQ(store_->progress, expected_progress) << "crash at " << at;
      }
    }
  }
}

TEST_F(ScanRunnerTest, AResumedRunReadsWhatNoCommitCovered) {
  LoadRows(5000);
  {
    const auto table = OpenTable();
    CrashingTable crashing(table.get(), 30, CrashingTable::When::kBefore);
    ASSERT_FALSE(RunOn(&crashing, Options(1)).ok());
  }
  ASSERT_EQ(RunOnce(Options(1)), Status());
  EXPECT_EQ(records_read_, 5000u - 30 * behaviour_.batch_rows);
}

TEST_F(ScanRunnerTest, TheTokenIsCapturedOnceAndLiveStartsThere) {
  LoadRows(1500);
  rows_.Insert(Row(1500));      // in the log, and in the table
  behaviour_.fail_at_read = 0;  // dies between capture and the first row
  ASSERT_FALSE(RunOnce(Options(1)).ok());
  ASSERT_EQ(behaviour_.captures, 1);
  ASSERT_TRUE(store_->token.has_value());
  rows_.Insert(Row(1501));  // after the token: live's to count
  behaviour_.fail_at_read = -1;
  ASSERT_EQ(RunOnce(Options(2)), Status());
  EXPECT_EQ(behaviour_.captures, 1);
  EXPECT_EQ(store_->token->streams.at("log").at("0"), "1");
  uint64_t records = 0;
  for (const auto& [split, progress] : store_->progress) records += progress.records;
  EXPECT_EQ(records, 1501u);  // the plan was frozen with the token
  auto live = OpenFakeLog(&rows_, *store_->token, pipeline_->projection(), &behaviour_);
  ASSERT_TRUE(live.ok());
  RecordBatch batch(pipeline_->projection());
  ASSERT_EQ(*(*live)->Read({}, &batch), ReadState::kRecords);
  ASSERT_EQ(batch.rows, 1u);
  EXPECT_EQ(batch.raw[0], Row(1501));
}

TEST_F(ScanRunnerTest, TooManyDeadLettersEndFailedAndARaisedLimitGoesOn) {
  LoadRows(700);
  rows_.Load(R"({"page": "/0", "ts": 1772323200, "x": "no number"})");
  rows_.Load("not json");
  for (size_t i = 700; i < 1500; ++i) rows_.Load(Row(i));

  const Status failed = RunOnce(Options(1));
  EXPECT_EQ(failed.code(), Code::kFailedPrecondition);
  EXPECT_THAT(std::string(failed.message()), HasSubstr("max_errors: 0"));
  EXPECT_EQ(store_->info.status, VersionStatus::kFailed);
  EXPECT_THAT(store_->info.failure, HasSubstr("max_errors"));
  EXPECT_EQ(store_->dead_letters.size(), 2u);

  const Status again = RunOnce(Options(1));  // still too many, and nothing is read for it
  EXPECT_EQ(again.code(), Code::kFailedPrecondition);
  EXPECT_EQ(records_read_, 0u);

  FoldOptions tolerant = Options(1);
  tolerant.max_errors = 2;
  EXPECT_EQ(RunOnce(tolerant), Status());
  EXPECT_EQ(store_->info.status, VersionStatus::kComplete);
  EXPECT_EQ(store_->dead_letters.size(), 2u);
  uint64_t records = 0;
  for (const auto& [split, progress] : store_->progress) records += progress.records;
  EXPECT_EQ(records, 1500u);
}

TEST_F(ScanRunnerTest, AStopReturnsWithinASecondAndTheNextRunGoesOn) {
  LoadRows(3000);
  ASSERT_EQ(RunOnce({.threads = 1}), Status());
  const auto expected = store_->values;
  NewStore();
  behaviour_.read_delay = std::chrono::milliseconds(20);
  std::stop_source stop;
  std::jthread stopper([&stop] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stop.request_stop();
  });
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(RunOnce(Options(2), stop.get_token()).code(), Code::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
  EXPECT_EQ(store_->info.status, VersionStatus::kBuilding);
  behaviour_.read_delay = std::chrono::milliseconds(0);
  EXPECT_EQ(RunOnce(Options(2)), Status());
  EXPECT_EQ(store_->values, expected);
}

TEST_F(ScanRunnerTest, ASourceThatFailsNamesItselfAndWhatCameBeforeIsKept) {
  LoadRows(2500);
  behaviour_.fail_at_read = 15;
  const Status failed = RunOnce(Options(1));
  EXPECT_EQ(failed, behaviour_.failure);
  EXPECT_EQ(store_->info.status, VersionStatus::kFailed);
  uint64_t records = 0;
  for (const auto& [split, progress] : store_->progress) records += progress.records;
  EXPECT_GT(records, 0u);
  behaviour_.fail_at_read = -1;
  ASSERT_EQ(RunOnce(Options(1)), Status());
  EXPECT_EQ(records_read_, 2500 - records);
}

}  // namespace
}  // namespace murmur
