#include "source/kafka/kafka_position.h"

#include <gtest/gtest.h>

namespace murmur {
namespace {

constexpr char kWithMark[] = "1500@1499:9f3c21aa04b1d2e7";
constexpr char kWithId[] = "1500@1499:9f3c21aa04b1d2e7:Xh3kTnRrQ1e5m0Z/cHJt+w";

TEST(KafkaPositionTest, EachFormIsReadAsItWasWritten) {
  for (const char* text : {"0", "1500", kWithMark, kWithId}) {
    const auto position = ParseKafkaPosition(text);
    ASSERT_TRUE(position.ok()) << position.status().message();
    EXPECT_EQ(position->ToString(), text);
  }
  const auto position = ParseKafkaPosition(kWithId);
  EXPECT_EQ(position->next, 1500);
  EXPECT_EQ(position->last, (KafkaRecordMark{.offset = 1499, .hash = 0x9f3c21aa04b1d2e7}));
  EXPECT_EQ(position->topic_id, "Xh3kTnRrQ1e5m0Z/cHJt+w");
}

TEST(KafkaPositionTest, WithoutARecordTheIdIsNotWritten) {
  EXPECT_EQ((KafkaPosition{.next = 7, .last = {}, .topic_id = "Xh3kTnRrQ1e5m0Z/cHJt+w"}).ToString(),
            "7");
}

TEST(KafkaPositionTest, WhatIsNoPositionIsRefused) {
  for (const std::string text :
       {"-1", "x", "1500@", "1500@1500:9f3c21aa04b1d2e7", "1500@1499", "1500@1499:x",
        "1500@1499:9f3c21aa04b1d2e7:", "1500@1499:9f3c21aa04b1d2e7:short",
        "1500@1499:9f3c21aa04b1d2e7:Xh3kTnRrQ1e5m0Z cHJt+w", "1500:Xh3kTnRrQ1e5m0Z/cHJt+w"}) {
    EXPECT_EQ(ParseKafkaPosition(text).status().code(), Code::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace murmur
