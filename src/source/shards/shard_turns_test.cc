#include "source/shards/shard_turns.h"

#include <gtest/gtest.h>

namespace murmur {
namespace {

using std::chrono::milliseconds;

TEST(ShardTurns, OneRequestIsMadeInEachStretchOfTime) {
  constexpr milliseconds kPace{200};
  ShardTurns turns;
  const ShardTurns::Time begin{};
  EXPECT_EQ(turns.Take("a", begin, kPace), milliseconds(0));
  EXPECT_EQ(turns.Take("a", begin, kPace), kPace);
  EXPECT_EQ(turns.Take("b", begin, kPace), milliseconds(0));
  EXPECT_EQ(turns.Take("a", begin + milliseconds(150), kPace), milliseconds(50));
  EXPECT_EQ(turns.Take("a", begin + kPace, kPace), milliseconds(0));
  EXPECT_EQ(turns.Take("a", begin + kPace, kPace), kPace);
}

}  // namespace
}  // namespace murmur
