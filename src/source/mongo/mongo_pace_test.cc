#include "source/mongo/mongo_pace.h"

#include <gtest/gtest.h>

namespace murmur {
namespace {

using std::chrono::milliseconds;

constexpr MongoPaceLimits kLimits = {.time = milliseconds(100), .rows = 1000, .bytes = 5000};

TEST(MongoPaceTest, ATimeThatWasForgottenHalvesTheRows) {
  MongoPace pace(kLimits);
  EXPECT_EQ(pace.rows(), 1000u);
  pace.NoteTooOld(600);
  EXPECT_EQ(pace.rows(), 300u);
  pace.NoteTooOld(300);
  EXPECT_EQ(pace.rows(), 150u);
  for (int i = 0; i < 10; ++i) pace.NoteTooOld(0);
  EXPECT_EQ(pace.rows(), 1u);
}

TEST(MongoPaceTest, ReadsThatComeToTheirEndGrowAgain) {
  MongoPace pace(kLimits);
  pace.NoteTooOld(400);
  pace.NoteRead();
  EXPECT_EQ(pace.rows(), 400u);
  for (int i = 0; i < 10; ++i) pace.NoteRead();
  EXPECT_EQ(pace.rows(), 1000u);
}

TEST(MongoPaceTest, BytesAndTimeEndARead) {
  const MongoPace pace(kLimits);
  EXPECT_FALSE(pace.IsEnough(4999, milliseconds(99)));
  EXPECT_TRUE(pace.IsEnough(5000, milliseconds(0)));
  EXPECT_TRUE(pace.IsEnough(0, milliseconds(100)));
}

}  // namespace
}  // namespace murmur
