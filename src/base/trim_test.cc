#include "base/trim.h"

#include <gtest/gtest.h>

namespace murmur {
namespace {

TEST(TrimTest, BlanksGoFromBothEndsAlone) {
  EXPECT_EQ(Trim("  a b "), "a b");
  EXPECT_EQ(Trim("\na "), "\na");
  EXPECT_EQ(Trim(" \na\n ", " \n"), "a");
  EXPECT_EQ(Trim(""), "");
}

TEST(TrimTest, OfBlanksTheEndIsLeft) {
  constexpr std::string_view kBlanks = "   ";
  EXPECT_EQ(Trim(kBlanks), "");
  EXPECT_EQ(Trim(kBlanks).data(), kBlanks.data() + kBlanks.size());
}

}  // namespace
}  // namespace murmur
