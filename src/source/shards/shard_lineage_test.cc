#include "source/shards/shard_lineage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace murmur {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ListedShard Open(std::string id, std::vector<std::string> parents = {}) {
  return {.id = std::move(id), .parents = std::move(parents), .is_open = true};
}
ListedShard Closed(std::string id, std::vector<std::string> parents = {}) {
  return {.id = std::move(id), .parents = std::move(parents), .is_open = false};
}

// As the next process finds it.
ShardLineage Restarted(const ShardLineage& lineage) {
  ShardLineage again;
  EXPECT_TRUE(ShardLineage::Parse(lineage.ToJson(), &again));
  EXPECT_EQ(again, lineage);
  return again;
}

TEST(ShardLineage, OpenShardsAreReadFromTheirStartsAndClosedOnesNever) {
  ShardLineage lineage = ShardLineage::Begin({Closed("a"), Open("b", {"a"}), Open("c")}, 1000);
  EXPECT_THAT(lineage.Readable(), ElementsAre("b", "c"));
  EXPECT_TRUE(lineage.IsDone("a"));
  EXPECT_EQ(lineage.At("b").after, "");
  EXPECT_EQ(lineage.At("b").settled, 1000);
  EXPECT_FALSE(*lineage.Update({Closed("a"), Open("b", {"a"}), Open("c")}));
  EXPECT_THAT(lineage.Readable(), ElementsAre("b", "c"));
}

TEST(ShardLineage, ShardsThatHaveEndedAreReadForAnEarlierSnapshot) {
  ShardLineage lineage =
      ShardLineage::BeginAll({Closed("a", {"gone"}), Open("b", {"a"}), Closed("c")}, 1000);
  EXPECT_THAT(lineage.Readable(), ElementsAre("a", "c"));
  EXPECT_EQ(lineage.At("a").settled, 1000);
  lineage = Restarted(lineage);
  EXPECT_FALSE(*lineage.Update({Closed("a", {"gone"}), Open("b", {"a"}), Closed("c")}));
  EXPECT_THAT(lineage.Readable(), ElementsAre("a", "c"));
  lineage.Finish("a");
  EXPECT_THAT(lineage.Readable(), ElementsAre("b", "c"));
}

TEST(ShardLineage, AChildIsReadOnlyWhenAllItsParentsAre) {
  ShardLineage lineage = ShardLineage::Begin({Open("a"), Open("b")}, 0);
  const std::vector<ListedShard> merged = {Closed("a"), Closed("b"), Open("ab", {"a", "b"})};
  EXPECT_TRUE(*lineage.Update(merged));
  EXPECT_THAT(lineage.Readable(), ElementsAre("a", "b"));
  lineage = Restarted(lineage);
  EXPECT_FALSE(*lineage.Update(merged));
  lineage.Finish("a");
  EXPECT_THAT(lineage.Readable(), ElementsAre("b"));
  lineage.Finish("b");
  EXPECT_THAT(lineage.Readable(), ElementsAre("ab"));
}

TEST(ShardLineage, ShardsThatWereListedMeanwhileAreReadInTheirOrder) {
  ShardLineage lineage = ShardLineage::Begin({Open("a")}, 0);
  // The listing has them in no order.
  ASSERT_TRUE(*lineage.Update({Open("a22", {"a2"}), Closed("a"), Closed("a2", {"a"}),
                               Closed("a1", {"a"}), Open("a11", {"a1"}), Open("new")}));
  EXPECT_THAT(lineage.Readable(), ElementsAre("a", "new"));
  lineage.Finish("a");
  EXPECT_THAT(lineage.Readable(), ElementsAre("a1", "a2", "new"));
  lineage.Finish("a2");
  EXPECT_THAT(lineage.Readable(), ElementsAre("a1", "a22", "new"));
}

TEST(ShardLineage, AShardKnowsNothingThatIsOlderThanWhatItsParentGave) {
  ShardLineage lineage = ShardLineage::Begin({Open("a")}, 1000);
  lineage.At("a").given = 5000;
  ASSERT_TRUE(*lineage.Update({Closed("a"), Open("b", {"a"})}));
  EXPECT_EQ(lineage.At("b").settled, 5000);
  lineage.Finish("a");
  ASSERT_TRUE(*Restarted(lineage).Update({Closed("a"), Open("b", {"a"}), Open("c", {"a"})}));
}

TEST(ShardLineage, AShardThatIsListedNoMoreIsForgottenOnceItsChildrenAreKnown) {
  ShardLineage lineage = ShardLineage::Begin({Open("a")}, 0);
  lineage.Finish("a");
  ASSERT_FALSE(*lineage.Update({}));  // its children may come later
  EXPECT_TRUE(lineage.IsDone("a"));
  ASSERT_TRUE(*lineage.Update({Closed("a"), Open("b", {"a"})}));
  ASSERT_FALSE(*lineage.Update({Open("b", {"a"})}));
  EXPECT_FALSE(lineage.IsDone("a"));
  // It is listed once more: it was read.
  lineage = Restarted(lineage);
  EXPECT_FALSE(*lineage.Update({Closed("z"), Closed("a", {"z"}), Open("b", {"a"})}));
  EXPECT_THAT(lineage.Readable(), ElementsAre("b"));
}

TEST(ShardLineage, WhatIsGoneUnreadIsAnError) {
  ShardLineage lineage = ShardLineage::Begin({Open("a")}, 0);
  const auto gone = lineage.Update({Open("b", {"a"})});
  EXPECT_EQ(gone.status().code(), Code::kOutOfRange);
  EXPECT_THAT(gone.status().message(), HasSubstr("shard a "));
  lineage = ShardLineage::Begin({Open("a")}, 0);
  // a's child came and went.
  const auto between = lineage.Update({Closed("a"), Open("c", {"b"})});
  EXPECT_EQ(between.status().code(), Code::kOutOfRange);
  EXPECT_THAT(between.status().message(), HasSubstr("shard b"));
}

TEST(ShardLineage, OtherTextIsRefused) {
  for (const char* text :
       {"", "{}", R"({"reading":[],"done":{}})", R"({"reading":{},"done":[]})",
        R"({"reading":{"a":[1,2,3]},"done":{}})", R"({"reading":{},"done":{"a":"b"}})"}) {
    ShardLineage lineage;
    EXPECT_FALSE(ShardLineage::Parse(text, &lineage)) << text;
  }
  EXPECT_THAT(ShardLineage().Readable(), IsEmpty());
}

}  // namespace
}  // namespace murmur
