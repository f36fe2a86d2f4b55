#include "runtime/loop/dead_news.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace murmur {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class DeadNewsTest : public testing::Test {
 protected:
  void Note(DeadReason reason, std::string detail) {
    const std::vector<DeadLetter> letters = {
        {.object = "a.jsonl", .offset = 17, .reason = reason, .detail = std::move(detail)}};
    news_.Note(letters);
  }

  std::vector<std::string> told_;
  DeadNews news_{[this](const std::string& line) { told_.push_back(line); }, "state/p"};
};

TEST_F(DeadNewsTest, TheFirstOfAKindIsToldWithPlaceReasonAndRemedy) {
  Note(DeadReason::kWrongType, "s: x is 'a', a string, which this aggregate can't take");
  Note(DeadReason::kWrongType, "s: x is 'b', a string, which this aggregate can't take");
  EXPECT_THAT(told_, ElementsAre("dead letter, wrong_type: a.jsonl at 17: s: x is 'a', a string, "
                                 "which this aggregate can't take. Convert it in the expression, "
                                 "or leave such records out by `where:`. More of this kind are "
                                 "only counted; see dead-letters.jsonl in state/p"));
}

TEST_F(DeadNewsTest, AnotherFieldOrReasonIsAnotherKind) {
  Note(DeadReason::kWrongType, "s1: x");
  Note(DeadReason::kWrongType, "s2: x");
  Note(DeadReason::kBadTime, "s1: x");
  EXPECT_THAT(told_, SizeIs(3));
}

TEST_F(DeadNewsTest, ValuesMakeNoKinds) {
  for (int year = 2030; year < 2060; ++year) {
    Note(DeadReason::kFutureTime, "event time " + std::to_string(year) + "-01-01T00:00:00Z is");
    Note(DeadReason::kUndecodable, "not JSON at " + std::to_string(year));
  }
  EXPECT_THAT(told_, SizeIs(2));
  EXPECT_THAT(told_[0], HasSubstr("max_ahead"));
}

TEST_F(DeadNewsTest, KindsAreBounded) {
  for (int field = 0; field < 1000; ++field) {
    Note(DeadReason::kWrongType, "s" + std::to_string(field) + ": x");
  }
  EXPECT_THAT(told_, SizeIs(20));
}

}  // namespace
}  // namespace murmur
