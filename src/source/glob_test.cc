#include "source/glob.h"

#include <gtest/gtest.h>

namespace murmur {
namespace {

TEST(MatchesGlob, FollowsTheShell) {
  EXPECT_TRUE(MatchesGlob("*.jsonl", "a.jsonl"));
  EXPECT_TRUE(MatchesGlob("a*b*c", "aXbYbZc"));
  EXPECT_FALSE(MatchesGlob("*.jsonl", "d/a.jsonl"));
  EXPECT_FALSE(MatchesGlob("*.jsonl", ".a.jsonl"));
  EXPECT_TRUE(MatchesGlob("?[0-9][!a]", "x5b"));
  EXPECT_FALSE(MatchesGlob("?[0-9][!a]", "x5a"));
  EXPECT_TRUE(MatchesGlob("a[b", "a[b"));
  EXPECT_FALSE(MatchesGlob("a/*", "a"));
}

TEST(MatchesGlob, TwoStarsAreAnyDepthAndAtTheEndAllThatLiesBelow) {
  EXPECT_TRUE(MatchesGlob("**/x", "x"));
  EXPECT_TRUE(MatchesGlob("**/x", "a/b/x"));
  EXPECT_FALSE(MatchesGlob("**/x", "a/.git/x"));
  EXPECT_TRUE(MatchesGlob("a/**", "a/b"));
  EXPECT_TRUE(MatchesGlob("a/**", "a/b/c/d"));
  EXPECT_TRUE(MatchesGlob("**", "a/b/c"));
  EXPECT_FALSE(MatchesGlob("a/**", "b/c"));
  EXPECT_FALSE(MatchesGlob("a/**", "a"));
  EXPECT_FALSE(MatchesGlob("a/**", "a/b/.c"));
  EXPECT_TRUE(MatchesGlob("**/b/**/d", "a/b/c/b/d"));
  EXPECT_TRUE(MatchesGlob("**/**", "a"));
}

TEST(MatchesGlob, AnEmptyPartOfAKeyIsAPart) {
  EXPECT_TRUE(MatchesGlob("a/*/b", "a//b"));
  EXPECT_TRUE(MatchesGlob("a/**", "a//b"));
  EXPECT_TRUE(MatchesGlob("a//*", "a//b"));
  EXPECT_FALSE(MatchesGlob("a/*", "a//b"));
  EXPECT_FALSE(MatchesGlob("*", "a/"));
  EXPECT_TRUE(MatchesGlob("**", "a/"));
}

TEST(MatchesGlob, ACharacterIsOneOfUnicodeOrAByteThatIsNone) {
  EXPECT_TRUE(MatchesGlob("?", "\u00e9"));
  EXPECT_FALSE(MatchesGlob("??", "\u00e9"));
  EXPECT_FALSE(MatchesGlob("*??", "\u00e9"));
  EXPECT_TRUE(MatchesGlob("[\u00e0-\u00ff]", "\u00e9"));
  EXPECT_FALSE(MatchesGlob("[!\u00e9]", "\u00e9"));
  EXPECT_TRUE(MatchesGlob("caf?.jsonl", "caf\xE9.jsonl"));
  EXPECT_TRUE(MatchesGlob("?\u65e5*", "\xE9\u65e5\u672c"));
}

}  // namespace
}  // namespace murmur
