#include "expression/syntax.h"

#include <gmock/gmock.h>

#include <random>

#include "expression/expression.h"
#include "expression/functions.h"

namespace murmur {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct CanonicalCase {
  const char* text;
  const char* canonical;
};
void PrintTo(const CanonicalCase& c, std::ostream* out) { *out << c.text; }

class Canonical : public ::testing::TestWithParam<CanonicalCase> {};

TEST_P(Canonical, TextIsStableAndParsesToItself) {
  const auto parsed = Expression::Parse(GetParam().text);
  ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
  EXPECT_EQ((*parsed)->canonical(), GetParam().canonical);
  const auto again = Expression::Parse((*parsed)->canonical());
  ASSERT_TRUE(again.ok()) << again.status().ToString();
  EXPECT_EQ((*again)->canonical(), GetParam().canonical);
}

INSTANTIATE_TEST_SUITE_P(
    Expressions, Canonical,
    ::testing::Values(
        CanonicalCase{"a", "a"}, CanonicalCase{" user . name [ 0 ].x ", "user.name[0].x"},
        CanonicalCase{"`odd name`.\"a\"\"b\"", "`odd name`.`a\"b`"},
        CanonicalCase{"`a``b`", "`a``b`"}, CanonicalCase{"`and`", "`and`"},
        CanonicalCase{"x.in", "x.`in`"}, CanonicalCase{"@timestamp", "@timestamp"},
        CanonicalCase{"größe", "größe"}, CanonicalCase{"'it''s'", "'it''s'"},
        CanonicalCase{"1+2*3", "1 + 2 * 3"}, CanonicalCase{"(1+2)*3", "(1 + 2) * 3"},
        CanonicalCase{"1-(2-3)", "1 - (2 - 3)"}, CanonicalCase{"(1-2)-3", "1 - 2 - 3"},
        CanonicalCase{"-5", "-5"}, CanonicalCase{"-(-5)", "--5"}, CanonicalCase{"--5", "--5"},
        CanonicalCase{"-x*2", "-x * 2"}, CanonicalCase{"-(x*2)", "-(x * 2)"},
        CanonicalCase{"---0", "0"}, CanonicalCase{"a - --0", "a - 0"}, CanonicalCase{"- -x", "--x"},
        CanonicalCase{"-9223372036854775808", "-9223372036854775808"},
        CanonicalCase{"1.50e1", "15.0"}, CanonicalCase{"1e300", "1e+300"},
        CanonicalCase{"TRUE OR False", "true or false"},
        CanonicalCase{"a and b and (c and d)", "a and b and c and d"},
        CanonicalCase{"a or b and not c", "a or b and not c"},
        CanonicalCase{"(a or b) and c", "(a or b) and c"},
        CanonicalCase{"not (a and b)", "not (a and b)"}, CanonicalCase{"not not a", "not not a"},
        CanonicalCase{"a==1", "a = 1"}, CanonicalCase{"a<>1", "a != 1"},
        CanonicalCase{"(a<b)=(b<c)", "(a < b) = (b < c)"}, CanonicalCase{"not a = b", "not a = b"},
        CanonicalCase{"a IS NOT NULL", "a is not null"},
        CanonicalCase{"not a is null", "a is not null"},
        CanonicalCase{"a + 1 is null", "a + 1 is null"},
        CanonicalCase{"(a = 1) is null", "(a = 1) is null"},
        CanonicalCase{"a in (1,2)", "a in (1, 2)"},
        CanonicalCase{"a not in ('x')", "a not in ('x')"},
        CanonicalCase{"a between 1 and 2 and b", "a >= 1 and a <= 2 and b"},
        CanonicalCase{"a not between 1 and 2", "not (a >= 1 and a <= 2)"},
        CanonicalCase{"a like 'x%'", "like(a, 'x%')"},
        CanonicalCase{"a not like 'x%'", "not like(a, 'x%')"},
        CanonicalCase{"LOWER(a)", "lower(a)"}, CanonicalCase{"left(a, 2)", "left(a, 2)"},
        CanonicalCase{"cast(a as INTEGER)", "cast(a as int64)"},
        CanonicalCase{"cast(a, decimal(2))", "cast(a as decimal(2))"},
        CanonicalCase{"if(a > 1, 'x', null)", "if(a > 1, 'x', null)"},
        CanonicalCase{"utf8_capitalize(a)", "utf8_capitalize(a)"},
        CanonicalCase{"max_element_wise(a, b, c)", "max_element_wise(a, b, c)"}));

struct ErrorCase {
  const char* text;
  const char* message;
};
void PrintTo(const ErrorCase& c, std::ostream* out) { *out << c.text; }

class SyntaxError : public ::testing::TestWithParam<ErrorCase> {};

TEST_P(SyntaxError, NamesColumnAndWhatWasExpected) {
  const auto parsed = Expression::Parse(GetParam().text);
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.status().code(), Code::kInvalidArgument);
  EXPECT_EQ(parsed.status().message(), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Expressions, SyntaxError,
    ::testing::Values(
        ErrorCase{"", "column 1: found the end, expected a value, a field or a function"},
        ErrorCase{"a +", "column 4: found the end, expected a value, a field or a function"},
        ErrorCase{"a b", "column 3: found 'b', expected an operator or the end"},
        ErrorCase{"a < b < c", "column 7: found '<', expected an operator or the end"},
        ErrorCase{"(a", "column 3: found the end, expected ')'"},
        ErrorCase{"a = 'x", "column 5: the quote ' is not closed"},
        ErrorCase{"a ? 1", "column 3: found the character '?', which has no meaning"},
        ErrorCase{"a is 1", "column 6: found '1', expected 'null' or 'not null'"},
        ErrorCase{"a not 1", "column 7: found '1', expected 'in', 'between' or 'like'"},
        ErrorCase{"a in 1", "column 6: found '1', expected '('"},
        ErrorCase{"a.", "column 3: found the end, expected a field name after '.'"},
        ErrorCase{"a[x]", "column 3: found 'x', expected a list index: 0, 1, …"},
        ErrorCase{"a[4294967296]", "column 3: found '4294967296', expected a list index: 0, 1, …"},
        ErrorCase{"9223372036854775808",
                  "column 1: the integer 9223372036854775808 does not fit 64 bits"},
        ErrorCase{"1e999", "column 1: the number 1e999 is outside the range of a double"},
        ErrorCase{"1x",
                  "column 1: '1x' is neither a number nor a name; a name that begins with a "
                  "digit needs back-quotes"},
        ErrorCase{"1 + lowr(a)", "column 5: there is no function 'lowr'; did you mean 'lower'?"},
        ErrorCase{"random()", "column 1: there is no function 'random'"},
        ErrorCase{"split_pattern(a)",
                  "column 1: the Arrow function 'split_pattern' needs options, which an expression "
                  "can't give"},
        ErrorCase{"lower()", "column 1: 'lower' has 0 arguments here; expected lower(text)"},
        ErrorCase{"substring(a, b)",
                  "column 14: expected an integer, written out, as in "
                  "substring(text, start, length)"},
        ErrorCase{"substring(a, 0)",
                  "column 14: a start counts from 1, a length from 0, as in "
                  "substring(text, start, length)"},
        ErrorCase{"left(a, -1)",
                  "column 9: a start counts from 1, a length from 0, as in left(text, length)"},
        ErrorCase{"starts_with(a, b)",
                  "column 16: expected a text in single quotes, as in "
                  "starts_with(text, 'prefix')"},
        ErrorCase{"cast(a as strng)",
                  "column 11: found 'strng', expected a type: int64, double, string, bool, "
                  "timestamp or decimal(n); did you mean 'string'?"},
        ErrorCase{"cast(a as decimal(38))",
                  "column 19: found '38', expected the number of decimals, 0 to 37"}));

TEST(Syntax, NestingHasALimitAndNeverOverflowsTheStack) {
  for (const char* piece : {"(", "not ", "-", "abs(", "a in (", "1 + (", "a["}) {
    std::string text;
    while (text.size() < 60000) text += piece;
    const auto parsed = Expression::Parse(text);
    ASSERT_FALSE(parsed.ok()) << piece;
  }
  std::string sum = "1";
  for (int i = 0; i < 1000; ++i) sum += "+1";
  EXPECT_THAT(std::string(Expression::Parse(sum).status().message()),
              HasSubstr("nested more than 100 deep"));
  EXPECT_THAT(std::string(Expression::Parse(std::string(70000, ' ')).status().message()),
              HasSubstr("longer than 65536 bytes"));
}

TEST(Syntax, LongOrChainsAreFlat) {
  std::string text = "a = 0";
  for (int i = 1; i < 2000; ++i) text += " or a = " + std::to_string(i);
  EXPECT_TRUE(Expression::Parse(text).ok());
}

TEST(Syntax, FieldsAreListedOnceInOrderOfFirstUse) {
  const auto parsed = Expression::Parse("b + a.x * b > a.x and c is null");
  ASSERT_TRUE(parsed.ok());
  std::vector<std::string> fields;
  for (const auto& [field, numbers] : (*parsed)->fields()) fields.push_back(field.ToString());
  EXPECT_THAT(fields, ElementsAre("b", "a.x", "c"));
  EXPECT_EQ((*parsed)->as_field(), nullptr);
  const auto field = Expression::Parse("(a.x)");
  ASSERT_TRUE(field.ok());
  ASSERT_NE((*field)->as_field(), nullptr);
  EXPECT_EQ((*field)->as_field()->ToString(), "a.x");
}

TEST(Syntax, AFieldPathIsNoExpression) {
  ASSERT_TRUE(ParseFieldPath("a.b[3]").ok());
  EXPECT_EQ(ParseFieldPath("a.b[3]")->steps.size(), 3u);
  EXPECT_FALSE(ParseFieldPath("a + b").ok());
  EXPECT_FALSE(ParseFieldPath("null").ok());
  EXPECT_FALSE(ParseFieldPath("").ok());
}

// Texts made of an expression's own pieces: parsing never crashes, and what parses has a canonical
// text that parses to itself.
TEST(Syntax, RandomTextsParseOrFailCleanly) {
  const auto seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  const std::vector<std::string> pieces = {
      "a",         "b.c",        "[0]",  "1",     "2.5",    "'x'",        "`q`",
      "(",         ")",          ",",    " and ", " or",    "not",        " in ",
      " is ",      "null",       "+",    "-",     "*",      "/",          "%",
      "=",         "<",          ">=",   "<>",    "lower(", "cast(",      " as ",
      "int64",     "decimal(2)", "if(",  "true",  "'",      "\"",         ".",
      " between ", " like ",     "\xff", "\n",    "1e9",    "substring(", "coalesce("};
  size_t parsed_count = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    const size_t count = 1 + random() % 8;
    for (size_t j = 0; j < count; ++j) text += pieces[random() % pieces.size()];
    const auto parsed = Expression::Parse(text);
    if (!parsed.ok()) {
      ASSERT_THAT(std::string(parsed.status().message()), ::testing::StartsWith("column ")) << text;
      continue;
    }
    ++parsed_count;
    const auto again = Expression::Parse((*parsed)->canonical());
    ASSERT_TRUE(again.ok()) << text << " → " << (*parsed)->canonical();
    ASSERT_EQ((*again)->canonical(), (*parsed)->canonical()) << text;
  }
  EXPECT_GT(parsed_count, 100u);
}

}  // namespace
}  // namespace murmur
