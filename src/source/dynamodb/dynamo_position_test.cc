#include "source/dynamodb/dynamo_position.h"

#include <gtest/gtest.h>

namespace murmur {
namespace {

constexpr char kStream[] = "arn:aws:dynamodb:us-east-1:1:table/t/stream/2026";
constexpr int64_t kNow = 1'800'000'000'000;

const std::vector<ListedShard> kListed = {
    {.id = "a", .parents = {}, .is_open = false},
    {.id = "b", .parents = {"a"}, .is_open = true},
};

DynamoPosition Begin(int64_t now = kNow) {
  return {.stream = kStream, .shards = ShardLineage::Begin(kListed, now)};
}
DynamoEnd End(int64_t until = kNow + 1000) { return EndOf(kStream, until, kListed); }

TEST(DynamoPosition, IsText) {
  DynamoPosition position = Begin();
  position.shards.At("b") = {.after = "123", .given = kNow, .settled = kNow - 1};
  const auto again = ParseDynamoPosition(position.ToString());
  ASSERT_TRUE(again.ok()) << again.status().ToString();
  EXPECT_EQ(*again, position);
  for (const char* text : {"", "{}", "[]", R"({"stream":1,"shards":{}})", "1700000000.5"}) {
    EXPECT_EQ(ParseDynamoPosition(text).status().code(), Code::kInvalidArgument) << text;
  }
}

TEST(DynamoEnd, HasTheShardsWithoutSuccessors) {
  EXPECT_EQ(End().shards, std::vector<std::string>{"b"});
  // One that has ended, whose children are not listed yet.
  EXPECT_EQ(EndOf(kStream, 0, {{.id = "c", .parents = {}, .is_open = false}}).shards,
            std::vector<std::string>{"c"});
}

TEST(DynamoEnd, IsSurelyReachedByALaterRecordOrTheEndOfTheShard) {
  DynamoPosition position = Begin();
  EXPECT_EQ(HasReached(position, End()), DynamoReached::kNot);
  EXPECT_GT(DynamoDistance(position.ToString(), End().ToString()), 100U);  // nothing was read
  position.shards.At("b") = {.after = "1", .given = kNow + 1000, .settled = kNow};
  EXPECT_EQ(HasReached(position, End()), DynamoReached::kNot) << "it may be of the same second";
  EXPECT_EQ(DynamoDistance(position.ToString(), End().ToString()), 1U);
  position.shards.At("b").given = kNow + 10'000;
  EXPECT_EQ(HasReached(position, End()), DynamoReached::kSurely);
  EXPECT_TRUE(HasSurelyReached(position.ToString(), End().ToString()));
  position.shards.At("b").given = 0;
  position.shards.Finish("b");
  EXPECT_EQ(HasReached(position, End()), DynamoReached::kSurely);
}

TEST(DynamoEnd, IsAssumedToBeReachedByAShardThatWasQuiet) {
  DynamoPosition position = Begin();
  position.shards.At("b").settled = kNow + 1000;
  EXPECT_EQ(HasReached(position, End()), DynamoReached::kAssumed);
  EXPECT_EQ(DynamoDistance(position.ToString(), End().ToString()), 0U);
  EXPECT_FALSE(HasSurelyReached(position.ToString(), End().ToString()));
}

TEST(DynamoEnd, IsReachedByAHandoffThatWasTakenLater) {
  EXPECT_EQ(DynamoDistance(Begin(kNow + 1000).ToString(), End().ToString()), 0U);
  EXPECT_NE(DynamoDistance(Begin(kNow).ToString(), End().ToString()), 0U);
}

TEST(DynamoEnd, IsNotReachedWhileAnEarlierShardIsRead) {
  const std::vector<ListedShard> before = {{.id = "a", .parents = {}, .is_open = true}};
  const DynamoPosition position = {.stream = kStream,
                                   .shards = ShardLineage::Begin(before, kNow + 5000)};
  EXPECT_EQ(HasReached(position, End()), DynamoReached::kNot);
  // Nor is a hand-off that never reads it.
  EXPECT_NE(DynamoDistance(position.ToString(), Begin().ToString()), 0U);
  EXPECT_EQ(DynamoDistance(Begin().ToString(), Begin().ToString()), 0U);
}

TEST(DynamoEnd, OfAnotherStreamIsNeverReached) {
  DynamoEnd end = End(kNow - 1);
  EXPECT_EQ(HasReached(Begin(), end), DynamoReached::kAssumed);
  end.stream = "another";
  EXPECT_EQ(HasReached(Begin(), end), DynamoReached::kNot);
}

}  // namespace
}  // namespace murmur
