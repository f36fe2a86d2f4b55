#include "runtime/loop/retrying_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <mutex>
#include <random>
#include <thread>

#include "murmur/testing/state_table_kit.h"
#include "runtime/loop/live_runner.h"
#include "runtime/loop/scan_runner.h"
#include "state/memory/memory_table.h"
#include "testing/commit_replica.h"
#include "testing/fake_live_source.h"
#include "testing/fake_source.h"
#include "testing/faulty_table.h"

namespace murmur {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::HasSubstr;
using Fault = FaultyTable::Fault;

constexpr RetryingTable::Pace kFast{.patience = std::chrono::seconds(20),
                                    .first_pause = milliseconds(1),
                                    .longest_pause = milliseconds(2)};

// A third of all calls fail, half of these after the work is done.
class RandomFaults {
 public:
  explicit RandomFaults(uint64_t seed) : random_(seed) {}
  Fault operator()() {
    const std::lock_guard lock(mutex_);
    const uint64_t drawn = random_() % 6;
    return drawn == 0 ? Fault::kBefore : drawn == 1 ? Fault::kAfter : Fault::kNone;
  }

 private:
  std::mutex mutex_;
  std::mt19937_64 random_;
};

class RetryingTableTest : public testing::Test {
 protected:
  Fault Next() {
    if (faults_.empty()) return always_;
    const Fault fault = faults_.front();
    faults_.pop_front();
    return fault;
  }
  std::string Position() { return store_->progress["a"].position; }

  const std::shared_ptr<MemoryStore> store_ = MakeMemoryStore({}, TestSchema());
  const std::unique_ptr<StateTable> table_ = *OpenMemoryTable(store_, TestSchema());
  std::deque<Fault> faults_;  // of the next calls
  Fault always_ = Fault::kNone;
  FaultyTable faulty_{table_.get(), [this] { return Next(); }};
  RetryingTable retrying_{&faulty_, kFast};
};

TEST_F(RetryingTableTest, ACommitWhoseAnswerNeverArrivedCountsOnce) {
  const TestCommit commit{.from = "", .to = "1", .deltas = {{TestKey(1), TestValue(3, 30, 7)}}};
  // The commit is stored; reading the positions that show it also fails at first.
  faults_ = {Fault::kAfter, Fault::kBefore, Fault::kBefore};
  EXPECT_EQ(commit.ApplyTo(&retrying_), Status());
  EXPECT_EQ(store_->values, commit.deltas);
  EXPECT_EQ(Position(), "1");
  const auto notes = retrying_.TakeNotes();
  ASSERT_EQ(notes.size(), 2u);
  EXPECT_THAT(notes[0], HasSubstr("a commit is tried again: the store does not answer"));
  EXPECT_THAT(notes[1], HasSubstr("a commit has succeeded"));
}

TEST_F(RetryingTableTest, ACommitThatDidNotArriveIsMadeAgainWhole) {
  const TestCommit commit = NumberedCommit(1, 50);
  faults_ = {Fault::kBefore, Fault::kNone, Fault::kBefore, Fault::kNone};
  EXPECT_EQ(commit.ApplyTo(&retrying_), Status());
  EXPECT_EQ(store_->values, commit.deltas);
}

TEST_F(RetryingTableTest, WhatSomebodyElseMovedIsStillFenced) {
  const TestCommit other{.from = "", .to = "7"};
  ASSERT_EQ(other.ApplyTo(table_.get()), Status());
  const TestCommit commit{.from = "", .to = "1", .deltas = {{TestKey(1), TestValue(3, 30, 7)}}};
  faults_ = {Fault::kBefore};
  EXPECT_EQ(commit.ApplyTo(&retrying_).code(), Code::kAborted);
  EXPECT_TRUE(store_->values.empty());
}

// The end of a split moves no position, so its fence does not keep out what is sent again.
TEST_F(RetryingTableTest, ACommitThatOnlyEndsASplitCountsOnce) {
  const TestCommit first{.from = "", .to = "1", .deltas = {{TestKey(1), TestValue(1, 10, 7)}}};
  ASSERT_EQ(first.ApplyTo(&retrying_), Status());
  MapCursor cursor(first.deltas);
  Commit end;
  SplitMove& move = end.moves.emplace_back();
  move.split = first.split;
  move.from = "1";
  move.to = first.Progress();
  move.to.done = true;
  end.deltas = &cursor;
  end.delta_count = 1;
  faults_ = {Fault::kAfter};
  EXPECT_EQ(retrying_.Apply(end), Status());
  EXPECT_EQ(store_->values, (Contents{{TestKey(1), TestValue(2, 20, 7)}}));
}

TEST_F(RetryingTableTest, PatienceEnds) {
  RetryingTable impatient(&faulty_, {.patience = milliseconds(60),
                                     .first_pause = milliseconds(10),
                                     .longest_pause = milliseconds(20)});
  always_ = Fault::kBefore;
  const Status status = NumberedCommit(1, 5).ApplyTo(&impatient);
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("a commit: tried for 0.06 s: the store"));
  EXPECT_GE(faulty_.faults(), 3u);
  EXPECT_LE(faulty_.faults(), 8u);
  EXPECT_EQ(impatient.Info().status().code(), Code::kUnavailable);
}

TEST_F(RetryingTableTest, AStopEndsTheWaiting) {
  RetryingTable slow(&faulty_, {.patience = std::chrono::minutes(5),
                                .first_pause = std::chrono::minutes(5),
                                .longest_pause = std::chrono::minutes(5)});
  std::stop_source stop;
  slow.UseFor(stop.get_token());
  always_ = Fault::kBefore;
  const std::jthread stopper([&stop] {
    std::this_thread::sleep_for(milliseconds(50));
    stop.request_stop();
  });
  const auto begin = steady_clock::now();
  EXPECT_EQ(NumberedCommit(1, 5).ApplyTo(&slow).code(), Code::kCancelled);
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(1));
}

// Every commit is told once, whatever became of its answer; one that failed is not.
TEST_F(RetryingTableTest, CommitsAreToldInTheirOrder) {
  CommitReplica replica(TestSchema());
  CommitFeed feed(&replica);
  RetryingTable told(&faulty_, kFast, &feed);
  const Contents two{{TestKey(1), TestValue(1, 10, 7)}, {TestKey(2), TestValue(2, 20, 8)}};
  const Contents one{{TestKey(1), TestValue(5, 50, 9)}};
  const std::vector<TestCommit> commits{
      {.from = "", .to = "1", .deltas = two},
      {.from = "1", .to = "2", .deltas = two},
      {.from = "1", .to = "3", .deltas = one},  // refused
      {.from = "2", .to = "3", .deltas = one, .replaced = {TestKey(1)}},
      {.from = "3", .to = "4"},
      {.from = "4", .to = "5", .deltas = one, .clear = true},
      {.from = "5", .to = "6", .deltas = two}};
  for (const TestCommit& commit : commits) {
    faults_ = {commit.to == "2" ? Fault::kAfter : Fault::kBefore};
    const bool refused = commit.from == "1" && commit.to == "3";
    uint64_t number = 0;
    EXPECT_EQ(commit.ApplyTo(&told, &number).code(), refused ? Code::kAborted : Code::kOk);
    EXPECT_EQ(number, refused ? 0 : replica.last());
    EXPECT_EQ(replica.values(), store_->values) << "after " << commit.to;
  }
  EXPECT_EQ(replica.last(), 6u);
}

constexpr char kYaml[] =
    "name: test\nkey: [[page], []]\n"
    "aggregates: {n: count, s: sum(x), d: distinct(x)}\n"
    "bootstrap: {jsonl: {path: unused}}\n";

// Whole runs on a store that fails all the time, compared with runs without faults.
class FaultyRunTest : public testing::TestWithParam<uint64_t> {
 protected:
  FaultyRunTest() : pipeline_(*Pipeline::Compile(*ParseDefinition(kYaml, "test.yaml", "."))) {}

  StateSchema Schema() const { return {.monoids = pipeline_->Monoids()}; }
  static std::string Row(size_t i) {
    return "{\"page\": " + std::to_string(i % 13) + ", \"x\": " + std::to_string(i) + "}";
  }
  // The values after `run`, which is given a table and how to fold into it.
  using RunInto = std::function<Status(StateTable*, const FoldOptions&)>;
  std::map<std::string, std::string> After(bool with_faults, const RunInto& run) {
    const auto store = MakeMemoryStore({}, Schema());
    const auto table = *OpenMemoryTable(store, Schema());
    RandomFaults faults(GetParam());
    FaultyTable faulty(table.get(), [&] { return with_faults ? faults() : Fault::kNone; });
    CommitReplica replica(Schema());
    FoldOptions options = {.threads = 3, .commit_every = milliseconds(0), .store_pace = kFast};
    if (with_faults) options.feed = std::make_shared<CommitFeed>(&replica);
    EXPECT_EQ(run(&faulty, options), Status());
    EXPECT_EQ(faulty.faults() > 0, with_faults);
    EXPECT_EQ(store->info.status, VersionStatus::kComplete);
    EXPECT_EQ(replica.values(), with_faults ? store->values : decltype(store->values)());
    return store->values;
  }

  const std::shared_ptr<const Pipeline> pipeline_;
  FakeBehaviour behaviour_;
};

TEST_P(FaultyRunTest, AScanCountsEachRecordOnce) {
  FakeTable rows("rows");
  for (size_t i = 0; i < 3500; ++i) rows.Load(Row(i));
  const auto scan = [&](StateTable* table, const FoldOptions& options) {
    FakeTableSource source(&rows, &behaviour_);
    return ScanRunner(pipeline_, &source, table, options).Run({});
  };
  EXPECT_EQ(After(true, scan), After(false, scan));
}

TEST_P(FaultyRunTest, LiveCountsEachRecordOnce) {
  FakeTopic topic("t", 3);
  for (size_t i = 0; i < 3500; ++i) topic.Append(i % 3, {Row(i)});
  const auto follow = [&](StateTable* table, const FoldOptions& options) -> Status {
    while (!table->Complete({}).ok()) continue;
    FakeLiveSource source(&topic, &behaviour_);
    LiveRunner runner(pipeline_, &source, table, options);
    return runner.Run(LiveRunner::Until::kCaughtUp, {});
  };
  EXPECT_EQ(After(true, follow), After(false, follow));
}

INSTANTIATE_TEST_SUITE_P(Seeds, FaultyRunTest, testing::Range<uint64_t>(1, 9));

}  // namespace
}  // namespace murmur
