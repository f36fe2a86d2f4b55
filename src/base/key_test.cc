#include "murmur/key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <random>

#include "base/decimal.h"

namespace murmur {
namespace {

std::string Part(const Cell& cell) {
  std::string key;
  AppendKeyPart(cell, &key);
  return key;
}

std::string DecimalPart(std::string_view text) {
  Int128 unscaled;
  int scale;
  EXPECT_TRUE(ParseDecimal(text, &unscaled, &scale)) << text;
  return Part(Cell::Decimal(&unscaled, static_cast<uint8_t>(scale)));
}

KeyValue Decoded(const std::string& part) {
  const auto key = DecodeKey(std::string(1, static_cast<char>(kKeyBase)) + part, false);
  EXPECT_TRUE(key.ok());
  EXPECT_EQ(key.ok() ? key->parts.size() : 0, 1u);
  return key.ok() && key->parts.size() == 1 ? key->parts[0] : KeyValue();
}

TEST(KeyTest, OneNumberIsOneKeyWhateverItsType) {
  const Int128 five_cents = 500;
  EXPECT_EQ(Part(Cell::Int(5)), Part(Cell::Double(5.0)));
  EXPECT_EQ(Part(Cell::Int(5)), Part(Cell::Decimal(&five_cents, 2)));
  EXPECT_EQ(Part(Cell::Double(0.5)), DecimalPart("0.50"));
  EXPECT_EQ(Part(Cell::Double(-0.0)), Part(Cell::Int(0)));
  EXPECT_NE(Part(Cell::Double(0.1)), DecimalPart("0.1")) << "the double is not a tenth";
  EXPECT_NE(Part(Cell::Int(1)), Part(Cell::Bool(true)));
  EXPECT_NE(Part(Cell::Int(1)), Part(Cell::String("1")));
}

TEST(KeyTest, NumbersAreOrderedByValue) {
  const std::vector<std::string> ascending = {
      Part(Cell::Double(-std::numeric_limits<double>::infinity())),
      Part(Cell::Double(-1e300)),
      Part(Cell::Int(INT64_MIN)),
      Part(Cell::Int(INT64_MIN + 1)),
      Part(Cell::Int(-5)),
      Part(Cell::Double(-0.5)),
      Part(Cell::Int(0)),
      Part(Cell::Double(5e-324)),
      Part(Cell::Double(0.5)),
      Part(Cell::Int(1)),
      Part(Cell::Int((int64_t{1} << 53) - 1)),
      Part(Cell::Int(int64_t{1} << 53)),
      Part(Cell::Int((int64_t{1} << 53) + 1)),
      Part(Cell::Int(INT64_MAX - 1)),
      Part(Cell::Int(INT64_MAX)),
      Part(Cell::Double(0x1p63)),
      Part(Cell::Double(1e300)),
      Part(Cell::Double(std::numeric_limits<double>::infinity())),
      Part(Cell::Double(std::nan(""))),
  };
  for (size_t i = 1; i < ascending.size(); ++i) EXPECT_LT(ascending[i - 1], ascending[i]) << i;
}

TEST(KeyTest, IntegersOfEveryMagnitudeComeBackAndKeepTheirOrder) {
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << std::endl;
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20000; ++i) {
    const auto a = static_cast<int64_t>(random()) >> (random() % 64);
    const auto b = random() % 2 ? a + static_cast<int64_t>(random() % 5) - 2
                                : static_cast<int64_t>(random()) >> (random() % 64);
    const KeyValue value = Decoded(Part(Cell::Int(a)));
    ASSERT_EQ(value.kind, Kind::kInt) << a;
    ASSERT_EQ(value.i, a);
    ASSERT_EQ(Part(Cell::Int(a)) < Part(Cell::Int(b)), a < b) << a << " " << b;
  }
}

TEST(KeyTest, DoublesComeBackAndKeepTheirOrder) {
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << std::endl;
  std::mt19937_64 random(seed);
  const auto next = [&] {
    double d;
    do d = std::bit_cast<double>(random());
    while (!std::isfinite(d));
    return d;
  };
  for (int i = 0; i < 20000; ++i) {
    const double a = next(), b = next();
    const KeyValue value = Decoded(Part(Cell::Double(a)));
    const double back = value.kind == Kind::kInt ? static_cast<double>(value.i) : value.d;
    ASSERT_EQ(back, a);
    ASSERT_EQ(Part(Cell::Double(a)) < Part(Cell::Double(b)), a < b) << a << " " << b;
  }
}

TEST(KeyTest, DecimalsComeBackToTheLastDigit) {
  for (const char* text :
       {"0.1", "-0.1", "12345678901234567890.123", "99999999999999999999999999999",
        "-170141183460469231731687303715884105.5", "0.00000000000000000001"}) {
    const KeyValue value = Decoded(DecimalPart(text));
    EXPECT_EQ(value.kind, Kind::kDecimal) << text;
    EXPECT_EQ(value.text, text);
  }
}

TEST(KeyTest, StringsKeepEveryByteAndTheOrderOfTheirBytes) {
  const std::vector<std::string> ascending = {"",
                                              std::string(1, '\0'),
                                              std::string("\0\0", 2),
                                              std::string("\0\1", 2),
                                              std::string("\0a", 2),
                                              "\1",
                                              "\1\1",
                                              "\2",
                                              "a",
                                              std::string("a\0b", 3),
                                              "a\1",
                                              "ab",
                                              "b",
                                              "\xC3\xA9",
                                              "\xFF"};
  for (size_t i = 0; i < ascending.size(); ++i) {
    EXPECT_EQ(Decoded(Part(Cell::String(ascending[i]))).text, ascending[i]) << i;
    if (i > 0) {
      EXPECT_LT(Part(Cell::String(ascending[i - 1])), Part(Cell::String(ascending[i]))) << i;
    }
  }
}

TEST(KeyTest, KindsAreOrderedNullBooleanNumberTimeString) {
  const std::vector<std::string> ascending = {
      Part(Cell::Null()),         Part(Cell::Bool(false)),     Part(Cell::Bool(true)),
      Part(Cell::Int(INT64_MIN)), Part(Cell::Time(INT64_MIN)), Part(Cell::Time(-1)),
      Part(Cell::Time(0)),        Part(Cell::String(""))};
  for (size_t i = 1; i < ascending.size(); ++i) EXPECT_LT(ascending[i - 1], ascending[i]) << i;
  EXPECT_EQ(Decoded(Part(Cell::Time(-1))).i, -1);
  EXPECT_EQ(Decoded(Part(Cell::Bool(true))).i, 1);
}

TEST(KeyTest, PartsAndBucketComeBack) {
  for (const int64_t bucket :
       {int64_t{0}, int64_t{-1}, int64_t{20514}, kBucketBias - 1, -kBucketBias}) {
    std::string key(1, static_cast<char>(kKeyBase + 3));
    AppendKeyPart(Cell::String("/a"), &key);
    AppendKeyPart(Cell::Int(7), &key);
    AppendBucket(bucket, &key);
    const auto decoded = DecodeKey(key, true);
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(decoded->rollup, 3u);
    EXPECT_EQ(decoded->bucket, bucket);
    EXPECT_EQ(BucketOfKey(key), bucket);
    ASSERT_EQ(decoded->parts.size(), 2u);
    EXPECT_EQ(decoded->parts[0].text, "/a");
    EXPECT_EQ(decoded->parts[1].i, 7);
  }
}

TEST(KeyTest, DamagedKeysAreRefusedOrDecodedButNeverRead) {
  std::string key(1, static_cast<char>(kKeyBase));
  AppendKeyPart(Cell::String("a\1b"), &key);
  key += DecimalPart("0.1");
  AppendKeyPart(Cell::Time(5), &key);
  EXPECT_TRUE(DecodeKey(key, false).ok());
  EXPECT_EQ(DecodeKey(key.substr(0, key.size() - 1), false).status().code(), Code::kDataLoss);
  for (const std::string& bad :
       {std::string(), std::string("\x01"), std::string("\xF0\x01"), key + "\x07",
        key + "\x06"
              "a",
        key + "\x04"}) {
    EXPECT_EQ(DecodeKey(bad, false).status().code(), Code::kDataLoss);
  }
  std::mt19937_64 random(1);
  for (int i = 0; i < 50000; ++i) {
    std::string changed = key.substr(0, random() % (key.size() + 1));
    if (!changed.empty()) changed[random() % changed.size()] = static_cast<char>(random());
    (void)DecodeKey(changed, i % 2 == 0);
  }
}

TEST(FormatTimeTest, IsRfc3339WithOnlyTheFractionThatIsThere) {
  EXPECT_EQ(FormatTime(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatTime(1772323200LL * 1000000), "2026-03-01T00:00:00Z");
  EXPECT_EQ(FormatTime(1500000), "1970-01-01T00:00:01.5Z");
  EXPECT_EQ(FormatTime(-1), "1969-12-31T23:59:59.999999Z");
  // What int64 microseconds can hold at all; computed with Python integers.
  EXPECT_EQ(FormatTime(INT64_MIN + 1), "-290308-12-21T19:59:05.224193Z");
  EXPECT_EQ(FormatTime(INT64_MAX - 1), "294247-01-10T04:00:54.775806Z");
  EXPECT_EQ(FormatTime(-62198755200000000), "-0001-01-01T00:00:00Z");
}

TEST(FormatTimeTest, TheInfinitiesAreWrittenAsPostgresqlWritesThem) {
  EXPECT_EQ(FormatTime(kTimeInfinity), "infinity");
  EXPECT_EQ(FormatTime(kTimeMinusInfinity), "-infinity");
}

}  // namespace
}  // namespace murmur
