#include "source/dynamodb/attribute_value.h"

#include <gtest/gtest.h>

#include "base/decimal.h"

namespace murmur {
namespace {

FieldPath PathOf(std::vector<FieldPath::Step> steps) { return {.steps = std::move(steps)}; }

// One field of one item, as text that tells its kind.
class ItemDecoderTest : public testing::Test {
 protected:
  std::string Read(const std::string& item, std::vector<FieldPath::Step> steps = {"a"},
                   bool as_time = false) {
    Projection projection;
    FieldRequest& field = projection.fields.emplace_back();
    field.path = PathOf(std::move(steps));
    field.as_time = as_time;
    ItemDecoder decoder(projection);
    std::vector<Column> columns(1);
    json_ = item + std::string(kJsonPadding, '\0');
    DeadLetter dead;
    if (!decoder.Decode(json_.data(), 0, &columns, &dead)) {
      return std::string("dead: ") + std::string(DeadReasonName(dead.reason));
    }
    const Cell& cell = columns[0].cells[0];
    switch (cell.kind) {
      case Kind::kNull: return "null";
      case Kind::kBool: return cell.i != 0 ? "true" : "false";
      case Kind::kInt: return "int " + std::to_string(cell.i);
      case Kind::kDecimal: return "decimal " + FormatDecimal(cell.decimal(), cell.scale);
      case Kind::kDouble: return (cell.flags & Cell::kRounded) != 0 ? "rounded" : "double";
      case Kind::kString: return "string " + std::string(cell.text());
      case Kind::kJson: return "json " + std::string(cell.text());
      case Kind::kTime: return "time " + std::to_string(cell.i);
    }
    return "?";
  }

 private:
  std::string json_;
};

TEST_F(ItemDecoderTest, ReadsEveryType) {
  EXPECT_EQ(Read(R"({"b":{"S":"x"},"a":{"S":"y"}})"), "string y");
  EXPECT_EQ(Read(R"({"a":{"S":"\"\u00e9\n"}})"), "string \"\u00e9\n");
  EXPECT_EQ(Read(R"({"a":{"S":""}})"), "string ");
  EXPECT_EQ(Read(R"({"a":{"B":"AP8="}})"), "string AP8=");
  EXPECT_EQ(Read(R"({"a":{"BOOL":true}})"), "true");
  EXPECT_EQ(Read(R"({"a":{"BOOL":false}})"), "false");
  EXPECT_EQ(Read(R"({"a":{"NULL":true}})"), "null");
  EXPECT_EQ(Read(R"({"b":{"S":"x"}})"), "null");
  EXPECT_EQ(Read(R"({ "a" : { "L" : [ {"N":"1"}, {"NULL":true}, {"M":{}} ] } })"),
            "json [1,null,{}]");
  EXPECT_EQ(Read(R"({"a":{"M":{"y":{"BOOL":true},"x":{"S":"\u00e9\""}}}})"),
            "json {\"x\":\"\u00e9\\\"\",\"y\":true}");
}

TEST_F(ItemDecoderTest, NumbersAreExact) {
  EXPECT_EQ(Read(R"({"a":{"N":"-9223372036854775808"}})"), "int -9223372036854775808");
  EXPECT_EQ(Read(R"({"a":{"N":"9223372036854775808"}})"), "decimal 9223372036854775808");
  EXPECT_EQ(Read(R"({"a":{"N":"12345678901234567890123456789012345678"}})"),
            "decimal 12345678901234567890123456789012345678");
  EXPECT_EQ(Read(R"({"a":{"N":"0.00000000000000000000000000000000000001"}})"),
            "decimal 0.00000000000000000000000000000000000001");
  EXPECT_EQ(Read(R"({"a":{"N":"0.1"}})"), "decimal 0.1");
  EXPECT_EQ(Read(R"({"a":{"N":"1E+100"}})"), "rounded");
  EXPECT_EQ(Read(R"({"a":{"N":"1E-100"}})"), "rounded");
  EXPECT_EQ(Read(R"({"a":{"N":"1E+3"}})"), "decimal 1000");
}

TEST_F(ItemDecoderTest, SetsAreInOneOrder) {
  EXPECT_EQ(Read(R"({"a":{"SS":["b","\u0061","B"]}})"), R"(json ["B","a","b"])");
  EXPECT_EQ(Read(R"({"a":{"NS":["3","-20","1.5","-3","0"]}})"), "json [-20,-3,0,1.5,3]");
  EXPECT_EQ(Read(R"({"a":{"BS":["/w==","AA=="]}})"), R"(json ["/w==","AA=="])");
}

TEST_F(ItemDecoderTest, PathsLeadIntoMapsAndLists) {
  const std::string item =
      R"({"a":{"M":{"b":{"L":[{"N":"7"},{"M":{"c.d":{"S":"x"}}}]},"e":{"SS":["s"]}}}})";
  EXPECT_EQ(Read(item, {"a", "b", 0U}), "int 7");
  EXPECT_EQ(Read(item, {"a", "b", 1U, "c.d"}), "string x");
  EXPECT_EQ(Read(item, {"a", "b", 2U}), "null");
  EXPECT_EQ(Read(item, {"a", "b", "c"}), "null");
  EXPECT_EQ(Read(item, {"a", "e", 0U}), "null") << "the elements of a set have no numbers";
  EXPECT_EQ(Read(item, {"a", "e"}), R"(json ["s"])");
}

TEST_F(ItemDecoderTest, TimesAreTextsOfTimes) {
  EXPECT_EQ(Read(R"({"a":{"S":"2026-03-01T00:00:00Z"}})", {"a"}, true), "time 1772323200000000");
}

TEST_F(ItemDecoderTest, WhatIsNoItemIsADeadLetter) {
  for (const char* item :
       {R"({"a":{"S":1}})", R"({"a":{"N":"x"}})", R"({"a":{"N":"1 "}})", R"({"a":{}})",
        R"({"a":"x"})", R"({"a":{"S":"x","N":"1"}})", R"({"a":{"Z":"x"}})", R"({"a":{"M":[]}})",
        R"({"a":{"NS":["x"]}})", R"({"a":{"L":["x"]}})"}) {
    EXPECT_EQ(Read(item), "dead: undecodable") << item;
  }
}

TEST(AppendCanonicalNumber, EqualNumbersHaveOneForm) {
  const auto form = [](const std::string& text) {
    std::string out;
    const std::string padded = text + std::string(kJsonPadding, '\0');
    return AppendCanonicalNumber(std::string_view(padded).substr(0, text.size()), &out) ? out
                                                                                        : "none";
  };
  for (const char* text : {"0", "-0", "0.00", "0E+5"}) EXPECT_EQ(form(text), "0") << text;
  for (const char* text : {"12.5", "12.50", "1.25E1", "1.25e+1", "125E-1"}) {
    EXPECT_EQ(form(text), "125E-1") << text;
  }
  EXPECT_EQ(form("-100"), "-1E2");
  EXPECT_EQ(form("1E+125"), "1E125");
  EXPECT_EQ(form("0.0001"), "1E-4");
  for (const char* text : {"", "x", "1x", "1.", "--1"}) EXPECT_EQ(form(text), "none") << text;
}

TEST(ScanProjectionOf, AsksForKeyAndFieldsWithoutOverlap) {
  Projection projection;
  for (auto steps : std::vector<std::vector<FieldPath::Step>>{
           {"a", "b"}, {"a", "b", "c"}, {"l", 3U, "x"}, {"size"}, {"id"}}) {
    projection.fields.emplace_back().path = PathOf(std::move(steps));
  }
  const ScanProjection made = ScanProjectionOf(projection, {"id"});
  EXPECT_EQ(made.expression, "#n0.#n1,#n2,#n3,#n4");
  EXPECT_EQ(made.names, R"({"#n0":"a","#n1":"b","#n2":"id","#n3":"l","#n4":"size"})");
}

}  // namespace
}  // namespace murmur
