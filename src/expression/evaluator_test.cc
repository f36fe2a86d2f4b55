#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>
#include <map>
#include <random>

#include "base/decimal.h"
#include "expression/expression.h"
#include "murmur/key.h"

namespace murmur {
namespace {

using ::testing::ElementsAre;

using Row = std::map<std::string, Cell>;

alignas(16) constexpr Int128 k1999 = 1999;
alignas(16) constexpr Int128 kHuge = Int128{9'999'999'999'999'999'999ull} *
                                     1'000'000'000'000'000'000;
constexpr int64_t kNoonMicros = 1'772'366'400'500'000;  // 2026-03-01T12:00:00.5Z

std::string Text(const Cell& cell) {
  switch (cell.kind) {
    case Kind::kNull: return "null";
    case Kind::kBool: return cell.i != 0 ? "true" : "false";
    case Kind::kInt: return std::to_string(cell.i);
    case Kind::kDouble: return fmt::format("{}f", cell.d);
    case Kind::kDecimal: return FormatDecimal(cell.decimal(), cell.scale) + "d";
    case Kind::kTime: return FormatTime(cell.i);
    case Kind::kString:
    case Kind::kJson: return fmt::format("'{}'", cell.text());
  }
  return "";
}

// Makes the column dictionary-coded, as a source would: each row's value twice, in another order.
void Code(uint32_t rows, Column* column, std::vector<Cell>* entries) {
  static uint64_t last_id = 0;
  column->indices.resize(kBatchRows);
  for (uint32_t row = 0; row < rows; ++row) {
    entries->insert(entries->end(), 2, column->cells[rows - 1 - row]);
    column->indices[rows - 1 - row] = 2 * row + row % 2;
  }
  std::fill(column->cells.begin(), column->cells.end(), Cell::String("stale"));
  column->dictionary_id = ++last_id;
  column->dictionary = entries->data();
  column->dictionary_size = 2 * rows;
  column->scale = Column::kMixedScale;
}

// The result of each row as text; an error as "!reason".
std::vector<std::string> EvaluateRows(std::string_view text, const std::vector<Row>& rows,
                                      Numbers numbers = Numbers::kNearest, bool coded = false) {
  const auto parsed = Expression::Parse(text, numbers);
  if (!parsed.ok()) return {parsed.status().ToString()};
  Projection projection;
  std::vector<size_t> inputs;
  for (const FieldUse& field : (*parsed)->fields()) {
    inputs.push_back(projection.fields.size());
    projection.fields.push_back({.path = field.path});
  }
  Evaluator evaluator(*parsed, inputs);
  RecordBatch batch(projection);
  batch.rows = static_cast<uint32_t>(rows.size());
  std::vector<std::vector<Cell>> dictionaries(inputs.size());
  for (size_t column = 0; column < inputs.size(); ++column) {
    for (size_t row = 0; row < rows.size(); ++row) {
      const auto cell = rows[row].find(projection.fields[column].path.ToString());
      batch.columns[column].cells[row] = cell == rows[row].end() ? Cell() : cell->second;
    }
    batch.columns[column].SetTypeFromCells(batch.rows);
    if (coded) Code(batch.rows, &batch.columns[column], &dictionaries[column]);
  }
  Column out;
  std::vector<EvaluationError> errors;
  evaluator.Evaluate(batch, &out, &errors);
  out.Materialize(batch.rows);
  KindSet kinds = 0;
  std::vector<std::string> results;
  for (uint32_t row = 0; row < batch.rows; ++row) {
    kinds |= KindBit(out.cells[row].kind);
    results.push_back(Text(out.cells[row]));
  }
  EXPECT_EQ(kinds & ~out.kinds, 0u) << text;
  uint32_t next = 0;
  for (const EvaluationError& error : errors) {
    EXPECT_GE(error.row, next) << "errors are in order of rows";
    EXPECT_FALSE(error.detail.empty());
    next = error.row + 1;
    EXPECT_EQ(results[error.row], "null");
    results[error.row] = fmt::format("!{}", DeadReasonName(error.reason));
  }
  return results;
}

Row Sample() {
  return {{"i", Cell::Int(7)},
          {"neg", Cell::Int(-7)},
          {"big", Cell::Int(INT64_MAX)},
          {"d", Cell::Double(2.5)},
          {"dec", Cell::Decimal(&k1999, 2)},
          {"huge", Cell::Decimal(&kHuge, 0)},
          {"s", Cell::String("Hello")},
          {"uml", Cell::String("Größe")},
          {"num", Cell::String("42")},
          {"ts", Cell::String("2026-03-01T12:00:00.5+00:00")},
          {"t", Cell::Time(kNoonMicros)},
          {"yes", Cell::Bool(true)},
          {"no", Cell::Bool(false)},
          {"obj", Cell::Json("{\"a\":1}")},
          {"user.name", Cell::String("ann")}};
}

struct Case {
  const char* text;
  const char* result;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.text; }

class Evaluate : public ::testing::TestWithParam<Case> {};

TEST_P(Evaluate, GivesTheValue) {
  EXPECT_THAT(EvaluateRows(GetParam().text, {Sample()}), ElementsAre(GetParam().result));
}

INSTANTIATE_TEST_SUITE_P(
    Arithmetic, Evaluate,
    ::testing::Values(
        Case{"i + 1", "8"}, Case{"i - 10", "-3"}, Case{"i * 6", "42"}, Case{"i / 2", "3.5f"},
        Case{"6 / 3", "2f"}, Case{"1 / 0", "inff"}, Case{"i % 4", "3"}, Case{"neg % 4", "-3"},
        Case{"i % 0", "!expression"}, Case{"d % 2", "0.5f"}, Case{"dec % 2", "1.99d"},
        Case{"dec % 0", "!expression"}, Case{"-i", "-7"}, Case{"-d", "-2.5f"},
        Case{"-dec", "-19.99d"}, Case{"i + d", "9.5f"}, Case{"big + 1", "!number_overflow"},
        Case{"big * 2", "!number_overflow"}, Case{"big + 1.0", "9.223372036854776e+18f"},
        Case{"dec + 1", "20.99d"}, Case{"dec * 3", "59.97d"}, Case{"dec * dec", "399.6001d"},
        Case{"dec - dec", "0.00d"}, Case{"dec + d", "22.49f"}, Case{"dec / 2", "9.995f"},
        Case{"huge * 100", "1e+39f"}, Case{"i + s", "!wrong_type"}, Case{"i + null", "null"},
        Case{"missing * 2", "null"}, Case{"i + yes", "!wrong_type"}, Case{"2 + 3 * 4", "14"},
        Case{"(2 + 3) * 4", "20"}, Case{"t + 1", "!wrong_type"}));

INSTANTIATE_TEST_SUITE_P(
    Logic, Evaluate,
    ::testing::Values(
        Case{"i = 7", "true"}, Case{"i = 7.0", "true"}, Case{"i != 7", "false"},
        Case{"i < d", "false"}, Case{"dec > 19.98", "true"}, Case{"dec = 19.99", "true"},
        Case{"dec > i", "true"}, Case{"dec <= huge", "true"}, Case{"big > 1.5", "true"},
        Case{"s = 'Hello'", "true"}, Case{"s < 'I'", "true"}, Case{"s = 1", "!wrong_type"},
        Case{"yes = true", "true"}, Case{"yes = 1", "!wrong_type"},
        Case{"t >= '2026-03-01'", "true"}, Case{"t < '2026-03-01T12:00:00Z'", "false"},
        Case{"t = ts", "true"}, Case{"s = null", "null"}, Case{"missing = 1", "null"},
        Case{"yes and no", "false"}, Case{"yes or no", "true"}, Case{"not yes", "false"},
        Case{"missing and no", "false"}, Case{"missing and yes", "null"},
        Case{"missing or yes", "true"}, Case{"missing or no", "null"}, Case{"not missing", "null"},
        Case{"i and yes", "!wrong_type"}, Case{"missing is null", "true"},
        Case{"i is null", "false"}, Case{"obj is not null", "true"}, Case{"null is null", "true"},
        Case{"i in (1, 7)", "true"}, Case{"i in (1, 2)", "false"}, Case{"i in (7.0, 2)", "true"},
        Case{"i in (1, null)", "null"}, Case{"i in (7, null)", "true"},
        Case{"i not in (1, 2)", "true"}, Case{"missing in (1, 2)", "null"},
        Case{"s in ('a', 'Hello')", "true"}, Case{"s in ('a', 1)", "!wrong_type"},
        Case{"dec in (19.99, 1)", "true"}, Case{"i between 7 and 8", "true"},
        Case{"i not between 7 and 8", "false"}, Case{"s like 'H%o'", "true"},
        Case{"s not like 'h%'", "true"}, Case{"null and null", "null"}));

INSTANTIATE_TEST_SUITE_P(
    Functions, Evaluate,
    ::testing::Values(
        Case{"lower(s)", "'hello'"}, Case{"upper(uml)", "'GRÖẞE'"}, Case{"trim(' a ')", "'a'"},
        Case{"length(uml)", "5"}, Case{"length(s) + 1", "6"}, Case{"reverse(s)", "'olleH'"},
        Case{"substring(s, 2, 3)", "'ell'"}, Case{"substring(uml, 3)", "'öße'"},
        Case{"substring(s, 9, 3)", "''"}, Case{"left(s, 2)", "'He'"}, Case{"right(s, 2)", "'lo'"},
        Case{"right(s, 0)", "''"}, Case{"replace(s, 'l', 'L')", "'HeLLo'"},
        Case{"regexp_replace(s, '[aeiou]', '_')", "'H_ll_'"}, Case{"starts_with(s, 'He')", "true"},
        Case{"ends_with(s, 'He')", "false"}, Case{"contains(s, 'ell')", "true"},
        Case{"matches(s, '^H.*o$')", "true"}, Case{"concat(s, '-', i, '-', d)", "'Hello-7-2.5'"},
        Case{"concat(s, missing)", "null"}, Case{"coalesce(missing, i)", "7"},
        Case{"coalesce(missing, null)", "null"}, Case{"coalesce(missing, i, 'x')", "!wrong_type"},
        Case{"coalesce(missing, i, 2.5)", "7f"}, Case{"if(i > 5, 'big', 'small')", "'big'"},
        Case{"if(missing, 1, 2)", "2"}, Case{"if(yes, null, 2)", "null"},
        Case{"if(yes, i, d)", "7f"}, Case{"if(yes, i, s)", "!wrong_type"}, Case{"abs(neg)", "7"},
        Case{"abs(-2.5)", "2.5f"}, Case{"floor(d)", "2f"}, Case{"ceil(d)", "3f"},
        Case{"floor(dec)", "19d"}, Case{"round(d)", "3f"}, Case{"round(-2.5)", "-3f"},
        Case{"round(dec, 1)", "20.0d"}, Case{"round(3.14159, 2)", "3.14f"}, Case{"sqrt(16)", "4f"},
        Case{"ln(1)", "0f"}, Case{"power(2, 10)", "1024f"}, Case{"sign(neg)", "-1"},
        Case{"lower(i)", "!wrong_type"}, Case{"lower(missing)", "null"},
        Case{"abs(s)", "!wrong_type"}, Case{"user.name", "'ann'"},
        Case{"lower(obj)", "!wrong_type"}, Case{"utf8_capitalize('abc')", "'Abc'"},
        Case{"max_element_wise(i, 9)", "9"}, Case{"utf8_length(missing)", "null"},
        Case{"list_value_length(s)", "!wrong_type"}));

INSTANTIATE_TEST_SUITE_P(
    TimesAndCasts, Evaluate,
    ::testing::Values(
        Case{"year(t)", "2026"}, Case{"month(ts)", "3"}, Case{"day(t)", "1"}, Case{"hour(t)", "12"},
        Case{"minute(t)", "0"}, Case{"second(t)", "0"}, Case{"day_of_week(t)", "7"},
        Case{"quarter(t)", "1"}, Case{"iso_week(t)", "9"}, Case{"day_of_year(t)", "60"},
        Case{"date(t)", "2026-03-01T00:00:00Z"}, Case{"year(i)", "!wrong_type"},
        Case{"year('1969-12-31T23:59:59Z')", "1969"}, Case{"year('nonsense')", "!expression"},
        Case{"date('2026-03-01T01:00:00+02:00')", "2026-02-28T00:00:00Z"},
        Case{"cast('2026-03-01' as timestamp)", "2026-03-01T00:00:00Z"},
        Case{"cast('2026-03-01 10:20' as timestamp)", "2026-03-01T10:20:00Z"},
        Case{"cast('2026-03-01T10:20:30.123456789Z' as timestamp)", "2026-03-01T10:20:30.123456Z"},
        Case{"cast(t as string)", "'2026-03-01T12:00:00.5Z'"},
        Case{"cast(date(t) as string)", "'2026-03-01T00:00:00Z'"},
        Case{"concat(date('2026-03-01T00:00:10Z'))", "'2026-03-01T00:00:00Z'"},
        Case{"cast(cast('2026-03-01T00:00:10Z' as timestamp) as string)", "'2026-03-01T00:00:10Z'"},
        Case{"cast(t as int64)", "1772366400500000"}, Case{"cast(t as double)", "!wrong_type"},
        Case{"cast(i as timestamp)", "!wrong_type"}, Case{"cast(num as int64)", "42"},
        Case{"cast(s as int64)", "!expression"}, Case{"cast(d as int64)", "!expression"},
        Case{"cast(floor(d) as int64)", "2"}, Case{"cast(yes as int64)", "1"},
        Case{"cast(num as double)", "42f"}, Case{"cast(i as double)", "7f"},
        Case{"cast(big as double)", "9.223372036854776e+18f"},
        Case{"cast(dec as double)", "19.99f"}, Case{"cast(i as string)", "'7'"},
        Case{"cast(dec as string)", "'19.99'"}, Case{"cast(yes as string)", "'true'"},
        Case{"cast(obj as string)", "!wrong_type"}, Case{"cast('true' as bool)", "true"},
        Case{"cast(i as bool)", "true"}, Case{"cast('19.99' as decimal(2))", "19.99d"},
        Case{"cast(i as decimal(2))", "7.00d"}, Case{"cast(d as decimal(2))", "2.50d"},
        Case{"cast(dec as decimal(1))", "20.0d"}, Case{"cast(dec as decimal(4))", "19.9900d"},
        Case{"cast(dec as decimal(37))", "!number_overflow"},
        Case{"cast(yes as decimal(2))", "!wrong_type"}, Case{"cast(null as int64)", "null"},
        Case{"cast(huge as int64)", "!number_overflow"}));

// Records with the numbers 1.1, 3, 2.52, 6 and 0.1 in digits, and as binary doubles.
Row Digits() {
  return {{"p", Cell::SmallDecimal(11, 1)},    {"q", Cell::Int(3)},
          {"r", Cell::SmallDecimal(252, 2)},   {"six", Cell::Int(6)},
          {"bp", Cell::Double(1.1)},           {"br", Cell::Double(2.52)},
          {"big", Cell::Int(INT64_MAX)},       {"far", Cell::Double(1e300)},
          {"nan", Cell::Double(std::nan(""))}, {"wide", Cell::Decimal(&kHuge, 0)}};
}

class EvaluateDecimal : public ::testing::TestWithParam<Case> {};
TEST_P(EvaluateDecimal, GivesTheValue) {
  EXPECT_THAT(EvaluateRows(GetParam().text, {Digits()}, Numbers::kDecimal),
              ElementsAre(GetParam().result));
}
INSTANTIATE_TEST_SUITE_P(
    InASumOfDecimals, EvaluateDecimal,
    ::testing::Values(Case{"p * q", "3.3d"}, Case{"p + 0.2", "1.3d"}, Case{"bp * q", "3.3d"},
                      Case{"bp + 0.2", "1.3d"}, Case{"round(br * six, 2)", "15.12d"},
                      Case{"r * (1 - 0.05) * (1 + 0.04)", "2.489760d"}, Case{"-p", "-1.1d"},
                      Case{"big + 1", "9223372036854775808d"},
                      Case{"big * big", "85070591730234615847396907784232501249d"},
                      Case{"big * big * 10", "!number_overflow"},
                      Case{"wide * wide", "!number_overflow"}, Case{"far + p", "!number_overflow"},
                      Case{"nan * p", "nanf"}, Case{"p / 2", "0.55f"}, Case{"p * q / 2", "1.65f"},
                      Case{"if(p > 1, p, 0)", "1.1d"}, Case{"if(p > 1.1, p, bp)", "1.1d"},
                      Case{"coalesce(none, p)", "1.1d"}, Case{"cast(p as decimal(3))", "1.100d"},
                      Case{"cast(br * six as decimal(1))", "15.1d"},
                      Case{"round(1.005, 2)", "1.01d"}, Case{"round(-2.5)", "-3d"},
                      Case{"round(1250, -2)", "1300"}, Case{"floor(-p)", "-2d"},
                      Case{"p * 0.12345678901234567890123456789",
                           "0.135802467913580246791358024679d"},
                      Case{"cast(p * 100 as int64)", "110"}, Case{"p - 'x'", "!wrong_type"}));

class EvaluateTest : public ::testing::TestWithParam<Case> {};
TEST_P(EvaluateTest, Holds) {
  EXPECT_THAT(EvaluateRows(GetParam().text, {Digits()}), ElementsAre(GetParam().result));
}
INSTANTIATE_TEST_SUITE_P(
    InAComparison, EvaluateTest,
    ::testing::Values(Case{"p * q = 3.3", "true"}, Case{"bp * q = 3.3", "false"},
                      Case{"bp = 1.1", "true"}, Case{"p = bp", "true"},
                      Case{"p + 0.2 = 1.3", "true"}, Case{"p in (1, 1.10)", "true"},
                      Case{"p between 1.1 and 1.1", "true"}, Case{"r * 100 = 252", "true"},
                      Case{"wide * wide > 1e70", "true"}, Case{"far > wide", "true"},
                      Case{"big + 1 > big", "true"}, Case{"nan = nan", "false"},
                      Case{"nan != p", "true"}, Case{"1.00000000000000000001 > 1", "true"},
                      Case{"p % 0.2 = 0.1", "true"}));

TEST(Evaluator, ALiteralOfMoreThan38DigitsIsNoDecimal) {
  const std::string text = "x * 0." + std::string(39, '1');
  EXPECT_FALSE(Expression::Parse(text, Numbers::kDecimal).ok());
  EXPECT_TRUE(Expression::Parse(text).ok());
}

TEST(Evaluator, MixedTypesInOneColumnAreEachTakenAsTheyAre) {
  const std::vector<Row> rows = {
      {{"x", Cell::Int(1)}},      {{"x", Cell::Double(1.5)}},   {},
      {{"x", Cell::String("a")}}, {{"x", Cell::Bool(true)}},    {{"x", Cell::Decimal(&k1999, 2)}},
      {{"x", Cell::Json("[1]")}}, {{"x", Cell::Int(INT64_MAX)}}};
  EXPECT_THAT(EvaluateRows("x + 1", rows),
              ElementsAre("2", "2.5f", "null", "!wrong_type", "!wrong_type", "20.99d",
                          "!wrong_type", "!number_overflow"));
  EXPECT_THAT(EvaluateRows("x is null", rows),
              ElementsAre("false", "false", "true", "false", "false", "false", "false", "false"));
  EXPECT_THAT(EvaluateRows("coalesce(x, 'none')", rows),
              ElementsAre("!wrong_type", "!wrong_type", "'none'", "'a'", "!wrong_type",
                          "!wrong_type", "!wrong_type", "!wrong_type"));
}

TEST(Evaluator, OneBadRowSpoilsNoOther) {
  std::vector<Row> rows;
  for (int i = 0; i < 1000; ++i) {
    rows.push_back({{"x", i == 617 || i == 3 ? Cell::String("bad") : Cell::String("12")}});
  }
  const auto results = EvaluateRows("cast(x as int64) + 1", rows);
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(results[i], i == 617 || i == 3 ? "!expression" : "13") << i;
  }
}

TEST(Evaluator, ConstantsAndEmptyBatches) {
  EXPECT_THAT(EvaluateRows("1 + 1", {Row(), Row()}), ElementsAre("2", "2"));
  EXPECT_THAT(EvaluateRows("'x'", {Row(), Row()}), ElementsAre("'x'", "'x'"));
  EXPECT_THAT(EvaluateRows("null", {Row()}), ElementsAre("null"));
  EXPECT_THAT(EvaluateRows("a + 1", {}), ElementsAre());
}

TEST(Evaluator, DictionaryColumnsAreReadThroughTheirDictionary) {
  const auto parsed = Expression::Parse("upper(a)");
  ASSERT_TRUE(parsed.ok());
  Evaluator evaluator(*parsed, {0});
  RecordBatch batch(Projection{{{.path = (*parsed)->fields()[0].path}}});
  const std::vector<Cell> dictionary = {Cell::String("x"), Cell::String("y")};
  batch.rows = 3;
  batch.columns[0].dictionary_id = 1;
  batch.columns[0].dictionary = dictionary.data();
  batch.columns[0].dictionary_size = 2;
  batch.columns[0].indices = {1, 0, 1};
  Column out;
  std::vector<EvaluationError> errors;
  evaluator.Evaluate(batch, &out, &errors);
  out.Materialize(batch.rows);
  EXPECT_EQ(Text(out.cells[0]) + Text(out.cells[1]) + Text(out.cells[2]), "'Y''X''Y'");
}

// Whether 'b' can be such a value may show only when a kernel runs.
TEST(Evaluator, ANullBesideAValueThatFailsIsNull) {
  for (const Cell& cell : {Cell::Int(1), Cell::Double(0.5), Cell::Bool(true), Cell::Time(1),
                           Cell::Decimal(&k1999, 2), Cell::Json("{}")}) {
    EXPECT_THAT(EvaluateRows("a in ('b', '1')", {{{"a", cell}}, {{"a", Cell()}}}),
                ElementsAre(testing::StartsWith("!"), "null"))
        << KindName(cell.kind);
  }
}

// Every row alone, and all rows in batches of any size, give the same results and errors: loops for
// columns of one kind, which a row alone always gets, are no other arithmetic.
TEST(Evaluator, ARowsResultDependsOnThatRowOnly) {
  constexpr int kRounds = 20;
  const auto seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  const std::vector<std::vector<Cell>> kinds = {
      {Cell::Int(1), Cell::Int(-3), Cell::Int(0), Cell::Int(INT64_MAX), Cell::Int(INT64_MIN)},
      {Cell::Double(0.5), Cell::Double(1e300), Cell::Double(-0.0), Cell::Double(std::nan("")),
       Cell::Double(3)},
      {Cell::String("1"), Cell::String("b"), Cell::String("2026-03-01"), Cell::String("")},
      {Cell::Bool(true), Cell::Bool(false)},
      {Cell::Time(kNoonMicros), Cell::Time(0), Cell::Time(kTimeInfinity)},
      {Cell::SmallDecimal(1999, 2), Cell::SmallDecimal(-5, 2), Cell::SmallDecimal(INT64_MAX, 2),
       Cell::SmallDecimal(0, 2), Cell::SmallDecimal(INT64_MIN, 2)},
      {Cell::SmallDecimal(7, 0), Cell::SmallDecimal(1, 18), Cell::SmallDecimal(-3, 30),
       Cell::SmallDecimal(9, 38), Cell::Decimal(&k1999, 5), Cell::Decimal(&kHuge, 0)},
      {Cell::Json("{}")}};
  // Of one kind and nulls, which is the common case, or of any.
  const auto random_cells = [&](std::vector<Row>* rows, const char* name) {
    const bool one_kind = random() % 4 != 0;
    const bool nulls = random() % 2 == 0;
    const auto* cells = &kinds[random() % kinds.size()];
    for (Row& row : *rows) {
      if (!one_kind) cells = &kinds[random() % kinds.size()];
      row[name] = nulls && random() % 4 == 0 ? Cell() : (*cells)[random() % cells->size()];
    }
  };
  for (const char* text : {"a + b",
                           "a * b > 2",
                           "a = b",
                           "coalesce(a, b)",
                           "if(a is null, b, a)",
                           "a in (1, b)",
                           "a in ('b', '1')",
                           "concat(a, b)",
                           "cast(a as int64) + b",
                           "a is null or b = 1",
                           "a < 5 and b > 0",
                           "max_element_wise(a, b)",
                           "year(a) + length(b)",
                           "a / b",
                           "cast(a as string) = b",
                           "not (a = 1 or b = 'b')",
                           "round(a, 1) - b",
                           "a - b",
                           "a + b * 2",
                           "a * b",
                           "(1 - a) * (1 + b)",
                           "a % b",
                           "a != b",
                           "a < b",
                           "a >= 0.05",
                           "a between 0.05 and b",
                           "a < '2026-03-01'",
                           "'2026-03-01T12:00:00.5Z' = a",
                           "a and b",
                           "a > 1 or b",
                           "a = 'b' and b <= 2",
                           "year(a)",
                           "concat(a, '!')",
                           "upper(a)",
                           "a * a - 1",
                           "cast(a as decimal(2))",
                           "contains(a, '1') or starts_with(b, '2')",
                           "coalesce(a, 'none')",
                           "if(a = 1, concat(b, b), 'x')",
                           "length(a) + a"}) {
    for (int round = 0; round < kRounds; ++round) {
      std::vector<Row> rows(60);
      random_cells(&rows, "a");
      random_cells(&rows, "b");
      const auto numbers = static_cast<Numbers>(random() % 3);
      std::vector<std::string> alone;
      for (const Row& row : rows) alone.push_back(EvaluateRows(text, {row}, numbers)[0]);
      ASSERT_EQ(EvaluateRows(text, rows, numbers), alone) << text;
      ASSERT_EQ(EvaluateRows(text, rows, numbers, /*coded=*/true), alone) << text << ", coded";
      for (size_t at = 0; at < rows.size();) {
        const size_t size = std::min<size_t>(1 + random() % 20, rows.size() - at);
        const auto first = rows.begin() + static_cast<ptrdiff_t>(at);
        const auto results = EvaluateRows(
            text, std::vector<Row>(first, first + static_cast<ptrdiff_t>(size)), numbers);
        for (size_t i = 0; i < size; ++i) ASSERT_EQ(results[i], alone[at + i]) << text;
        at += size;
      }
    }
  }
}

}  // namespace
}  // namespace murmur
