#include "source/slice_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace murmur {
namespace {

// Batches of ten records with offsets 100, 107, 114, …; every third one is a dead letter.
class Numbers final : public RecordStream {
 public:
  explicit Numbers(uint64_t from) : next_(from) {}
  Result<ReadState> Read(std::stop_token, RecordBatch* batch) override {
    batch->Clear();
    if (next_ == 40) return ReadState::kEnd;
    for (const uint64_t end = next_ + 10; next_ < end; ++next_) {
      if (next_ % 3 == 0) {
        batch->dead_letters.push_back(
            {.offset = 100 + 7 * next_, .detail = "number " + std::to_string(next_)});
        continue;
      }
      batch->offsets[batch->rows] = 100 + 7 * next_;
      batch->columns[0].cells[batch->rows] = Cell::Int(static_cast<int64_t>(next_));
      ++batch->rows;
    }
    batch->after = std::to_string(next_);
    return ReadState::kRecords;
  }

 private:
  uint64_t next_;
};

Projection OneField() {
  Projection projection;
  projection.fields.emplace_back().path.steps.emplace_back("n");
  return projection;
}

// The numbers of what comes, dead letters included; *position is the last one.
std::vector<uint64_t> ReadFrom(const Position& after, const RecordSlice& slice,
                               Position* position) {
  const SlicePosition from = ParseSlicePosition(after).value();
  const uint64_t next = from.inner.empty() ? 0 : std::stoull(from.inner);
  SliceStream stream(std::make_unique<Numbers>(next), slice, /*by_offset=*/false, from);
  RecordBatch batch(OneField());
  std::vector<uint64_t> numbers;
  while (stream.Read({}, &batch).value() == ReadState::kRecords) {
    std::vector<uint64_t> some;
    for (uint32_t row = 0; row < batch.rows; ++row) {
      EXPECT_EQ(batch.offsets[row], 100 + 7 * static_cast<uint64_t>(batch.columns[0].cells[row].i));
      some.push_back(static_cast<uint64_t>(batch.columns[0].cells[row].i));
    }
    for (const DeadLetter& dead : batch.dead_letters) {
      some.push_back((dead.offset - 100) / 7);
      EXPECT_EQ(dead.detail, "number " + std::to_string(some.back()));
    }
    std::sort(some.begin(), some.end());
    numbers.insert(numbers.end(), some.begin(), some.end());
    *position = batch.after;
  }
  return numbers;
}

TEST(SliceStream, GivesWhatIsInsideAndCountsAll) {
  for (uint64_t begin = 0; begin <= 41; ++begin) {
    for (uint64_t end = begin; end <= 42; ++end) {
      std::vector<uint64_t> expected;
      for (uint64_t number = begin; number < std::min<uint64_t>(end, 40); ++number) {
        expected.push_back(number);
      }
      Position last;
      EXPECT_EQ(ReadFrom("", {.begin = begin, .end = end}, &last), expected);
      EXPECT_EQ(ParseSlicePosition(last)->count, 40u);
    }
  }
}

TEST(SliceStream, GoesOnBehindAPosition) {
  Position last;
  EXPECT_EQ(ReadFrom("20/20", {.begin = 15, .end = 23}, &last),
            (std::vector<uint64_t>{20, 21, 22}));
  EXPECT_EQ(last, "40/40");
  EXPECT_FALSE(ParseSlicePosition("o=12").ok());
  EXPECT_FALSE(ParseSlicePosition("12").ok());
}

}  // namespace
}  // namespace murmur
