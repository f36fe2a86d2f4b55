// Sums against exact rational arithmetic: the constants come from Python's fractions.Fraction.
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "monoid/dyadic.h"
#include "murmur/monoid.h"

namespace murmur {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct KnownSum {
  const char* name;
  std::vector<double> values;
  double sum;
  double mean;      // of the exact sum
  double variance;  // of the sample
};

const KnownSum kKnownSums[] = {
    {"cents",
     {0x1.2bdbae147ae14p+16,  -0x1.436328f5c28f6p+15, -0x1.669970a3d70a4p+12,
      0x1.08cd000000000p+14,  -0x1.1ae90f5c28f5cp+16, 0x1.9e0c000000000p+13,
      -0x1.25f347ae147aep+16, -0x1.8155ae147ae14p+16, -0x1.3398051eb851fp+15,
      -0x1.690a3d70a3d71p+15, 0x1.4d35d70a3d70ap+14,  0x1.131bc28f5c28fp+14,
      -0x1.4dc93d70a3d71p+15, -0x1.5ecb947ae147bp+15, 0x1.8587733333333p+16,
      0x1.5a3828f5c28f6p+14,  0x1.f578b851eb852p+14,  0x1.165d851eb851fp+14,
      0x1.e2db47ae147aep+13,  -0x1.dec1fae147ae1p+15, -0x1.1714a3d70a3d7p+14,
      0x1.22eff0a3d70a4p+15,  -0x1.20b6f851eb852p+16, 0x1.bfcf8f5c28f5cp+15,
      -0x1.1f55b33333333p+16, 0x1.3b595c28f5c29p+13,  -0x1.87927ae147ae1p+15,
      -0x1.0e236e147ae14p+16, -0x1.61da666666666p+14, -0x1.cd21ccccccccdp+14,
      0x1.7bf41eb851eb8p+14,  -0x1.8365fd70a3d71p+16, 0x1.1724666666666p+14,
      0x1.2435bd70a3d71p+16,  0x1.5da3eb851eb85p+15,  -0x1.658ab851eb852p+16,
      -0x1.a6b2851eb851fp+14, -0x1.0cd423d70a3d7p+15, -0x1.42283851eb852p+15,
      -0x1.b229a3d70a3d7p+15},
     -0x1.2be2723d70a3dp+19,
     -0x1.dfd0b6c8b4396p+13,
     0x1.361a828430cc7p+31},
    {"any",
     {-0x1.04ece4350cc17p-531, -0x1.46325b600e612p+361, 0x1.347dd9ed89eddp+495,
      0x1.c9cb6e34acb11p+507,  0x1.c7a8c627bf322p+755,  -0x1.5f0f3ee889fe4p-683,
      -0x1.9d309a930d55dp+564, 0x1.5df0875927b0fp+745,  -0x1.0164b43f2f193p-945,
      0x1.df22f050c86bdp-126,  -0x1.df20a990d3cd8p-243, 0x1.fb97bfcc1c0c8p-24,
      0x1.a4499e07cb579p+893,  -0x1.a0214b5c34e7ep-913, 0x1.c1d1578f6d824p+598,
      0x1.e07cb7b7e8913p+866,  -0x1.529331dcd327fp+445, -0x1.cda989672be1ap-36,
      -0x1.5e3465cbe4f50p+243, -0x1.fbdb1c44a66f4p-231, 0x1.0ff1f134b8db4p+584,
      0x1.978dd1e2ed6cbp+866,  -0x1.0a45f57e485b6p+992, -0x1.b00ea4f859933p+977,
      0x1.49a23d9855162p-630,  -0x1.6bc252e460a96p+824, -0x1.a72f24ea9877ap+714,
      0x1.20f56310a853ep+61,   -0x1.9b8b601f72b0ap-709, 0x1.11a3264e752ccp+510},
     -0x1.0a49559b924c1p+992,
     -0x1.1c09f4ea35a68p+987,
     kInfinity},
    {"tiny",
     {-0x1.662cb987fe460p-1001, -0x1.7d2113f82c4ccp-955, 0x1.b9bdea56bc1b8p-937,
      -0x1.75d73b4b02d60p-917,  0x1.26271f6946f60p-935,  -0x1.7d1f8a3d9cae0p-905,
      0x1.2278f20e39280p-957,   -0x1.1d01cc9606bc4p-950, -0x1.9961141639848p-987,
      -0x1.bea9524f434aap-998,  -0x1.035d1020cf10cp-926, -0x0.0000000000020p-1022,
      0x1.9580190535fc0p-922,   -0x1.0fc4566a29c1ep-915, 0x1.f6f475dfbdda8p-959,
      0x1.8e48ff4c07ca8p-931,   0x1.e9f9fd1d31838p-954,  0x1.d553da7e127b0p-921,
      0x1.a1695fdb22606p-902,   -0x1.8cd8805356c50p-999},
     0x1.71ba57cea1458p-902,
     0x1.27c8463ee76adp-906,
     0x0.0p+0},
    {"mixed",
     {0x1.1c37937e08000p+53,  0x1.12e0be826d695p-30,   0x1.999999999999ap-4,
      -0x1.1c37937e08000p+53, 0x1.1c37937e08000p+53,   0x1.12e0be826d695p-30,
      0x1.999999999999ap-3,   0x1.1c37937e08000p+53,   -0x1.0000000000000p+0,
      0x1.1c37937e08000p+53,  0x1.3333333333333p-2,    0x1.999999999999ap-3,
      -0x1.0000000000000p+0,  0x1.1c37937e08000p+53,   0x1.1c37937e08000p+53,
      -0x1.0000000000000p+0,  -0x1.b6e83b85f253bp+333, -0x1.0000000000000p+0,
      -0x1.0000000000000p+0,  0x1.0000000000000p+0,    0x1.999999999999ap-3,
      0x1.999999999999ap-3,   0x1.0000000000000p+0,    0x1.12e0be826d695p-30,
      0x1.12e0be826d695p-30,  0x1.12e0be826d695p-30,   0x1.0000000000000p+0,
      0x1.999999999999ap-3,   -0x1.1c37937e08000p+53,  0x1.999999999999ap-3,
      -0x1.1c37937e08000p+53, 0x1.999999999999ap-3,    0x1.3333333333333p-2,
      0x1.3333333333333p-2,   0x1.999999999999ap-4,    0x1.12e0be826d695p-30,
      0x1.b6e83b85f253bp+333, -0x1.0000000000000p+0,   0x1.999999999999ap-3,
      0x1.999999999999ap-4,   0x1.999999999999ap-3,    -0x1.0000000000000p+0,
      -0x1.0000000000000p+0,  0x1.12e0be826d695p-30,   -0x1.b6e83b85f253bp+333,
      -0x1.1c37937e08000p+53, 0x1.3333333333333p-2,    -0x1.0000000000000p+0,
      0x1.1c37937e08000p+53,  0x1.3333333333333p-2,    0x1.0000000000000p+0,
      -0x1.0000000000000p+0,  0x1.12e0be826d695p-30,   -0x1.0000000000000p+0,
      0x1.b6e83b85f253bp+333, 0x1.12e0be826d695p-30,   -0x1.0000000000000p+0,
      0x1.3333333333333p-2,   -0x1.b6e83b85f253bp+333, 0x1.b6e83b85f253bp+333},
     0x1.aa535d3d0bfffp+54,
     0x1.c6bf52633ffffp+48,
     0x1.3219d3f0a8e15p+664},
    {"huge",
     {0x1.0007c4edafef6p+1023, 0x1.13d515a2ba91bp+1023, -0x1.aaa046a5bddc5p+1023,
      -0x1.dc2a71183bb3cp+1023, -0x1.9279bc0d0cb35p+1023, 0x1.4f24b526b9092p+1023,
      -0x1.78413942386a5p+1023},
     kInfinity,
     -0x1.d17010c37d38ep+1021,
     kInfinity},
};

// The rendered aggregate over the cells, added in the order given.
std::string Aggregate(std::string_view function, const std::vector<Cell>& cells,
                      const MonoidParams& params = {}) {
  const std::unique_ptr<Monoid> monoid = FindMonoid(function)->make(params).value();
  std::vector<uint64_t> state(monoid->state_size() / 8, 0);
  char* memory = reinterpret_cast<char*>(state.data());
  Arena arena;
  const std::vector<uint32_t> groups(kBatchRows, 0);
  for (size_t from = 0; from < cells.size(); from += kBatchRows) {
    const auto rows = static_cast<uint32_t>(std::min<size_t>(kBatchRows, cells.size() - from));
    Column column;
    std::copy_n(cells.begin() + static_cast<ptrdiff_t>(from), rows, column.cells.begin());
    column.SetTypeFromCells(rows);
    const Column* argument = &column;
    LiftInput input;
    input.rows = rows;
    input.groups = groups.data();
    input.args = {&argument, 1};
    monoid->AddBatch(input, {memory, monoid->state_size(), &arena}, nullptr);
  }
  std::string encoded;
  monoid->Encode(memory, &encoded);
  std::string json;
  AppendJson(monoid->ValueOf(encoded, 0).value(), &json);
  monoid->Destroy(memory);
  return json;
}

std::vector<Cell> Cells(const std::vector<double>& values) {
  std::vector<Cell> cells;
  for (const double v : values) cells.push_back(Cell::Double(v));
  return cells;
}

double Number(const std::string& json) {
  double v = kInfinity;  // null is what is beyond the doubles
  if (json != "null") std::from_chars(json.data(), json.data() + json.size(), v);
  return v;
}

TEST(SumTest, IsTheDoubleNearestToTheExactSumInAnyOrder) {
  std::mt19937_64 random(7);
  for (const KnownSum& known : kKnownSums) {
    std::vector<Cell> cells = Cells(known.values);
    for (int round = 0; round < 20; ++round) {
      EXPECT_EQ(Number(Aggregate("sum", cells)), known.sum) << known.name;
      std::shuffle(cells.begin(), cells.end(), random);
    }
  }
}

TEST(SumTest, MeanAndVarianceAreWithinThreeRoundingsOfTheExactOnes) {
  constexpr double kThreeRoundings = 1.5 * std::numeric_limits<double>::epsilon();
  for (const KnownSum& known : kKnownSums) {
    const double mean = Number(Aggregate("avg", Cells(known.values)));
    if (known.sum != kInfinity) {
      EXPECT_NEAR(mean / known.mean, 1, kThreeRoundings) << known.name;
    }
    const double variance = Number(Aggregate("variance", Cells(known.values)));
    const double deviation = Number(Aggregate("stddev", Cells(known.values)));
    if (known.variance == 0) {
      EXPECT_EQ(variance, 0) << known.name;
    } else if (known.variance == kInfinity) {
      EXPECT_EQ(variance, kInfinity) << known.name;
    } else {
      EXPECT_NEAR(variance / known.variance, 1, kThreeRoundings) << known.name;
      EXPECT_NEAR(deviation / std::sqrt(known.variance), 1, kThreeRoundings) << known.name;
    }
  }
}

TEST(SumTest, OfIntegersIsAnIntegerOfAnySize) {
  std::vector<Cell> cells(1000, Cell::Int(INT64_MAX));
  EXPECT_EQ(Aggregate("sum", cells), "9223372036854775807000");
  cells.assign(1000, Cell::Int(INT64_MIN));
  EXPECT_EQ(Aggregate("sum", cells), "-9223372036854775808000");
  EXPECT_EQ(Aggregate("sum", {}), "0");
  EXPECT_EQ(Aggregate("sum", {Cell::Int(2), Cell::Int(-2)}), "0");
  const Int128 wide = Int128{1} << 100;
  EXPECT_EQ(Aggregate("sum", {Cell::Decimal(&wide, 0), Cell::Int(1)}),
            "1267650600228229401496703205377");
}

TEST(SumTest, WithADoubleIsADouble) {
  EXPECT_EQ(Aggregate("sum", {Cell::Int(2), Cell::Double(3)}), "5.0");
  EXPECT_EQ(Aggregate("sum", Cells({0.1, 0.2, -0.3})), "2.7755575615628914e-17");
  EXPECT_EQ(Aggregate("sum", Cells({1e308, 1e308, -1e308})), "1e+308");
  EXPECT_EQ(Aggregate("sum", Cells({1e308, 1e308})), "null");
  EXPECT_EQ(Aggregate("sum", Cells({5e-324, 5e-324})), "1e-323");
  EXPECT_EQ(Aggregate("sum", Cells({-0.0})), "0.0");
  EXPECT_EQ(Aggregate("sum", Cells({1, std::nan("")})), "null");
  EXPECT_EQ(Aggregate("sum", Cells({1, kInfinity, -kInfinity})), "null");
  const Int128 tenth = 1;
  EXPECT_EQ(Aggregate("sum", {Cell::Decimal(&tenth, 1)}), "0.1");
}

TEST(SumTest, WithDecimalsIsExactText) {
  const MonoidParams two = {{"decimal", "2"}};
  EXPECT_EQ(Aggregate("sum", Cells({0.1, 0.2, 112.4}), two), "\"112.70\"");
  EXPECT_EQ(Aggregate("sum", Cells({-0.01}), two), "\"-0.01\"");
  EXPECT_EQ(Aggregate("sum", {}, two), "\"0.00\"");
  EXPECT_EQ(Aggregate("sum", Cells({1e17, 0.25}), two), "\"100000000000000000.25\"");
  EXPECT_EQ(Aggregate("sum", {Cell::Int(INT64_MAX), Cell::Int(INT64_MAX)}, two),
            "\"18446744073709551614.00\"");
  EXPECT_EQ(Aggregate("sum", {Cell::Int(3)}, {{"decimal", "0"}}), "\"3\"");
}

TEST(SumTest, ADoubleWithTooManyDecimalsIsRefused) {
  const auto monoid = FindMonoid("sum")->make({{"decimal", "2"}}).value();
  Column column;
  const Int128 fits = 12500;
  const Int128 wide = Int128{1} << 126;
  column.cells = {Cell::Double(0.125),
                  Cell::Double(0.12),
                  Cell::Decimal(&fits, 4),
                  Cell::Double(kInfinity),
                  Cell::Decimal(&wide, 0),
                  Cell::Int(INT64_MIN),
                  Cell::Null()};
  column.SetTypeFromCells(7);
  const Column* argument = &column;
  LiftInput input;
  input.rows = 7;
  input.args = {&argument, 1};
  std::vector<Monoid::BadRow> bad;
  monoid->Check(input, &bad);
  ASSERT_EQ(bad.size(), 2u);  // an infinity is no number that has too many
  EXPECT_EQ(bad[0].row, 0u);
  EXPECT_EQ(bad[0].reason, DeadReason::kNumberOverflow);
  EXPECT_EQ(bad[0].detail, "0.125 has more than 2 decimals, or more than 38 digits");
  EXPECT_EQ(bad[1].row, 4u);
}

TEST(SumTest, ADecimalSumWithANumberThatIsNotFiniteIsNull) {
  const MonoidParams two = {{"decimal", "2"}};
  EXPECT_EQ(Aggregate("sum", Cells({kInfinity, 1.25}), two), "null");
  EXPECT_EQ(Aggregate("sum", Cells({std::nan(""), 1.25}), two), "null");
}

TEST(SumTest, ANumberOfMoreThan38DigitsIsNotSummedAsItsNearestDouble) {
  const auto monoid = FindMonoid("sum")->make({{"decimal", "18"}}).value();
  Column column;
  column.cells = {Cell::Double(0.125), Cell::Double(0.125)};
  column.cells[1].flags = Cell::kRounded;
  column.SetTypeFromCells(2);
  const Column* argument = &column;
  LiftInput input;
  input.rows = 2;
  input.args = {&argument, 1};
  std::vector<Monoid::BadRow> bad;
  monoid->Check(input, &bad);
  ASSERT_EQ(bad.size(), 1u);
  EXPECT_EQ(bad[0].row, 1u);
}

TEST(SumTest, NothingIsNullForMeanAndVariance) {
  EXPECT_EQ(Aggregate("avg", {}), "null");
  EXPECT_EQ(Aggregate("variance", {Cell::Int(3)}), "null");
  EXPECT_EQ(Aggregate("stddev", {Cell::Int(3), Cell::Int(3)}), "0.0");
  EXPECT_EQ(Aggregate("avg", {Cell::Int(1), Cell::Int(2)}), "1.5");
  EXPECT_EQ(Aggregate("avg", Cells({kInfinity})), "null");
}

TEST(DyadicTest, RoundsToNearestEvenAtTheEdges) {
  const auto rounded = [](std::vector<std::pair<uint64_t, int>> parts) {
    Dyadic number;
    for (const auto& [magnitude, shift] : parts) number.AddScaled(magnitude, shift, false);
    return number.ToDouble();
  };
  EXPECT_EQ(rounded({{1, -1075}}), 0);                      // half the least: to even
  EXPECT_EQ(rounded({{3, -1075}}), 0x1p-1073);              // one and a half: to even
  EXPECT_EQ(rounded({{1, -1075}, {1, -1200}}), 0x1p-1074);  // above half
  EXPECT_EQ(rounded({{1, 0}, {1, -53}}), 1);
  EXPECT_EQ(rounded({{1, 0}, {1, -53}, {1, -500}}), 0x1.0000000000001p0);
  EXPECT_EQ(rounded({{(uint64_t{1} << 53) - 1, 971}}), std::numeric_limits<double>::max());
  EXPECT_EQ(rounded({{(uint64_t{1} << 53) - 1, 971}, {1, 970}}), kInfinity);
  EXPECT_EQ(rounded({{1, 1024}}), kInfinity);
}

}  // namespace
}  // namespace murmur
