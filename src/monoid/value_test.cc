#include "murmur/value.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/decimal.h"

namespace murmur {
namespace {

std::string Json(const Value& value) {
  std::string json;
  AppendJson(value, &json);
  EXPECT_TRUE(nlohmann::json::accept(json)) << json;
  return json;
}

std::string Plain(const Value& value) {
  std::string text;
  AppendPlain(value, &text);
  return text;
}

TEST(ValueTest, IntegersOfAnySizeKeepEveryDigit) {
  EXPECT_EQ(Json(Value::Integer(INT64_MIN)), "-9223372036854775808");
  EXPECT_EQ(Json(Value::Integer(UINT64_MAX)), "18446744073709551615");
  EXPECT_EQ(Value::Integer(UINT64_MAX).kind, ValueKind::kWideInteger);
  EXPECT_EQ(Value::Integer(INT64_MAX).kind, ValueKind::kInteger);
  const Int128 least = std::numeric_limits<Int128>::min();
  EXPECT_EQ(Json(Value::Integer(least)), "-170141183460469231731687303715884105728");
  const std::string digits(60, '9');
  EXPECT_EQ(Json(Value::Integer(digits)), digits);
  EXPECT_EQ(Value::Integer("9223372036854775807"), Value::Integer(INT64_MAX));
  EXPECT_EQ(Value::Integer("-9223372036854775808"), Value::Integer(INT64_MIN));
  EXPECT_EQ(Value::Integer("9223372036854775808").kind, ValueKind::kWideInteger);
}

TEST(ValueTest, DecimalsAreTextWithAllTheirDigits) {
  const std::string digits = "-0.12345678901234567890123456789012345678";
  EXPECT_EQ(Json(Value::Decimal(digits)), '"' + digits + '"');
  EXPECT_EQ(Plain(Value::Decimal(digits)), digits);
}

TEST(ValueTest, DoublesAreNeverIntegers) {
  EXPECT_EQ(Json(Value::Double(2)), "2.0");
  EXPECT_EQ(Json(Value::Double(0.1)), "0.1");
  EXPECT_EQ(Json(Value::Double(1e22)), "1e+22");
  EXPECT_EQ(Json(Value::Double(-0.0)), "-0.0");
  EXPECT_EQ(Plain(Value::Double(2)), "2.0");
}

TEST(ValueTest, WhatIsNotFiniteHasANameAndIsNoNumberOfJson) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(Json(Value::Double(std::nan(""))), "\"NaN\"");
  EXPECT_EQ(Json(Value::Double(-infinity)), "\"-Infinity\"");
  EXPECT_EQ(Plain(Value::Double(infinity)), "Infinity");
  EXPECT_TRUE(Value::Finite(infinity).absent());
  EXPECT_TRUE(Value::Finite(std::nan("")).absent());
  EXPECT_EQ(Value::Finite(1.5), Value::Double(1.5));
  EXPECT_EQ(Value::Double(std::nan("")), Value::Double(std::nan("")));
}

TEST(ValueTest, TextIsEscapedAndAlwaysUtf8) {
  EXPECT_EQ(Json(Value::Text("a\"b\\c\n\t\x01")), R"("a\"b\\c\n\t\u0001")");
  EXPECT_EQ(Json(Value::Text("\xC3\xA9\xFFz")), "\"\xC3\xA9\xEF\xBF\xBDz\"");
  EXPECT_EQ(Plain(Value::Text("a\"\n\xFF")), "a\"\n\xEF\xBF\xBD");
  EXPECT_EQ(Json(Value::Text("null")), "\"null\"");
}

TEST(ValueTest, AbsentIsNeitherZeroNorEmptyText) {
  EXPECT_EQ(Json(Value::Absent()), "null");
  EXPECT_EQ(Plain(Value::Absent()), "");
  EXPECT_FALSE(Value::Absent() == Value::Integer(0));
  EXPECT_FALSE(Value::Absent() == Value::Text(""));
  EXPECT_TRUE(Value::Json("null").absent());
}

TEST(ValueTest, ListsAndRecordsHoldAnyValues) {
  EXPECT_EQ(Json(Value::List({})), "[]");
  EXPECT_EQ(Json(Value::Record(Value::MakeNames({}), {})), "{}");
  const Value entry = Value::Record(Value::MakeNames({"value", "a \"b\""}),
                                    {Value::Text("x"), Value::List({Value::Integer(1)})});
  EXPECT_EQ(Json(Value::List({entry, Value::Absent()})),
            R"([{"value": "x", "a \"b\"": [1]}, null])");
  EXPECT_EQ(Plain(entry), Json(entry));
}

TEST(ValueTest, BooleansTimesAndGivenJson) {
  EXPECT_EQ(Json(Value::Bool(true)), "true");
  EXPECT_EQ(Json(Value::Time(0)), "\"1970-01-01T00:00:00Z\"");
  EXPECT_EQ(Plain(Value::Time(kTimeMinusInfinity)), "-infinity");
  EXPECT_EQ(Json(Value::Json("{\"a\": [1]}")), "{\"a\": [1]}");
}

TEST(ValueTest, AnErrorBoundIsPartOfTheValue) {
  const Value value = Value::Integer(1000).WithError(ErrorKind::kStandard, 0.016);
  EXPECT_EQ(value.error_kind, ErrorKind::kStandard);
  EXPECT_EQ(value.error, 0.016);
  EXPECT_EQ(Json(value), "1000");
  EXPECT_FALSE(value == Value::Integer(1000));
}

}  // namespace
}  // namespace murmur
