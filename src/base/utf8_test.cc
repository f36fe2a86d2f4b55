#include <gtest/gtest.h>

#include <string>

#include "murmur/record.h"

namespace murmur {
namespace {

TEST(Utf8Test, TakesWhatIsWellFormedAndNothingElse) {
  for (const std::string good : {"", "plain", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                                 "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  for (const std::string bad :
       {"\x80", "\xC3", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF5\x80\x80\x80",
        "\xF4\x90\x80\x80", "a\xE2\x82", "\xC3\x28", "\xF0\x9F\x98\x41"}) {
    EXPECT_FALSE(IsUtf8(bad)) << bad;
  }
}

}  // namespace
}  // namespace murmur
