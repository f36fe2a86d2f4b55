#include "murmur/state_value.h"

#include <random>

#include "murmur/testing/state_table_kit.h"
#include "state/wire.h"

namespace murmur {
namespace {

const Monoid* const kMonoids[] = {&kTestSum, &kTestLast};

std::string Combined(const std::vector<std::string>& values) {
  const std::vector<std::string_view> views(values.begin(), values.end());
  std::string out;
  EXPECT_TRUE(CombineValues(kMonoids, views, &out));
  return out;
}

TEST(WireTest, NumbersOfEverySizeComeBack) {
  for (int bits = 0; bits < 64; ++bits) {
    for (const uint64_t v :
         {uint64_t{1} << bits, (uint64_t{1} << bits) - 1, ~uint64_t{0} >> bits}) {
      std::string bytes;
      PutVarint(v, &bytes);
      PutSigned(static_cast<int64_t>(v), &bytes);
      PutSigned(-static_cast<int64_t>(v >> 1), &bytes);
      std::string_view in(bytes);
      uint64_t unsigned_back;
      int64_t back, negative_back;
      ASSERT_TRUE(GetVarint(&in, &unsigned_back) && GetSigned(&in, &back) &&
                  GetSigned(&in, &negative_back));
      EXPECT_EQ(unsigned_back, v);
      EXPECT_EQ(back, static_cast<int64_t>(v));
      EXPECT_EQ(negative_back, -static_cast<int64_t>(v >> 1));
      EXPECT_TRUE(in.empty());
    }
  }
  std::string_view too_long("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02");
  uint64_t v;
  EXPECT_FALSE(GetVarint(&too_long, &v));
}

TEST(ValueTest, PartsComeBack) {
  const std::string value = TestValue(-3, 300, 0);
  int64_t records;
  std::string_view parts[2];
  ASSERT_TRUE(SplitValue(value, &records, parts));
  EXPECT_EQ(records, -3);
  EXPECT_EQ(TestSum::Number(parts[0].data()), 300);
  EXPECT_TRUE(parts[1].empty()) << "the identity";
  EXPECT_EQ(RecordsOfValue(value), -3);
  EXPECT_FALSE(SplitValue(value, &records, std::span(parts).first(1)));
  EXPECT_FALSE(SplitValue(value.substr(0, value.size() - 1), &records, parts));
  EXPECT_FALSE(SplitValue("", &records, parts));
}

TEST(ValueTest, CombiningAddsRecordsAndEveryAggregateInOrder) {
  EXPECT_EQ(Combined({TestValue(1, 10, 7), TestValue(2, 5, 8)}), TestValue(3, 15, 8));
  EXPECT_EQ(Combined({TestValue(1, 10, 7)}), TestValue(1, 10, 7));
  EXPECT_EQ(Combined({TestValue(1, 10, 7), TestValue(-1, -10, 0)}), TestValue(0, 0, 7));
  EXPECT_EQ(Combined({}), TestValue(0, 0, 0));
}

TEST(ValueTest, ANegatedValueTakesItAway) {
  const Monoid* const sums[] = {&kTestSum, &kTestSum};
  const int64_t five = 5;
  const int64_t zero = 0;
  const char* const states[] = {reinterpret_cast<const char*>(&five),
                                reinterpret_cast<const char*>(&zero)};
  std::string value, negated, combined;
  AppendValue(3, sums, states, &value);
  ASSERT_TRUE(NegateValue(sums, value, &negated));
  EXPECT_EQ(RecordsOfValue(negated), -3);
  const std::string_view both[] = {value, negated};
  ASSERT_TRUE(CombineValues(sums, both, &combined));
  EXPECT_EQ(combined, std::string("\0\0\0", 3));
  EXPECT_FALSE(NegateValue(sums, "\x06", &negated));
}

TEST(ValueTest, StatesLongerThanOneLengthByteAreKept) {
  class Text final : public TestSum {
   public:
    size_t state_size() const noexcept override { return 16; }
    bool Combine(char* state, std::string_view encoded, Arena*) const override {
      const uint64_t size = encoded.size() + *reinterpret_cast<uint64_t*>(state);
      std::memcpy(state, &size, 8);
      return true;
    }
    void Encode(const char* state, std::string* out) const override {
      out->append(*reinterpret_cast<const uint64_t*>(state), 'x');
    }
  };
  const Text text;
  const Monoid* const monoids[] = {&text, &kTestSum};
  for (const size_t size : {63u, 64u, 100u, 8191u, 8192u, 100000u}) {
    std::string half;
    PutSigned(1, &half);
    PutBytes(std::string(size, 'x'), &half);
    PutBytes("", &half);
    const std::string_view both[] = {half, half};
    std::string out;
    ASSERT_TRUE(CombineValues(monoids, both, &out));
    int64_t records;
    std::string_view parts[2];
    ASSERT_TRUE(SplitValue(out, &records, parts)) << size;
    EXPECT_EQ(parts[0], std::string(2 * size, 'x'));
  }
}

TEST(ValueTest, WhatIsCombinedWithMalformedBytesIsDamagedForEver) {
  const std::string good = TestValue(1, 10, 7);
  const std::string_view values[] = {good,
                                     "\x02\x03"
                                     "abc",
                                     good};
  std::string out;
  EXPECT_FALSE(CombineValues(kMonoids, values, &out));
  EXPECT_EQ(out, kDamagedValue);
  const std::string_view later[] = {good, out, good};
  std::string still;
  EXPECT_FALSE(CombineValues(kMonoids, later, &still));
  EXPECT_EQ(still, kDamagedValue);
  EXPECT_TRUE(IsDamaged(still) && !IsNothing(still) && IsMalformed(still, 2));
  EXPECT_TRUE(IsNothing(TestValue(0, 0, 0)) && !IsMalformed(TestValue(0, 0, 0), 2));
  EXPECT_FALSE(IsNothing(std::string_view("\0\7a", 3))) << "its aggregates are cut off";
  std::mt19937_64 random(1);
  for (int i = 0; i < 50000; ++i) {
    std::string changed = good.substr(0, random() % (good.size() + 1));
    if (!changed.empty()) changed[random() % changed.size()] = static_cast<char>(random());
    const std::string_view both[] = {changed, good};
    const bool good_value = CombineValues(kMonoids, both, &out);
    int64_t records;
    std::string_view parts[2];
    ASSERT_EQ(SplitValue(out, &records, parts), good_value);
    ASSERT_EQ(out == kDamagedValue, !good_value);
  }
}

}  // namespace
}  // namespace murmur
