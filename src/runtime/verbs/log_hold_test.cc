// Versions of a live source whose log is kept for holds: each has its own, recorded before it is
// made, and ended after its version is gone. What a crash leaves between is found by its name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stop_token>
#include <utility>

#include "base/clock.h"
#include "definition/stored.h"
#include "fold/pipeline.h"
#include "murmur/registry.h"
#include "murmur/run.h"
#include "murmur/versions.h"
#include "runtime/owner/live_owner.h"
#include "runtime/versions/log_holds.h"
#include "runtime/versions/state_access.h"
#include "state/memory/memory_state_store.h"
#include "state/store_registry.h"
#include "testing/fake_live_source.h"
#include "testing/temporary_folder.h"

namespace murmur {
namespace {

constexpr char kHandoff[] = "bootstrap: {jsonl: {path: a.jsonl, handoff: live}}\n";

class LogHoldTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    static bool is_registered = false;  // for all suites
    if (std::exchange(is_registered, true)) return;
    for (const bool needs_hold : {true, false}) {
      const auto make = [needs_hold](const Definition&) -> Result<std::unique_ptr<LiveSource>> {
        auto source = std::make_unique<FakeLiveSource>(topic_.get(), &behaviour_);
        source->needs_hold = needs_hold;
        return std::unique_ptr<LiveSource>(std::move(source));
      };
      ASSERT_EQ(RegisterSource({.role = "live",
                                .name = needs_hold ? "held" : "kept",
                                .options = {},
                                .make_live = make}),
                Status());
    }
  }
  void SetUp() override {
    topic_ = std::make_unique<FakeTopic>("t", 1);
    behaviour_.before_holds = nullptr;
    behaviour_.fail_hold = behaviour_.fail_let_go = false;
    std::ofstream(folder_.path() + "/a.jsonl") << "{\"id\": 1}\n{\"id\": 2}\n";
  }

  Definition DefinitionOf(const std::string& more, int keep_versions = 1,
                          const std::string& kind = "held") const {
    return *ParseDefinition(
        "name: records\nkey: []\naggregates: {n: count}\nstate: {rocksdb: "
        "{path: " +
            folder_.path() + "/state, keep_versions: " + std::to_string(keep_versions) + "}}\n" +
            more + "live: {" + kind + ": {}}\n",
        "records.yaml", folder_.path());
  }
  static std::string HoldOf(const Definition& definition, uint64_t number) {
    const auto versions = ListVersions(definition);
    for (const VersionRow& row : *versions) {
      if (row.info.number == number) return row.info.log_hold;
    }
    return {};
  }
  // The id of the state in the folder.
  std::string StoreId() const {
    std::string id;
    std::ifstream(folder_.path() + "/state/id") >> id;
    return id;
  }
  RunOptions Noting() {
    RunOptions options;
    options.on_note = [this](const std::string& note) { notes_.push_back(note); };
    return options;
  }
  uint64_t Count(const Definition& definition) {
    RunSummary summary;
    LiveOptions options{.run = Noting()};
    options.until_caught_up = true;
    const Status status = murmur::Run(definition, options, &summary);
    EXPECT_EQ(status, Status());
    return summary.progress.records;
  }

  static std::unique_ptr<FakeTopic> topic_;
  static FakeBehaviour behaviour_;
  const TemporaryFolder folder_;
  std::vector<std::string> notes_;
};
std::unique_ptr<FakeTopic> LogHoldTest::topic_;
FakeBehaviour LogHoldTest::behaviour_;

TEST_F(LogHoldTest, EachVersionHasItsOwnWhichGoesWithIt) {
  const Definition definition =
      DefinitionOf("bootstrap: {jsonl: {path: a.jsonl, handoff: live}}\n");
  topic_->Append(0, {"{\"id\": 3}"});  // before the hand-off
  EXPECT_EQ(Count(definition), 2u);
  const std::string first = HoldOf(definition, 1);
  EXPECT_EQ(StoreId().size(), kStoreIdBytes);
  EXPECT_THAT(first, testing::StartsWith("murmur_records_" + StoreId() + "_"));
  EXPECT_THAT(topic_->holds(), testing::ElementsAre(first));
  topic_->Append(0, {"{\"id\": 4}"});
  EXPECT_EQ(Count(definition), 3u);

  BootstrapOptions fresh;
  fresh.fresh = true;
  RunSummary summary;
  ASSERT_EQ(Bootstrap(definition, fresh, &summary), Status());
  const std::string second = HoldOf(definition, 2);
  EXPECT_NE(second, first);
  EXPECT_THAT(summary.dropped, testing::ElementsAre(1));
  EXPECT_THAT(topic_->holds(), testing::ElementsAre(second)) << "the first went with its version";
}

// A crash after the hold was made and before the token was stored: the hold is known by its name.
TEST_F(LogHoldTest, ARunThatIsMadeAgainUsesTheHoldThatItRecorded) {
  const Definition definition =
      DefinitionOf("bootstrap: {jsonl: {path: b.jsonl, handoff: live}}\n");  // not there yet
  RunSummary summary;
  EXPECT_FALSE(Bootstrap(definition, {}, &summary).ok());
  const std::string recorded = HoldOf(definition, 1);
  ASSERT_FALSE(recorded.empty());
  std::ofstream(folder_.path() + "/b.jsonl") << "{\"id\": 1}\n";
  ASSERT_EQ(Bootstrap(definition, {}, &summary), Status());
  EXPECT_THAT(topic_->holds(), testing::ElementsAre(recorded));
}

TEST_F(LogHoldTest, LiveAloneHasOneToo) {
  const Definition definition = DefinitionOf("");
  topic_->Append(0, {"{\"id\": 3}"});
  (void)Count(definition);
  EXPECT_THAT(topic_->holds(), testing::ElementsAre(HoldOf(definition, 1)));
  topic_->Append(0, {"{\"id\": 4}", "{\"id\": 5}"});
  EXPECT_EQ(Count(definition), 2u);
}

// A crash after the version was made and before its hold was.
TEST_F(LogHoldTest, AHoldThatWasRecordedAndNotMadeIsMadeUnderThatName) {
  const Definition definition = DefinitionOf(kHandoff);
  behaviour_.fail_hold = true;
  RunSummary summary;
  EXPECT_FALSE(Bootstrap(definition, {}, &summary).ok());
  const std::string recorded = HoldOf(definition, 1);
  ASSERT_FALSE(recorded.empty());
  EXPECT_THAT(topic_->holds(), testing::IsEmpty());
  behaviour_.fail_hold = false;
  ASSERT_EQ(Bootstrap(definition, {.run = Noting()}, &summary), Status());
  EXPECT_THAT(topic_->holds(), testing::ElementsAre(recorded));
  EXPECT_THAT(notes_, testing::Not(testing::Contains(testing::HasSubstr("hold"))));
}

// A crash after a version was dropped and before its hold was ended.
TEST_F(LogHoldTest, TheNextRunEndsAHoldWhoseVersionIsGone) {
  const Definition definition = DefinitionOf(kHandoff);
  (void)Count(definition);
  const std::string first = HoldOf(definition, 1);
  const std::string other = "murmur_records_000000000000_0123456789";  // of another store
  const std::string older = "murmur_records_0123456789abcdef";         // of an earlier release
  topic_->AddHold(other);
  topic_->AddHold(older);
  behaviour_.fail_let_go = true;
  RunSummary summary;
  ASSERT_EQ(Bootstrap(definition, {.fresh = true}, &summary), Status());
  const std::string second = HoldOf(definition, 2);
  EXPECT_THAT(summary.notes, testing::Contains(testing::HasSubstr(
                                 "the hold " + first + " of its log is not ended: the next run")));
  notes_.clear();
  (void)Count(definition);
  EXPECT_THAT(notes_, testing::Contains(testing::AllOf(testing::StartsWith("WARNING: holds"),
                                                       testing::HasSubstr(first))));
  EXPECT_THAT(topic_->holds(), testing::UnorderedElementsAre(first, second, other, older));
  behaviour_.fail_let_go = false;
  notes_.clear();
  (void)Count(definition);
  EXPECT_THAT(notes_,
              testing::Contains("ended the hold " + first + " of the log: its version is gone"));
  EXPECT_THAT(topic_->holds(), testing::UnorderedElementsAre(second, other, older));
}

TEST_F(LogHoldTest, EveryRunLooksForThem) {
  const Definition definition =
      DefinitionOf(std::string(kHandoff) + "replay: {archive: {path: a.jsonl, layout: plain}}\n");
  RunSummary summary;
  ASSERT_EQ(Bootstrap(definition, {}, &summary), Status());
  const std::string orphan = "murmur_records_" + StoreId() + "_0123456789";
  topic_->AddHold(orphan);
  (void)Count(definition);
  EXPECT_FALSE(topic_->holds().contains(orphan)) << "run";
  topic_->AddHold(orphan);
  ASSERT_EQ(Bootstrap(definition, {.fresh = true}, &summary), Status());
  EXPECT_FALSE(topic_->holds().contains(orphan)) << "bootstrap";
  topic_->AddHold(orphan);
  ASSERT_EQ(Replay(definition, {.swap = false}, &summary), Status());
  EXPECT_FALSE(topic_->holds().contains(orphan)) << "replay";
  EXPECT_EQ(topic_->holds().size(), 1u);
}

TEST_F(LogHoldTest, ARunGoesOnIfTheOriginDoesNotTellItsHolds) {
  const Definition definition = DefinitionOf(kHandoff);
  (void)Count(definition);
  topic_->Append(0, {"{\"id\": 3}"});
  behaviour_.fail_hold = true;
  EXPECT_EQ(Count(definition), 3u);
  EXPECT_THAT(notes_, testing::Contains(testing::HasSubstr("no holds, as it was told")));
}

class OrphanedHoldsTest : public LogHoldTest {
 protected:
  OrphanedHoldsTest() { live_.needs_hold = true; }
  void Record(const std::string& hold) {
    ASSERT_TRUE(store_.CreateVersion({.log_hold = hold}, {}).ok());
  }
  void EndOrphaned(StateStore* store) {
    TidyHolds(definition_, store, &live_, /*now=*/0, {}, Noting().on_note);
  }

  const Definition definition_ = DefinitionOf("");
  FakeTopic own_topic_{"t", 1};
  FakeLiveSource live_{&own_topic_, &behaviour_};
  MemoryStateStore store_;
};

TEST_F(OrphanedHoldsTest, AHoldThatAnotherProcessMakesMeanwhileIsKept) {
  const std::string hold = *NewHoldName(definition_, store_);
  behaviour_.before_holds = [&] {
    Record(hold);
    own_topic_.AddHold(hold);
  };
  EndOrphaned(&store_);
  EXPECT_THAT(own_topic_.holds(), testing::ElementsAre(hold));
  EXPECT_THAT(notes_, testing::IsEmpty());
}

TEST_F(OrphanedHoldsTest, NoneIsEndedWhileAVersionCannotSayWhatItRecords) {
  const auto store = *OpenStateStore({.definition = &definition_, .access = Access::kWrite});
  const std::string hold = *NewHoldName(definition_, *store);
  own_topic_.AddHold(hold);
  std::filesystem::create_directories(folder_.path() + "/state/v3");  // nothing in it
  EndOrphaned(store.get());
  EXPECT_THAT(own_topic_.holds(), testing::ElementsAre(hold));
  EXPECT_THAT(notes_, testing::ElementsAre(testing::StartsWith("WARNING: ")));
  std::filesystem::remove(folder_.path() + "/state/v3");
  EndOrphaned(store.get());
  EXPECT_THAT(own_topic_.holds(), testing::IsEmpty());
}

TEST_F(OrphanedHoldsTest, ANameIsOfOneHoldAndFitsTheOrigin) {
  Definition definition = DefinitionOf("");
  definition.name = std::string(50, 'n');
  const std::string name = *NewHoldName(definition, store_);
  EXPECT_EQ(name.size(), kHoldNameBytesMax);
  EXPECT_TRUE(IsHoldOf(*store_.Id(), name)) << name;
  EXPECT_THAT(name, testing::HasSubstr("_" + *store_.Id() + "_"));
  EXPECT_NE(*NewHoldName(definition, store_), name);
  EXPECT_FALSE(IsHoldOf(*MemoryStateStore().Id(), name));
  for (const char* other : {"", "murmur_", "murmur_records_0123456789abcdef", "slot"}) {
    EXPECT_FALSE(IsHoldOf(*store_.Id(), other)) << other;
  }
}

TEST_F(OrphanedHoldsTest, AGivenHoldIsOfOneVersion) {
  EXPECT_NE(*HoldNameFor(definition_, store_, live_), "");
  live_.given_hold = "given";
  EXPECT_EQ(*HoldNameFor(definition_, store_, live_), "given");
  Record("given");
  EXPECT_TRUE(IsHoldOf(*store_.Id(), *HoldNameFor(definition_, store_, live_)));
  ASSERT_EQ(store_.DropVersion(1), Status());
  EXPECT_EQ(*HoldNameFor(definition_, store_, live_), "given");
}

class TestClock final : public Clock {
 public:
  int64_t WallMicros() const override { return micros_; }
  std::chrono::steady_clock::time_point Steady() const override {
    return std::chrono::steady_clock::time_point(std::chrono::microseconds(micros_));
  }
  void Pass(std::chrono::microseconds time) { micros_ += time.count(); }

 private:
  std::atomic<int64_t> micros_{Clock::System().WallMicros()};
};

class RetiredHoldsTest : public LogHoldTest {
 protected:
  void SetUp() override {
    LogHoldTest::SetUp();
    live_.needs_hold = true;
    for (int i = 0; i < 2; ++i) Make(*NewHoldName(definition_, store_));
    ASSERT_EQ(store_.SetCurrent(1), Status());
    ASSERT_EQ(store_.SetCurrent(2), Status());
  }
  void Make(const std::string& hold) {
    const VersionInfo info{.definition = StoreDefinition(definition_), .log_hold = hold};
    ASSERT_TRUE(store_.CreateVersion(info, SchemaOf(*pipeline_)).ok());
    own_topic_.AddHold(hold);
  }
  void TidyAfter(std::chrono::microseconds time) {
    clock_.Pass(time);
    notes_.clear();
    TidyHolds(definition_, &store_, &live_, clock_.WallMicros(), {}, Noting().on_note);
  }
  bool IsHeld(uint64_t number) {
    return own_topic_.holds().contains(store_.ReadInfo(number)->log_hold);
  }
  bool MayServe(uint64_t number) { return !*HasLetGo(store_, number); }

  const Definition definition_ = DefinitionOf("");  // an hour
  const std::shared_ptr<const Pipeline> pipeline_ = *Pipeline::Compile(definition_);
  TestClock clock_;
  MemoryStateStore store_{&clock_};
  FakeTopic own_topic_{"t", 1};
  FakeLiveSource live_{&own_topic_, &behaviour_};
};

using std::chrono::microseconds;
using std::chrono::minutes;

TEST_F(RetiredHoldsTest, AVersionThatServesNoMoreLetsGoOfItsLogAfterAWhile) {
  TidyAfter(minutes(60) - microseconds(1));
  EXPECT_TRUE(IsHeld(1) && MayServe(1));
  EXPECT_THAT(notes_, testing::IsEmpty());
  TidyAfter(microseconds(1));
  EXPECT_FALSE(IsHeld(1) || MayServe(1));
  EXPECT_THAT(notes_, testing::Contains(testing::HasSubstr("rollback_for (1h)")));
  EXPECT_TRUE(IsHeld(2)) << "it serves";
  const Status back = store_.SetCurrent(1);
  EXPECT_EQ(back.code(), Code::kFailedPrecondition);
  EXPECT_THAT(std::string(back.message()), testing::HasSubstr("murmur bootstrap FILE --fresh"));
  EXPECT_EQ(*store_.Current(), 2u);
  TidyAfter(minutes(600));
  EXPECT_TRUE(IsHeld(2) && MayServe(2));
  EXPECT_THAT(notes_, testing::IsEmpty());
}

TEST_F(RetiredHoldsTest, TheTimeBeginsWhenItServesNoMore) {
  clock_.Pass(minutes(30));
  ASSERT_EQ(store_.SetCurrent(1), Status());
  TidyAfter(minutes(59));
  EXPECT_TRUE(IsHeld(1) && IsHeld(2));
  TidyAfter(minutes(1));
  EXPECT_TRUE(IsHeld(1));
  EXPECT_FALSE(IsHeld(2) || MayServe(2));
}

// A crash after it was recorded and before the hold was ended.
TEST_F(RetiredHoldsTest, WhatWasRecordedIsDoneByTheNextRun) {
  behaviour_.fail_let_go = true;
  TidyAfter(minutes(60));
  EXPECT_TRUE(IsHeld(1) && !MayServe(1));
  EXPECT_THAT(notes_, testing::Contains(testing::StartsWith("WARNING: holds of the log")));
  behaviour_.fail_let_go = false;
  TidyAfter(minutes(0));
  EXPECT_FALSE(IsHeld(1) || MayServe(1));
  EXPECT_THAT(notes_, testing::ElementsAre(testing::EndsWith("its version has let go of it")));
}

TEST_F(RetiredHoldsTest, AVersionInUseKeepsItsLog) {
  const auto owner = *store_.OpenVersion(1, Access::kWrite, Always(SchemaOf(*pipeline_)));
  TidyAfter(minutes(60));
  EXPECT_TRUE(IsHeld(1) && MayServe(1));
  ASSERT_EQ(owner->Close(), Status());
  TidyAfter(minutes(0));
  EXPECT_FALSE(IsHeld(1));
}

TEST_F(RetiredHoldsTest, AHoldThatAnEarlierReleaseNamedIsEndedToo) {
  Make("murmur_records_0123456789abcdef");
  ASSERT_EQ(store_.SetCurrent(3), Status());
  ASSERT_EQ(store_.SetCurrent(2), Status());
  TidyAfter(minutes(60));
  EXPECT_FALSE(IsHeld(3) || MayServe(3));
  EXPECT_TRUE(IsHeld(2));
}

TEST_F(LogHoldTest, RollbackIsRefusedOnceTheLogIsLetGo) {
  const auto rolled_back = [](const Definition& definition) {
    return RollBack(definition).status();
  };
  const Definition definition = DefinitionOf(kHandoff, 2);
  (void)Count(definition);
  RunSummary summary;
  ASSERT_EQ(Bootstrap(definition, {.fresh = true}, &summary), Status());
  (void)Count(definition);
  EXPECT_EQ(topic_->holds().size(), 2u);
  EXPECT_EQ(rolled_back(definition), Status());
  EXPECT_EQ(rolled_back(definition), Status());
  const Definition at_once = DefinitionOf(std::string(kHandoff) + "rollback_for: 0s\n", 2);
  (void)Count(at_once);
  EXPECT_THAT(topic_->holds(), testing::ElementsAre(HoldOf(definition, 2)));
  for (const Status& refused : {rolled_back(at_once), SwapVersion(at_once, 1).status()}) {
    EXPECT_EQ(refused.code(), Code::kFailedPrecondition);
    EXPECT_THAT(std::string(refused.message()),
                testing::HasSubstr("murmur bootstrap FILE --fresh"));
  }
  EXPECT_EQ(Count(at_once), 2u) << "the one that serves goes on";
}

TEST_F(LogHoldTest, AnOriginThatKeepsItsLogAnyhowCanAlwaysGoBack) {
  const Definition definition =
      DefinitionOf(std::string(kHandoff) + "rollback_for: 0s\n", 2, "kept");
  (void)Count(definition);
  RunSummary summary;
  ASSERT_EQ(Bootstrap(definition, {.fresh = true}, &summary), Status());
  (void)Count(definition);
  EXPECT_EQ(RollBack(definition).status(), Status());
}

TEST_F(LogHoldTest, ARunLetsGoWhileItFollows) {
  const Definition definition = DefinitionOf(kHandoff, 2);
  (void)Count(definition);
  RunSummary summary;
  ASSERT_EQ(Bootstrap(definition, {.fresh = true}, &summary), Status());
  const auto store = *OpenStateStore({.definition = &definition, .access = Access::kWrite});
  TestClock clock;
  std::stop_source stop;
  LiveOptions options{.run = Noting()};
  options.run.stop = stop.get_token();
  int reports = 0;
  options.run.on_progress = [&](const RunProgress&) {
    ++reports;
    if (reports == 1) clock.Pass(minutes(50));
    if (reports == 3) {
      EXPECT_EQ(topic_->holds().size(), 2u);
      clock.Pass(minutes(11));
    }
    if (topic_->holds().size() == 1 || reports == 100) stop.request_stop();
  };
  EXPECT_EQ(LiveOwner(&definition, store.get(), &options, &clock).RunServing(&summary).code(),
            Code::kCancelled);
  EXPECT_THAT(topic_->holds(), testing::ElementsAre(HoldOf(definition, 2)));
  EXPECT_THAT(notes_, testing::Contains(testing::HasSubstr("version 1 serves no more")));
}

}  // namespace
}  // namespace murmur
