#include "source/postgres/pg_value.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "murmur/key.h"
#include "source/postgres/pg_output.h"
#include "source/postgres/pg_position.h"

namespace murmur {
namespace {

constexpr PgType kBool{16}, kInt8{20}, kFloat4{700}, kFloat8{701}, kNumeric{1700}, kText{25};
constexpr PgType kDate{1082}, kTimestamp{1114}, kTimestamptz{1184};

// The cell as text; "refused" if there is none.
std::string Cell1(const PgType& type, std::string_view text) {
  TextArena arena;
  Cell cell;
  if (!ReadPgScalar(type, text, &arena, &cell)) return "refused";
  switch (cell.kind) {
    case Kind::kBool: return cell.i != 0 ? "true" : "false";
    case Kind::kInt: return "int " + std::to_string(cell.i);
    case Kind::kDecimal: return "decimal " + FormatDecimal(cell.decimal(), cell.scale);
    case Kind::kTime: return FormatTime(cell.i);
    case Kind::kString: return "text " + std::string(cell.text());
    case Kind::kDouble:
      return ((cell.flags & Cell::kRounded) != 0 ? "rounded " : "double ") + std::to_string(cell.d);
    default: return "other";
  }
}

TEST(PgValue, ScalarsAreWhatTheServerWrites) {
  EXPECT_EQ(Cell1(kBool, "t"), "true");
  EXPECT_EQ(Cell1(kBool, "f"), "false");
  EXPECT_EQ(Cell1(kBool, "yes"), "refused");
  EXPECT_EQ(Cell1(kInt8, "-9223372036854775808"), "int -9223372036854775808");
  EXPECT_EQ(Cell1(kInt8, "1x"), "refused");
  EXPECT_EQ(Cell1(kFloat8, "0.1"), "double 0.100000");
  EXPECT_EQ(Cell1(kFloat8, "NaN"), "double nan");
  EXPECT_EQ(Cell1(kFloat8, "-Infinity"), "double -inf");
  EXPECT_EQ(Cell1(kNumeric, "12.50"), "decimal 12.50");
  EXPECT_EQ(Cell1(kNumeric, "-7"), "decimal -7");
  EXPECT_EQ(Cell1(kNumeric, "999999999999999999"), "decimal 999999999999999999");
  EXPECT_EQ(Cell1(kNumeric, "9999999999999999999.5"), "decimal 9999999999999999999.5");
  EXPECT_EQ(Cell1(kNumeric, "1.2.3"), "refused");
  EXPECT_EQ(Cell1(kNumeric, ""), "refused");
  EXPECT_EQ(Cell1(kNumeric, "-0.000000000000000000000000000000000001"),
            "decimal -0.000000000000000000000000000000000001");
  EXPECT_EQ(Cell1(kNumeric, "NaN"), "double nan");
  EXPECT_EQ(Cell1(kNumeric, "Infinity"), "double inf");
  EXPECT_EQ(Cell1(kNumeric, std::string(40, '9')), "rounded " + std::to_string(1e40));
  EXPECT_EQ(Cell1(kText, "a\tb"), "text a\tb");
}

// A float's text is shorter than the double that it is.
TEST(PgValue, AFloatIsNotTheDoubleOfItsText) {
  TextArena arena;
  Cell cell;
  ASSERT_TRUE(ReadPgScalar(kFloat4, "0.1", &arena, &cell));
  EXPECT_EQ(cell.d, static_cast<double>(0.1F));
}

TEST(PgValue, TimesOfAllForms) {
  EXPECT_EQ(Cell1(kDate, "2026-03-01"), "2026-03-01T00:00:00Z");
  EXPECT_EQ(Cell1(kTimestamp, "2026-03-01 12:30:45.123456"), "2026-03-01T12:30:45.123456Z");
  EXPECT_EQ(Cell1(kTimestamp, "2026-03-01 12:30:45.5"), "2026-03-01T12:30:45.5Z");
  EXPECT_EQ(Cell1(kTimestamptz, "2026-03-01 12:00:00+00"), "2026-03-01T12:00:00Z");
  EXPECT_EQ(Cell1(kTimestamptz, "2026-03-01 12:00:00+05:30"), "2026-03-01T06:30:00Z");
  EXPECT_EQ(Cell1(kTimestamptz, "2026-03-01 12:00:00-01"), "2026-03-01T13:00:00Z");
  EXPECT_EQ(Cell1(kDate, "infinity"), "infinity");
  EXPECT_EQ(Cell1(kTimestamptz, "-infinity"), "-infinity");
  EXPECT_EQ(Cell1(kTimestamp, "294276-12-31 23:59:59.999999"), "infinity");
  EXPECT_EQ(Cell1(kTimestamptz, "2026-03-01 23:59:59.000001+00"), "2026-03-01T23:59:59.000001Z");
  EXPECT_EQ(Cell1(kTimestamp, "0001-01-01 00:00:00"), "0001-01-01T00:00:00Z");
  for (const char* text : {"2026-03-01 12:00:00.", "2026-03-01 12:0x:00", "2026-03-01 12:00:00 +00",
                           "2026-00-01 12:00:00"}) {
    EXPECT_NE(Cell1(kTimestamp, text).substr(0, 3), "202") << text;
  }
  for (const char* text : {"2026-3", "2026-13-01", "2026-03-01 12", "2026-03-01 12:00:00 AD", ""}) {
    EXPECT_NE(Cell1(kTimestamp, text).substr(0, 3), "int") << text;
  }
  TextArena arena;
  Cell bc;
  ASSERT_TRUE(ReadPgScalar(kDate, "0044-03-15 BC", &arena, &bc));
  Cell bc_time;
  ASSERT_TRUE(ReadPgScalar(kTimestamptz, "0044-03-15 00:00:00+00 BC", &arena, &bc_time));
  EXPECT_EQ(bc.i, bc_time.i);
  EXPECT_LT(bc.i, kEventTimeMin);
}

TEST(PgValue, ArraysAsJson) {
  const auto json = [](std::string_view text, uint32_t element) {
    std::string out;
    return AppendPgArrayAsJson(text, element, &out) ? out : "refused";
  };
  EXPECT_EQ(json("{}", 23), "[]");
  EXPECT_EQ(json("{1,NULL,3}", 23), "[1,null,3]");
  EXPECT_EQ(json("{{1,2},{3,4}}", 23), "[[1,2],[3,4]]");
  EXPECT_EQ(json("[0:1]={1,2}", 23), "[1,2]");
  EXPECT_EQ(json("{t,f}", 16), "[true,false]");
  EXPECT_EQ(json("{1.5,NaN}", 1700), R"([1.5,"NaN"])");
  EXPECT_EQ(json(R"({a,"b c","d\"e","NULL",NULL,""})", 25), R"(["a","b c","d\"e","NULL",null,""])");
  for (const char* text : {"", "{", "{1", "{\"a}", "1", "{1}x", "[0:1]{1}"}) {
    EXPECT_EQ(json(text, 25), "refused") << text;
  }
}

TEST(PgValue, JsonAndPartsOfIt) {
  const auto read = [](const PgType& type, std::vector<FieldPath::Step> steps, std::string text) {
    FieldRequest request{.path = {std::move(steps)}};
    auto reader = MakePgFieldReader(type, request).value();
    TextArena arena;
    Cell cell;
    DeadLetter dead;
    if (!reader.Read(text, &arena, &cell, &dead)) return "dead: " + dead.detail;
    if (cell.is_null()) return std::string("null");
    if (cell.kind == Kind::kInt) return std::to_string(cell.i);
    return std::string(cell.text());
  };
  constexpr PgType kJsonb{3802};
  constexpr PgType kInts{1007, 23};
  EXPECT_EQ(read(kJsonb, {"data", "a", "b"}, R"({"a": {"b": 5}})"), "5");
  EXPECT_EQ(read(kJsonb, {"data"}, R"({"a": 1})"), R"({"a": 1})");
  EXPECT_EQ(read(kJsonb, {"data"}, "7"), "7");
  EXPECT_EQ(read(kJsonb, {"data", "x"}, R"({"a": 1})"), "null");
  EXPECT_EQ(read(kInts, {"list", uint32_t{1}}, "{10,20}"), "20");
  EXPECT_EQ(read(kText, {"name", "part"}, "abc"), "null");
  EXPECT_EQ(read(kText, {"name"}, "abc"), "abc");
}

TEST(PgPosition, APositionIsTextAndBack) {
  for (const PgPosition& position :
       {PgPosition{.lsn = 0x16B3748},
        PgPosition{.lsn = PgLsn{5} << 32 | 0xFF, .rows = 17, .commit = 9}}) {
    EXPECT_EQ(ParsePgPosition(position.ToString()).value(), position);
  }
  EXPECT_EQ((PgPosition{.lsn = PgLsn{5} << 32 | 0xFF}).ToString(), "5/FF");
  for (const char* text : {"", "5", "5/", "5/FF+", "5/FF+0@1/1", "5/FF+3", "5/FF x"}) {
    EXPECT_EQ(ParsePgPosition(text).status().code(), Code::kInvalidArgument) << text;
  }
}

TEST(PgReadPointsTest, WhatASnapshotSees) {
  const std::string read = PgReadPoint("100:110:103,105", 0x1000);
  const auto saw = [&read](uint32_t transaction) {
    return kPgReadPoints.Saw(read, PgPlaceOf(transaction));
  };
  EXPECT_TRUE(saw(99));
  EXPECT_TRUE(saw(100));
  EXPECT_FALSE(saw(103));
  EXPECT_TRUE(saw(104));
  EXPECT_FALSE(saw(105));
  EXPECT_FALSE(saw(110));
  EXPECT_FALSE(saw(111));
  EXPECT_TRUE(kPgReadPoints.IsPassed(read, PgWatermark(0x1000)));
  EXPECT_FALSE(kPgReadPoints.IsPassed(read, PgWatermark(0xFFF)));
}

// Numbers in the log have 32 bits, those of a snapshot 64.
TEST(PgReadPointsTest, NumbersOfTransactionsGoRound) {
  const uint64_t epoch = uint64_t{3} << 32;
  const std::string read =
      PgReadPoint(std::to_string(epoch - 5) + ":" + std::to_string(epoch + 5) + ":", 1);
  EXPECT_TRUE(kPgReadPoints.Saw(read, PgPlaceOf(UINT32_MAX - 10)));
  EXPECT_TRUE(kPgReadPoints.Saw(read, PgPlaceOf(UINT32_MAX)));
  EXPECT_TRUE(kPgReadPoints.Saw(read, PgPlaceOf(4)));
  EXPECT_FALSE(kPgReadPoints.Saw(read, PgPlaceOf(5)));
}

TEST(PgReadPointsTest, AReadCoversWhatLiveHasPassed) {
  std::string passed;
  EXPECT_TRUE(kPgReadPoints.Covers(PgReadPoint("1:1:", 1), passed));
  for (const uint32_t transaction : {104, 101, 102}) {
    kPgReadPoints.Pass(PgPlaceOf(transaction), &passed);
  }
  EXPECT_TRUE(kPgReadPoints.Covers(PgReadPoint("100:110:103", 1), passed));
  EXPECT_FALSE(kPgReadPoints.Covers(PgReadPoint("100:110:102", 1), passed));
  EXPECT_FALSE(kPgReadPoints.Covers(PgReadPoint("100:104:", 1), passed));
}

TEST(PgReadPointsTest, WhatLiveHasPassedStaysSmall) {
  std::string passed;
  for (uint32_t transaction = 1000; transaction < 9000; ++transaction) {
    kPgReadPoints.Pass(PgPlaceOf(transaction), &passed);
    kPgReadPoints.Pass(PgPlaceOf(transaction), &passed);
    ASSERT_LE(passed.size(), 4096u);
  }
  EXPECT_TRUE(kPgReadPoints.Covers(PgReadPoint("9000:9000:", 1), passed));
  EXPECT_FALSE(kPgReadPoints.Covers(PgReadPoint("1500:9000:1500", 1), passed));
  EXPECT_FALSE(kPgReadPoints.Covers(PgReadPoint("8990:9000:8990,8999", 1), passed));
}

TEST(PgOutput, DamagedMessagesAreSeen) {
  std::string update = "U";
  update += std::string("\0\0\0\7", 4) + "K" + std::string("\0\1", 2) + "t" +
            std::string("\0\0\0\1", 4) + "5" + "N" + std::string("\0\2", 2) + "n" + "u";
  const auto change = ReadPgRowChange(update);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->relation, 7u);
  EXPECT_TRUE(change->is_update);
  EXPECT_EQ(change->before_is, 'K');
  EXPECT_EQ(change->before[0].text, "5");
  ASSERT_TRUE(change->after);
  EXPECT_EQ((*change->after)[1].is, TextValue::Is::kUnchanged);
  const size_t after = update.find('N');
  for (size_t size = 1; size < update.size(); ++size) {
    // The message may end before the row after, as a delete does.
    EXPECT_EQ(ReadPgRowChange(update.substr(0, size)).has_value(), size == after || size == 5)
        << size;
  }
}

}  // namespace
}  // namespace murmur
