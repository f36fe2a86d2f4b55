// Versions of a live source whose log is kept for holds: each has its own, recorded before it is
// made, and ended with the version.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>

#include "murmur/registry.h"
#include "murmur/run.h"
#include "murmur/versions.h"
#include "testing/fake_live_source.h"
#include "testing/temporary_folder.h"

namespace murmur {
namespace {

class LogHoldTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const auto make = [](const Definition&) -> Result<std::unique_ptr<LiveSource>> {
      auto source = std::make_unique<FakeLiveSource>(topic_.get(), &behaviour_);
      source->needs_hold = true;
      return std::unique_ptr<LiveSource>(std::move(source));
    };
    ASSERT_EQ(RegisterSource({.role = "live", .name = "held", .options = {}, .make_live = make}),
              Status());
  }
  void SetUp() override {
    topic_ = std::make_unique<FakeTopic>("t", 1);
    std::ofstream(folder_.path() + "/a.jsonl") << "{\"id\": 1}\n{\"id\": 2}\n";
  }

  Definition DefinitionOf(const std::string& bootstrap) const {
    return *ParseDefinition(
        "name: records\nkey: []\naggregates: {n: count}\nstate: {rocksdb: {path: " +
            folder_.path() + "/state, keep_versions: 1}}\n" + bootstrap + "live: {held: {}}\n",
        "records.yaml", folder_.path());
  }
  static std::string HoldOf(const Definition& definition, uint64_t number) {
    const auto versions = ListVersions(definition);
    for (const VersionRow& row : *versions) {
      if (row.info.number == number) return row.info.log_hold;
    }
    return {};
  }
  static uint64_t Count(const Definition& definition) {
    RunSummary summary;
    LiveOptions options;
    options.until_caught_up = true;
    const Status status = murmur::Run(definition, options, &summary);
    EXPECT_EQ(status, Status());
    return summary.progress.records;
  }

  static std::unique_ptr<FakeTopic> topic_;
  static FakeBehaviour behaviour_;
  const TemporaryFolder folder_;
};
std::unique_ptr<FakeTopic> LogHoldTest::topic_;
FakeBehaviour LogHoldTest::behaviour_;

TEST_F(LogHoldTest, EachVersionHasItsOwnWhichGoesWithIt) {
  const Definition definition =
      DefinitionOf("bootstrap: {jsonl: {path: a.jsonl, handoff: live}}\n");
  topic_->Append(0, {"{\"id\": 3}"});  // before the hand-off
  EXPECT_EQ(Count(definition), 2u);
  const std::string first = HoldOf(definition, 1);
  EXPECT_THAT(first, testing::StartsWith("murmur_records_"));
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

}  // namespace
}  // namespace murmur
