#include "serve/url_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace murmur {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(UrlTextTest, TextIsDecoded) {
  EXPECT_EQ(DecodeUrl("%2Fhome+page%00", true).value(), std::string("/home page\0", 11));
  EXPECT_EQ(DecodeUrl("a+b", false).value(), "a+b");
  EXPECT_EQ(DecodeUrl("%C3%A9%c3%a9", true).value(), "éé");
  for (const char* wrong : {"%", "a%2", "%zz", "%2g"}) {
    EXPECT_EQ(DecodeUrl(wrong, true).status().code(), Code::kInvalidArgument) << wrong;
  }
}

TEST(UrlTextTest, ANameMayOccurTwice) {
  EXPECT_THAT(ParseUrlQuery("key=a%26b&key=&x&&y=1=2").value(),
              ElementsAre(Pair("key", ElementsAre("a&b", "")), Pair("x", ElementsAre("")),
                          Pair("y", ElementsAre("1=2"))));
  EXPECT_TRUE(ParseUrlQuery("").value().empty());
}

TEST(UrlTextTest, APathIsSplitBeforeItIsDecoded) {
  EXPECT_THAT(SplitUrlPath("/v1/a%2Fb/keys").value(), ElementsAre("v1", "a/b", "keys"));
  EXPECT_THAT(SplitUrlPath("/v1/").value(), ElementsAre("v1", ""));
}

}  // namespace
}  // namespace murmur
