#include "base/shown.h"

#include <gtest/gtest.h>

#include <string>

#include "murmur/record.h"

namespace murmur {
namespace {

std::string Times(std::string_view text, size_t count) {
  std::string out;
  for (; count > 0; --count) out += text;
  return out;
}

TEST(ShownTest, ATextIsCutBetweenCharacters) {
  EXPECT_EQ(CutAtCharacter("abc", 3), "abc");
  EXPECT_EQ(CutAtCharacter("abcd", 3), "abc");
  EXPECT_EQ(CutAtCharacter("aä", 2), "a");
  EXPECT_EQ(CutAtCharacter("aä", 3), "aä");
  EXPECT_EQ(CutAtCharacter("😀😀", 7), "😀");
  EXPECT_EQ(CutAtCharacter("😀😀", 4), "😀");
  EXPECT_EQ(CutAtCharacter("ä", 0), "");
}

TEST(ShownTest, BytesThatAreNoTextAreCutAnywhere) {
  EXPECT_EQ(CutAtCharacter("\xff\xff\xff", 2), "\xff\xff");
  EXPECT_EQ(CutAtCharacter("\x80\x80\x80\x80\x80\x80", 5).size(), 5u);
}

TEST(ShownTest, WhateverTheBytesTheResultIsTextOnOneLine) {
  for (size_t length = 0; length < 70; ++length) {
    for (const char* piece : {"ä", "€", "😀", "\xff", "\xc3", "\xf0\x9f", "\n", "\x1b", "a"}) {
      const std::string shown = Shown(Times("a", length) + Times(piece, 10));
      EXPECT_TRUE(IsUtf8(shown)) << length << piece;
      EXPECT_EQ(shown.find_first_of("\n\r\x1b"), std::string::npos) << length << piece;
    }
  }
}

TEST(ShownTest, ControlsAreEscaped) {
  EXPECT_EQ(Escaped("a\tb\nc\r\x1b[1m\x7f"), R"(a\tb\nc\r\x1b[1m\x7f)");
  EXPECT_EQ(Escaped("\xc2\x9b \xe2\x80\xae \xe2\x80\xa8"), R"(\xc2\x9b \xe2\x80\xae \xe2\x80\xa8)");
  EXPECT_EQ(Escaped(std::string_view("\0", 1)), R"(\x00)");
  EXPECT_EQ(Escaped("ä € 😀 …"), "ä € 😀 …");
}

TEST(ShownTest, AValueIsShownWithWhatItIs) {
  const Int128 amount = 12345;
  EXPECT_EQ(Shown(Cell::Null()), "null");
  EXPECT_EQ(Shown(Cell::Bool(true)), "true, a boolean");
  EXPECT_EQ(Shown(Cell::Int(-5)), "-5, an integer");
  EXPECT_EQ(Shown(Cell::Double(0.1)), "0.1, a float");
  EXPECT_EQ(Shown(Cell::Decimal(&amount, 2)), "123.45, a decimal");
  EXPECT_EQ(Shown(Cell::String("x'y")), "'x'y', a string");
  EXPECT_EQ(Shown(Cell::Json("[1]")), "[1], an object or list");
  EXPECT_EQ(Shown(Cell::Time(0)), "1970-01-01T00:00:00Z, a timestamp");
  EXPECT_EQ(Shown(Cell::Json("[" + Times("1", 70))), "[" + Times("1", 59) + "…, an object or list");
}

TEST(ShownTest, CountsHaveTheirNumberAndItsGroups) {
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(1000), "1,000");
  EXPECT_EQ(Grouped(UINT64_MAX), "18,446,744,073,709,551,615");
  EXPECT_EQ(Counted(0, "record"), "0 records");
  EXPECT_EQ(Counted(1, "record"), "1 record");
  EXPECT_EQ(Counted(1234, "dead letter"), "1,234 dead letters");
  EXPECT_EQ(Counted(1, "directory", "directories"), "1 directory");
  EXPECT_EQ(Counted(2, "directory", "directories"), "2 directories");
}

}  // namespace
}  // namespace murmur
