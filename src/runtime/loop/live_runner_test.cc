// The live loop against fakes: logs in memory as source, a table in memory as state, crashes
// wherever they can happen. And the fake source under the contract that the real ones pass.
#include "runtime/loop/live_runner.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "murmur/testing/live_source_contract.h"
#include "runtime/loop/scan_runner.h"
#include "state/memory/memory_table.h"
#include "testing/crashing_table.h"
#include "testing/fake_live_source.h"

namespace murmur {
namespace {

using Until = LiveRunner::Until;

std::shared_ptr<const Pipeline> TestPipeline() {
  auto definition = ParseDefinition(
      "name: test\nkey: [[page], []]\ntime: {field: ts, unit: s}\nwindow: {every: 1h}\n"
      "aggregates: {n: count, s: sum(x), d: distinct(user), l: last(x)}\n"
      "bootstrap: {jsonl: {path: unused}}\n",
      "test.yaml", ".");
  EXPECT_TRUE(definition.ok()) << definition.status().ToString();
  return std::move(Pipeline::Compile(*definition)).value();
}

std::string Event(size_t i) {
  return fmt::format(R"({{"page":"/{}","ts":{},"x":{}.125,"user":{}}})", i * 7 % 31,
                     1772323200 + i * 37 % 40000, i % 1000, i * i % 997);
}
std::vector<std::string> Events(size_t begin, size_t end) {
  std::vector<std::string> events;
  for (size_t i = begin; i < end; ++i) events.push_back(Event(i));
  return events;
}

class LiveRunnerTest : public testing::Test {
 protected:
  static constexpr size_t kSplits = 3;
  LiveRunnerTest() : pipeline_(TestPipeline()), topic_("t", kSplits) { NewStore(); }

  StateSchema Schema() const {
    return {.monoids = pipeline_->Monoids(), .buckets = pipeline_->buckets()};
  }
  void NewStore() { store_ = MakeMemoryStore({}, Schema()); }
  // `count` events over all splits; the n-th of each split comes after the n-th of the others.
  void Publish(size_t count) {
    for (size_t split = 0; split < topic_.splits(); ++split) {
      std::vector<std::string> texts;
      for (size_t i = split; i < count; i += topic_.splits())
        texts.push_back(Event(published_ + i));
      topic_.Append(split, texts);
    }
    published_ += count;
  }
  // Commits after every batch, so that there are many boundaries.
  static FoldOptions Options(uint32_t threads) {
    return {
        .threads = threads, .max_errors = kUnlimited, .commit_every = std::chrono::milliseconds(0)};
  }
  Status RunOn(StateTable* table, Until until, const FoldOptions& options,
               std::stop_token stop = {}) {
    FakeLiveSource source(&topic_, &behaviour_);
    source.takes_dead_letters = publishes_;
    LiveRunner runner(pipeline_, &source, table, options);
    const Status status = runner.Run(until, stop);
    records_read_ = runner.progress().records_this_run;
    noted_ = source.noted();
    return status;
  }
  Status CatchUp(uint32_t threads = 2) {
    const auto table = std::move(OpenMemoryTable(store_, Schema())).value();
    return RunOn(table.get(), Until::kCaughtUp, Options(threads));
  }
  // The result of the events, read all at once.
  std::map<std::string, std::string> Expected() {
    const auto kept = store_;
    NewStore();
    EXPECT_EQ(CatchUp(1), Status());
    auto values = store_->values;
    store_ = kept;
    return {values.begin(), values.end()};
  }
  std::map<std::string, std::string> Values() const {
    return {store_->values.begin(), store_->values.end()};
  }

  std::shared_ptr<const Pipeline> pipeline_;
  FakeTopic topic_;
  FakeBehaviour behaviour_;
  std::shared_ptr<MemoryStore> store_;
  size_t published_ = 0;
  bool publishes_ = false;  // dead letters
  uint64_t records_read_ = 0;
  LiveSource::PositionMap noted_;
};

TEST_F(LiveRunnerTest, CatchesUpAndGoesOnBehindIt) {
  Publish(1000);
  ASSERT_EQ(CatchUp(), Status());
  EXPECT_EQ(records_read_, 1000u);
  EXPECT_EQ(noted_.at(topic_.SplitId(0)), "n=334");
  ASSERT_EQ(CatchUp(), Status());
  EXPECT_EQ(records_read_, 0u);
  Publish(500);
  ASSERT_EQ(CatchUp(), Status());
  EXPECT_EQ(records_read_, 500u);
  EXPECT_EQ(Values(), Expected());
}

TEST_F(LiveRunnerTest, BeginsWhereTheTokenSays) {
  Publish(900);
  const auto table = std::move(OpenMemoryTable(store_, Schema())).value();
  HandoffToken token;
  token.streams["fake"] = {{"0", "n=300"}, {"1", "n=299"}, {"2", "n=0"}};
  ASSERT_EQ(table->Begin(token, {}), Status());
  ASSERT_EQ(RunOn(table.get(), Until::kCaughtUp, Options(1)), Status());
  EXPECT_EQ(records_read_, 301u);
}

// Ends that are assumed to be reached, of a complete version.
class AssumedEndsTest : public LiveRunnerTest {
 protected:
  static constexpr size_t kEnd = 100;  // of each split

  AssumedEndsTest() { Publish(kSplits * kEnd); }

  LiveSource::PositionMap Ends() const {
    LiveSource::PositionMap ends;
    for (size_t split = 0; split < kSplits; ++split) {
      ends[topic_.SplitId(split)] = fmt::format("n={}", kEnd);
    }
    return ends;
  }
  void Complete(const LiveSource::PositionMap& assumed) {
    ASSERT_EQ(table_->Begin({}, {}), Status());
    ASSERT_EQ(table_->Complete({.live_from = {}, .inexact = "twice", .assumed_ends = assumed}),
              Status());
  }
  // Reads on; sure of what lies from `sure_from` on. What it assumes of the present ends.
  LiveSource::PositionMap CatchUpSureFrom(size_t sure_from) {
    FakeLiveSource source(&topic_, &behaviour_);
    source.sure_from = sure_from;
    LiveRunner runner(pipeline_, &source, table_.get(), Options(2));
    EXPECT_EQ(runner.Run(Until::kCaughtUp, {}), Status());
    return runner.AssumedEnds();
  }
  LiveSource::PositionMap Stored() const { return table_->Info().value().assumed_ends; }

  std::unique_ptr<StateTable> table_ = std::move(OpenMemoryTable(store_, Schema())).value();
};

TEST_F(AssumedEndsTest, EndsThatWereSurelyReachedAreNotAssumed) {
  Complete({});
  EXPECT_EQ(CatchUpSureFrom(kEnd), LiveSource::PositionMap());
}

TEST_F(AssumedEndsTest, EndsStayAssumedUntilAllOfThemAreSurelyReached) {
  Complete(Ends());
  EXPECT_EQ(CatchUpSureFrom(kEnd + 1), Ends());
  EXPECT_EQ(Stored(), Ends());
  topic_.Append(0, Events(0, 1));  // tells that the first has passed its end
  const auto assumed = CatchUpSureFrom(kEnd + 1);
  EXPECT_EQ(assumed.size(), kSplits - 1);
  EXPECT_FALSE(assumed.contains(topic_.SplitId(0)));
  EXPECT_EQ(Stored(), Ends());
  for (size_t split = 1; split < kSplits; ++split) topic_.Append(split, Events(0, 1));
  EXPECT_EQ(CatchUpSureFrom(kEnd + 1), LiveSource::PositionMap());
  EXPECT_EQ(Stored(), LiveSource::PositionMap());
  const VersionInfo info = table_->Info().value();
  EXPECT_EQ(info.status, VersionStatus::kComplete);
  EXPECT_EQ(info.inexact, "twice");
}

// Of a run that follows, the ends that it reached on its way don't matter: those of the version do.
TEST_F(AssumedEndsTest, LaterEndsThatAreAssumedDoNotHoldUpThoseOfTheVersion) {
  Complete(Ends());
  for (size_t split = 0; split < kSplits; ++split) topic_.Append(split, Events(0, 10));
  EXPECT_EQ(CatchUpSureFrom(kEnd + 1).size(), 0U);
  EXPECT_EQ(Stored(), LiveSource::PositionMap());
}

TEST_F(AssumedEndsTest, WhatIsNotReachedIsNotSure) {
  auto later = Ends();
  later[topic_.SplitId(1)] = fmt::format("n={}", kEnd + 5);
  Complete(later);
  EXPECT_EQ(CatchUpSureFrom(0), LiveSource::PositionMap());
  EXPECT_EQ(Stored(), later);
}

TEST_F(AssumedEndsTest, ARunThatFollowsNotesIt) {
  Complete(Ends());
  EXPECT_EQ(CatchUpSureFrom(kEnd + 1), Ends());
  FakeLiveSource source(&topic_, &behaviour_);
  source.sure_from = kEnd + 1;
  LiveRunner runner(pipeline_, &source, table_.get(), Options(2));
  std::stop_source stop;
  std::jthread following([&] { (void)runner.Run(Until::kStopped, stop.get_token()); });
  for (size_t split = 0; split < kSplits; ++split) topic_.Append(split, Events(0, 1));
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!Stored().empty() && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  stop.request_stop();
  following.join();
  EXPECT_EQ(Stored(), LiveSource::PositionMap());
}

TEST_F(LiveRunnerTest, ThreadsAndBatchesDoNotChangeTheState) {
  Publish(3000);
  const auto expected = Expected();
  for (const uint32_t threads : {1u, 2u, 7u}) {
    for (const uint32_t batch_rows : {1u, 13u, 2048u}) {
      behaviour_.batch_rows = batch_rows;
      NewStore();
      ASSERT_EQ(CatchUp(threads), Status());
      EXPECT_EQ(Values(), expected) << threads << " threads, batches of " << batch_rows;
    }
  }
}

TEST_F(LiveRunnerTest, ACrashAtAnyCommitLeavesNoTrace) {
  Publish(2400);
  const auto expected = Expected();
  for (const uint32_t threads : {1u, 3u}) {
    for (const auto when : {CrashingTable::When::kBefore, CrashingTable::When::kAfter}) {
      bool crashed = true;
      for (int at = 0; crashed; ++at) {
        NewStore();
        {
          const auto table = std::move(OpenMemoryTable(store_, Schema())).value();
          CrashingTable crashing(table.get(), at, when);
          const Status status = RunOn(&crashing, Until::kCaughtUp, Options(threads));
          crashed = crashing.crashed();
          ASSERT_EQ(status.ok(), !crashed) << status.ToString();
        }
        ASSERT_EQ(CatchUp(threads), Status());
        ASSERT_EQ(Values(), expected) << "crash at " << at;
      }
    }
  }
}

TEST(HasLivePositionsTest, OnlyWhatLiveHasReadSaysWhereItGoesOn) {
  const auto has = [](SplitProgress progress, const std::optional<ScanPlan>& plan = {}) {
    progress.position = "1";
    return HasLivePositions({{"s", progress}}, plan);
  };
  EXPECT_TRUE(has({.role = SplitRole::kLive}));
  EXPECT_FALSE(has({.role = SplitRole::kScan}));
  EXPECT_FALSE(has({.role = SplitRole::kMark, .done = true})) << "live had not begun";
  EXPECT_FALSE(has({.role = SplitRole::kMark}));
  // Of an earlier release, which did not store the role.
  EXPECT_TRUE(has({}));
  EXPECT_FALSE(has({.done = true}));
  EXPECT_FALSE(has({}, ScanPlan{.splits = {{.id = "s"}}}));
}

// Topics by a pattern may all be others by now: what is new is read from its start.
TEST_F(LiveRunnerTest, WhereEverySplitIsNewItGoesOnAndDoesNotBeginAgain) {
  Publish(90);
  ASSERT_EQ(CatchUp(), Status());
  FakeTopic other("other", 2);
  other.Append(0, Events(0, 50));
  FakeLiveSource source(&other, &behaviour_);
  const auto table = std::move(OpenMemoryTable(store_, Schema())).value();
  LiveRunner runner(pipeline_, &source, table.get(), Options(1));
  ASSERT_EQ(runner.Run(Until::kCaughtUp, {}), Status());
  const auto notes = runner.TakeNotes();
  EXPECT_THAT(notes, testing::Each(testing::HasSubstr("is not there any more")));
  EXPECT_EQ(notes.size(), kSplits);
}

// Records and new splits arrive while it runs, from many threads, with a stop at any moment.
TEST_F(LiveRunnerTest, WhatComesWhileItRunsCountsOnce) {
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    std::stop_source stop;
    std::jthread publisher([&] {
      for (int i = 0; i < 10; ++i) {
        Publish(random() % 60);
        if (i == 5 && topic_.splits() < 6) topic_.AddSplit();
        std::this_thread::sleep_for(std::chrono::milliseconds(random() % 4));
      }
      stop.request_stop();
    });
    const auto table = std::move(OpenMemoryTable(store_, Schema())).value();
    EXPECT_EQ(RunOn(table.get(), Until::kStopped, Options(3), stop.get_token()).code(),
              Code::kCancelled);
  }
  ASSERT_EQ(CatchUp(), Status());
  EXPECT_EQ(Values(), Expected());
  uint64_t records = 0;
  for (const auto& [split, progress] : store_->progress) records += progress.records;
  EXPECT_EQ(records, published_);
}

TEST_F(LiveRunnerTest, ANewSplitIsSeenWhileItRuns) {
  std::stop_source stop;
  std::jthread follower([&] {
    const auto table = std::move(OpenMemoryTable(store_, Schema())).value();
    EXPECT_EQ(RunOn(table.get(), Until::kStopped, Options(2), stop.get_token()).code(),
              Code::kCancelled);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  topic_.AddSplit();
  topic_.Append(kSplits, Events(0, 100));
  const auto counted = [&] {
    const auto table = std::move(OpenMemoryTable(store_, Schema(), Access::kRead)).value();
    const auto progress = table->Snapshot().value()->Progress().value();
    const auto it = progress.find(topic_.SplitId(kSplits));
    return it == progress.end() ? 0 : it->second.records;
  };
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (counted() < 100 && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(counted(), 100u);
  stop.request_stop();
}

// A commit is due by time even if no records come.
TEST_F(LiveRunnerTest, WhatWasReadIsCommittedInTimeWhileNothingComes) {
  std::stop_source stop;
  FoldOptions options = Options(1);
  options.commit_every = std::chrono::milliseconds(50);
  std::jthread follower([&] {
    const auto table = std::move(OpenMemoryTable(store_, Schema())).value();
    (void)RunOn(table.get(), Until::kStopped, options, stop.get_token()).ok();
  });
  const auto table = std::move(OpenMemoryTable(store_, Schema(), Access::kRead)).value();
  for (int round = 1; round <= 5; ++round) {
    Publish(3);
    const auto start = std::chrono::steady_clock::now();
    uint64_t records = 0;
    while (records < 3u * static_cast<uint64_t>(round)) {
      ASSERT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
      records = 0;
      ASSERT_EQ(table->Refresh(), Status());
      const auto progress = table->Snapshot().value()->Progress().value();
      for (const auto& [split, one] : progress) records += one.records;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  stop.request_stop();
}

// A dump and its stream have no position in common: the ids tell, until the stream is past it.
TEST_F(LiveRunnerTest, RecordsThatTheBootstrapCountedAreSkippedUntilTheOverlapEnds) {
  auto definition = ParseDefinition(
      "name: test\nkey: [[]]\ntime: {field: ts, unit: s}\nid: x\naggregates: {n: count}\n"
      "bootstrap: {jsonl: {path: unused}}\n",
      "test.yaml", ".");
  ASSERT_TRUE(definition.ok()) << definition.status().ToString();
  pipeline_ = std::move(Pipeline::Compile(*definition)).value();
  NewStore();
  const auto event = [](int id, int time) {
    return fmt::format(R"({{"x":"{}","ts":{}}})", id, 1772323200 + time);
  };
  FakeTable dump("dump");
  for (int id = 0; id < 100; ++id) dump.Load(event(id, id));
  FoldOptions options = Options(2);
  options.overlap_until = (1772323200 + 150) * int64_t{1000000};
  const auto table = std::move(OpenMemoryTable(store_, Schema())).value();
  FakeTableSource source(&dump, &behaviour_);
  ASSERT_EQ(ScanRunner(pipeline_, &source, table.get(), options).Run({}), Status());

  for (int id = 50; id < 140; ++id) topic_.Append(static_cast<size_t>(id % 3), {event(id, id)});
  ASSERT_EQ(RunOn(table.get(), Until::kCaughtUp, options), Status());
  const auto counted = [&] {
    SplitProgress sum;
    for (const auto& [split, progress] : store_->progress) {
      sum.records += progress.records;
      sum.duplicates += progress.duplicates;
    }
    return std::pair(sum.records, sum.duplicates);
  };
  EXPECT_EQ(counted(), std::pair(uint64_t{140}, uint64_t{50}));
  EXPECT_FALSE(store_->ids.empty());
  for (int id = 150; id < 153; ++id) topic_.Append(static_cast<size_t>(id % 3), {event(id, id)});
  ASSERT_EQ(RunOn(table.get(), Until::kCaughtUp, options), Status());
  ASSERT_EQ(RunOn(table.get(), Until::kCaughtUp, options), Status());
  EXPECT_TRUE(store_->ids.empty());
  EXPECT_EQ(counted(), std::pair(uint64_t{143}, uint64_t{50}));
}

TEST_F(LiveRunnerTest, RecordsThatAreGoneEndItWithAnError) {
  Publish(300);
  ASSERT_EQ(CatchUp(), Status());
  Publish(300);
  topic_.DropOldest(1, 150);
  EXPECT_EQ(CatchUp().code(), Code::kOutOfRange);
}

TEST_F(LiveRunnerTest, TooManyDeadLettersEndItAndARaisedLimitGoesOn) {
  Publish(300);
  topic_.Append(0, {"not json", Event(5)});
  FoldOptions strict = Options(1);
  strict.max_errors = 0;
  {
    const auto table = std::move(OpenMemoryTable(store_, Schema())).value();
    EXPECT_EQ(RunOn(table.get(), Until::kCaughtUp, strict).code(), Code::kFailedPrecondition);
    EXPECT_EQ(RunOn(table.get(), Until::kCaughtUp, strict).code(), Code::kFailedPrecondition);
    EXPECT_EQ(records_read_, 0u);
  }
  ASSERT_EQ(CatchUp(), Status());
  uint64_t records = 0;
  for (const auto& [split, progress] : store_->progress) records += progress.records;
  EXPECT_EQ(records, 301u);
  EXPECT_EQ(store_->dead_letters.size(), 1u);
}

TEST_F(LiveRunnerTest, DeadLettersArePublishedOnceTheyAreCommittedAndNotAgain) {
  publishes_ = true;
  topic_.Append(0, {"not json", Event(0), "neither"});
  topic_.Append(2, {"nor this"});
  ASSERT_EQ(CatchUp(), Status());
  const std::vector<std::string> first = {"fake:t/0@0", "fake:t/0@2", "fake:t/2@0"};
  EXPECT_EQ(topic_.dead_letters(), first);
  topic_.Append(0, {Event(1), "bad"});
  ASSERT_EQ(CatchUp(), Status());
  EXPECT_EQ(topic_.dead_letters().size(), 4u);
  EXPECT_EQ(topic_.dead_letters().back(), "fake:t/0@4");

  topic_.Append(1, {"not delivered"});
  behaviour_.fail_publishing = true;
  EXPECT_EQ(CatchUp().code(), Code::kUnavailable);
  EXPECT_EQ(topic_.dead_letters().size(), 4u);
  behaviour_.fail_publishing = false;
  ASSERT_EQ(CatchUp(), Status());
  EXPECT_EQ(topic_.dead_letters().back(), "fake:t/1@0");
}

// Live does not publish those of a bootstrap or a replay.
TEST_F(LiveRunnerTest, DeadLettersThatWereThereBeforeLiveAreNotPublished) {
  {
    const auto table = std::move(OpenMemoryTable(store_, Schema())).value();
    Commit commit;
    for (const char* object : {"data", "fake:t/0"}) {
      DeadLetter letter;
      letter.object = object;
      commit.dead_letters.push_back(letter);
    }
    commit.moves.push_back({.split = "scan", .from = "", .to = {.position = "1", .done = true}});
    ASSERT_EQ(table->Apply(commit), Status());
  }
  publishes_ = true;
  topic_.Append(0, {Event(0), "bad"});
  ASSERT_EQ(CatchUp(), Status());
  EXPECT_EQ(topic_.dead_letters(), std::vector<std::string>{"fake:t/0@1"});
}

TEST_F(LiveRunnerTest, ASourceThatEndsUnaskedIsAFailure) {
  Publish(3000);
  behaviour_.failure = Status(Code::kCancelled, "the driver gave up");
  behaviour_.fail_at_read = 12;
  EXPECT_EQ(CatchUp(1).code(), Code::kUnavailable);
  behaviour_.fail_at_read = -1;
  EXPECT_EQ(CatchUp(1), Status());
}

TEST_F(LiveRunnerTest, ASourceThatFailsEndsItAndWhatCameBeforeIsKept) {
  Publish(3000);
  behaviour_.fail_at_read = 12;
  EXPECT_EQ(CatchUp(1), behaviour_.failure);
  uint64_t records = 0;
  for (const auto& [split, progress] : store_->progress) records += progress.records;
  EXPECT_GT(records, 0u);
  behaviour_.fail_at_read = -1;
  ASSERT_EQ(CatchUp(1), Status());
  EXPECT_EQ(records_read_, 3000 - records);
}

class FakeFixture final : public LiveFixture {
 public:
  std::unique_ptr<LiveSource> MakeSource() override {
    return std::make_unique<FakeLiveSource>(&topic_, &behaviour_);
  }
  void Append(size_t split, const std::vector<int64_t>& ids) override {
    std::vector<std::string> texts;
    for (const int64_t id : ids) texts.push_back(fmt::format(R"({{"id":{}}})", id));
    topic_.Append(split, texts);
  }
  void AddSplit() override { topic_.AddSplit(); }
  void DropOldest(size_t split, size_t count) override { topic_.DropOldest(split, count); }
  std::string SplitId(size_t split) const override { return topic_.SplitId(split); }
  std::unique_ptr<Hang> BeginHang() override { return std::make_unique<FakeHang>(&behaviour_); }

 private:
  FakeTopic topic_{"t", kSplits};
  FakeBehaviour behaviour_;
};

MURMUR_LIVE_SOURCE_CONTRACT(FakeLiveContract);
INSTANTIATE_TEST_SUITE_P(Fake, FakeLiveContract,
                         testing::Values(LiveCase{"fake",
                                                  [] { return std::make_unique<FakeFixture>(); }}),
                         LiveCaseName);

}  // namespace
}  // namespace murmur
