#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "murmur/query.h"

namespace murmur {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// "s:abc", "n", "b:1", "i:5", "f:0.1", "d:0.10…"
std::string Described(const KeyValue& value) {
  switch (value.kind) {
    case Kind::kNull: return "n";
    case Kind::kBool: return "b:" + std::to_string(value.i);
    case Kind::kInt: return "i:" + std::to_string(value.i);
    case Kind::kDouble: return "f:" + std::to_string(value.d);
    case Kind::kDecimal: return "d:" + value.text;
    case Kind::kString: return "s:" + value.text;
    default: return "?";
  }
}

std::vector<std::vector<std::string>> Parts(std::string_view text) {
  const auto key = ParseKey(text);
  EXPECT_TRUE(key.ok()) << key.status().ToString();
  EXPECT_EQ(key->text, text);
  std::vector<std::vector<std::string>> parts;
  for (const auto& part : key->parts) {
    std::vector<std::string>& values = parts.emplace_back();
    for (const KeyValue& value : part) values.push_back(Described(value));
  }
  return parts;
}

TEST(KeyTextTest, AnEmptyKeyHasNoParts) {
  EXPECT_THAT(Parts(""), IsEmpty());
  EXPECT_THAT(Parts(","), ElementsAre(ElementsAre("s:"), ElementsAre("s:")));
}

TEST(KeyTextTest, ANumberMayBeText) {
  EXPECT_THAT(Parts("5"), ElementsAre(ElementsAre("s:5", "i:5")));
  EXPECT_THAT(Parts("5.0"), ElementsAre(ElementsAre("s:5.0", "i:5", "i:5")));
  EXPECT_THAT(Parts("0.1"), ElementsAre(ElementsAre("s:0.1", "d:0.1", "f:0.100000")));
  EXPECT_THAT(Parts("05"), ElementsAre(ElementsAre("s:05")));
  EXPECT_THAT(Parts(" 5"), ElementsAre(ElementsAre("s: 5")));
}

TEST(KeyTextTest, IntegersAndDecimalsKeepEveryDigit) {
  EXPECT_THAT(Parts("-9223372036854775808"),
              ElementsAre(ElementsAre("s:-9223372036854775808", "i:-9223372036854775808")));
  EXPECT_THAT(Parts("9007199254740993"),
              ElementsAre(ElementsAre("s:9007199254740993", "i:9007199254740993")));
  const std::string digits = "12345678901234567890123456789012345678";
  EXPECT_THAT(Parts(digits), ElementsAre(ElementsAre("s:" + digits, "d:" + digits)));
}

TEST(KeyTextTest, WordsOfJsonMayBeText) {
  EXPECT_THAT(Parts("null,true,false"),
              ElementsAre(ElementsAre("s:null", "n"), ElementsAre("s:true", "b:1"),
                          ElementsAre("s:false", "b:0")));
}

TEST(KeyTextTest, AQuotedValueIsTextAndMayHoldCommas) {
  EXPECT_THAT(Parts(R"("a,b",c)"), ElementsAre(ElementsAre("s:a,b"), ElementsAre("s:c")));
  EXPECT_THAT(Parts(R"("5")"), ElementsAre(ElementsAre("s:5")));
  EXPECT_THAT(Parts(R"("a\",b")"), ElementsAre(ElementsAre("s:a\",b")));
  EXPECT_THAT(Parts(R"(a"b)"), ElementsAre(ElementsAre("s:a\"b")));
  EXPECT_EQ(ParseKey(R"("abc)").status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace murmur
