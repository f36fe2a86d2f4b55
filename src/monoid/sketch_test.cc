// How near the approximate aggregates come, and what the others render. Seeds are fixed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <nlohmann/json.hpp>
#include <random>

#include "monoid/hash.h"
#include "monoid/value_codec.h"
#include "murmur/monoid.h"

namespace murmur {
namespace {

constexpr int64_t kSecond = 1'000'000;

// The state's bytes over the cells; cell i has time i * time_step.
std::string Bytes(std::string_view function, const MonoidParams& params,
                  const std::vector<Cell>& cells, int64_t time_step = kSecond) {
  const std::unique_ptr<Monoid> monoid = FindMonoid(function)->make(params).value();
  std::vector<uint64_t> state(monoid->state_size() / 8, 0);
  const std::unique_ptr<Monoid::Scratch> scratch = monoid->NewScratch();
  Arena arena;
  const StateSpan states{reinterpret_cast<char*>(state.data()), monoid->state_size(), &arena};
  const std::vector<uint32_t> groups(kBatchRows, 0);
  for (size_t from = 0; from < cells.size(); from += kBatchRows) {
    const size_t rows = std::min<size_t>(kBatchRows, cells.size() - from);
    Column column;
    std::copy_n(cells.begin() + static_cast<ptrdiff_t>(from), rows, column.cells.begin());
    std::vector<int64_t> times;
    std::vector<uint64_t> offsets;
    for (size_t i = from; i < from + rows; ++i) {
      times.push_back(static_cast<int64_t>(i) * time_step);
      offsets.push_back(i);
    }
    column.SetTypeFromCells(static_cast<uint32_t>(rows));
    const Column* argument = &column;
    monoid->AddBatch({static_cast<uint32_t>(rows),
                      groups.data(),
                      {&argument, 1},
                      times.data(),
                      "object",
                      offsets.data()},
                     states, scratch.get());
  }
  monoid->Settle(states, 1, scratch.get());
  std::string encoded;
  monoid->Encode(states.base, &encoded);
  monoid->Destroy(states.base);
  return encoded;
}

// The same, rendered.
std::string Aggregate(std::string_view function, const MonoidParams& params,
                      const std::vector<Cell>& cells, int64_t time_step = kSecond) {
  const std::unique_ptr<Monoid> monoid = FindMonoid(function)->make(params).value();
  std::string json;
  AppendJson(monoid->ValueOf(Bytes(function, params, cells, time_step), 0).value(), &json);
  return json;
}

std::vector<Cell> Integers(int64_t from, int64_t to) {
  std::vector<Cell> cells;
  for (int64_t i = from; i < to; ++i) cells.push_back(Cell::Int(i));
  return cells;
}

// Values of every kind, near each other: the same double, the same first bytes, the same value
// written in another way.
std::vector<Cell> NearValues(std::mt19937_64* random, std::deque<std::string>* texts,
                             std::deque<Int128>* digits, size_t count) {
  const auto below = [random](uint64_t limit) { return static_cast<int64_t>((*random)() % limit); };
  std::vector<Cell> cells;
  const bool mixed = below(2) == 0;
  const int64_t only = below(8);
  while (cells.size() < count) {
    switch (mixed ? below(8) : only) {
      case 0: cells.push_back(Cell::Int((int64_t{1} << 53) - 2 + below(5))); break;
      case 1: cells.push_back(Cell::Double(static_cast<double>(below(40)) / 8 - 2)); break;
      case 2: cells.push_back(Cell::SmallDecimal(below(500) - 250, 2)); break;
      case 3:
        digits->push_back(Int128{9'007'199'254'740'990} * 100 + below(600));
        cells.push_back(Cell::Decimal(&digits->back(), 2));
        break;
      case 4: cells.push_back(Cell::Time(below(6) - 3)); break;
      case 5: cells.push_back(below(3) == 0 ? Cell::Null() : Cell::Bool(below(2) == 0)); break;
      case 6: cells.push_back(Cell::Int(below(9) - 4)); break;
      default: {
        std::string& text = texts->emplace_back(static_cast<size_t>(below(12)), 'a');
        for (char& c : text) c = static_cast<char>(below(8) == 0 ? below(3) : 'a' + below(2));
        cells.push_back(Cell::String(text));
      }
    }
  }
  return cells;
}

TEST(MinMaxTest, KeepsTheValueThatComparisonsOfStoredValuesChoose) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 3000; ++round) {
    std::deque<std::string> texts;
    std::deque<Int128> digits;
    const auto cells = NearValues(&random, &texts, &digits, 1 + random() % 30);
    std::string least;
    std::string greatest;
    for (const Cell& cell : cells) {
      if (cell.is_null()) continue;
      std::string value;
      AppendValue(cell, &value);
      if (least.empty() || CompareValues(value, least) < 0) least = value;
      if (greatest.empty() || CompareValues(value, greatest) > 0) greatest = value;
    }
    ASSERT_EQ(Bytes("min", {}, cells), least) << "round " << round;
    ASSERT_EQ(Bytes("max", {}, cells), greatest) << "round " << round;
  }
}

// Decimals of one scale have a loop of their own; with a null among them they don't.
TEST(SumTest, DecimalsOfOneScaleAddUpAsEachAlone) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 2000; ++round) {
    const auto scale = static_cast<uint8_t>(random() % 19);
    const int bits = static_cast<int>(random() % 62);
    std::vector<Cell> cells;
    for (uint64_t i = 0; i < 1 + random() % 20; ++i) {
      auto digits = static_cast<int64_t>(random()) >> bits;
      if (random() % 3 == 0) digits -= digits % 1000;
      cells.push_back(Cell::SmallDecimal(digits, scale));
    }
    const std::string sum = Bytes("sum", {}, cells);
    const std::string exact = Bytes("sum", {{"decimal", "18"}}, cells);
    cells.push_back(Cell::Null());
    ASSERT_EQ(sum, Bytes("sum", {}, cells)) << "round " << round;
    ASSERT_EQ(exact, Bytes("sum", {{"decimal", "18"}}, cells)) << "round " << round;
  }
}

TEST(HashTest, NeverChanges) {
  EXPECT_EQ(HashCell(Cell::String("")), 11912144113143032851u);
  EXPECT_EQ(HashCell(Cell::String("user_1")), 3898799657830898225u);
  EXPECT_EQ(HashCell(Cell::String("a string of more than sixteen bytes")), 5143881268856527647u);
  EXPECT_EQ(HashCell(Cell::Int(5)), 5720137646095391399u);
  EXPECT_EQ(HashCell(Cell::Double(0.5)), 13925575838651074537u);
  EXPECT_EQ(HashCell(Cell::Bool(true)), 8270914995588535732u);
  EXPECT_EQ(HashCell(Cell::Time(5)), 12133484381738166005u);
}

TEST(HashTest, EqualValuesHashAlike) {
  const Int128 five = 500;
  const Int128 half = 50;
  EXPECT_EQ(HashCell(Cell::Int(5)), HashCell(Cell::Double(5)));
  EXPECT_EQ(HashCell(Cell::Int(5)), HashCell(Cell::Decimal(&five, 2)));
  EXPECT_EQ(HashCell(Cell::Double(0.5)), HashCell(Cell::Decimal(&half, 2)));
  EXPECT_EQ(HashCell(Cell::Double(0.0)), HashCell(Cell::Double(-0.0)));
  EXPECT_NE(HashCell(Cell::Int(1)), HashCell(Cell::Bool(true)));
}

TEST(DistinctTest, TheRootMeanSquareErrorIsAsDocumented) {
  for (const int precision : {6, 10, 12, 14}) {
    for (const int64_t size : {10, 300, 3000, 30000}) {
      double squares = 0;
      constexpr int kTrials = 30;
      for (int trial = 0; trial < kTrials; ++trial) {
        const std::string json = Aggregate("distinct", {{"precision", std::to_string(precision)}},
                                           Integers(trial * 1'000'000, trial * 1'000'000 + size));
        const double error = std::stod(json) / static_cast<double>(size) - 1;
        squares += error * error;
      }
      const double expected = 1.04 / std::sqrt(std::ldexp(1.0, precision));
      EXPECT_LT(std::sqrt(squares / kTrials), 1.35 * expected)
          << "precision " << precision << ", size " << size;
    }
  }
}

TEST(DistinctTest, IsExactForAFewValues) {
  EXPECT_EQ(Aggregate("distinct", {}, {}), "0");
  EXPECT_EQ(Aggregate("distinct", {}, Integers(0, 1)), "1");
  EXPECT_EQ(Aggregate("distinct", {}, Integers(0, 10)), "10");
}

TEST(QuantilesTest, AreWithinTheirAccuracy) {
  std::mt19937_64 random(11);
  for (const double accuracy : {0.05, 0.01, 0.001}) {
    std::vector<double> values(20000);
    for (double& v : values) {
      v = std::exp(static_cast<double>(random() % 60'000) / 1000 - 30) * (random() % 4 ? 1 : -1);
    }
    std::vector<Cell> cells;
    for (const double v : values) cells.push_back(Cell::Double(v));
    std::sort(values.begin(), values.end());
    const std::vector<double> wanted = {0, 0.1, 0.25, 0.5, 0.9, 0.999, 1};
    const auto json = nlohmann::json::parse(Aggregate(
        "quantiles",
        {{"q", "[0, 0.1, 0.25, 0.5, 0.9, 0.999, 1]"}, {"accuracy", std::to_string(accuracy)}},
        cells));
    const char* const names[] = {"0", "0.1", "0.25", "0.5", "0.9", "0.999", "1"};
    for (size_t i = 0; i < wanted.size(); ++i) {
      const double rank = std::floor(wanted[i] * static_cast<double>(values.size() - 1));
      const double truth = values[static_cast<size_t>(rank)];
      EXPECT_NEAR(json[names[i]].get<double>() / truth, 1, accuracy) << names[i];
    }
  }
}

TEST(QuantilesTest, CountsNanApartAndHasNoInfinityInJson) {
  const MonoidParams ends = {{"q", "[0, 0.5, 1]"}};
  EXPECT_EQ(Aggregate("quantiles", ends, {}), R"({"0": null, "0.5": null, "1": null})");
  EXPECT_EQ(
      Aggregate("quantiles", ends,
                {Cell::Double(std::nan("")), Cell::Int(0), Cell::Int(0), Cell::Double(HUGE_VAL)}),
      R"({"0": 0.0, "0.5": 0.0, "1": null, "nan": 1})");
}

TEST(DecayedSumTest, HalvesAfterEachHalfLife) {
  const MonoidParams hour = {{"half_life", "1h"}};
  EXPECT_EQ(Aggregate("decayed_sum", hour, {}), "0.0");
  EXPECT_EQ(Aggregate("decayed_sum", hour, {Cell::Int(8), Cell::Int(1)}, 3600 * kSecond), "5.0");
  std::vector<Cell> cells;
  double expected = 0;
  for (int i = 0; i < 500; ++i) {
    cells.push_back(Cell::Double(i * 0.37 - 60));
    expected += (i * 0.37 - 60) * std::exp2((i - 499) * 617.0 / 3600);
  }
  const double got = std::stod(Aggregate("decayed_sum", hour, cells, 617 * kSecond));
  EXPECT_NEAR(got / expected, 1, 1e-13);
}

TEST(BloomTest, FindsWhatIsThereAndRarelyMore) {
  const auto set = [](int64_t from, int64_t to) {
    return nlohmann::json::parse(Aggregate("bloom", {}, Integers(from, to)))["set"].get<double>();
  };
  const auto json = nlohmann::json::parse(Aggregate("bloom", {}, Integers(0, 1000)));
  const double bits = json["bits"];
  const double hashes = json["hashes"];
  EXPECT_EQ(hashes, 7);
  EXPECT_EQ(json["data"].get<std::string>().size(), 4 * std::ceil(bits / 8 / 3));
  // Half of the bits are set when full, so that a strange value is found with 2^-7.
  EXPECT_LT(std::pow(set(0, 1000) / bits, hashes), 0.01);
  EXPECT_GT(set(0, 1000) / bits, 0.45);
  EXPECT_EQ(set(0, 1), 7);
}

TEST(RenderTest, ValuesAreInOrderAndOverflowSaysSo) {
  const Int128 long_decimal = 12345678901234567;
  const std::vector<Cell> cells = {Cell::String("b\"\n"),  Cell::Double(5),
                                   Cell::Int(5),           Cell::Bool(true),
                                   Cell::Time(0),          Cell::Double(-0.5),
                                   Cell::Double(HUGE_VAL), Cell::Decimal(&long_decimal, 16)};
  EXPECT_EQ(
      Aggregate("set", {}, cells),
      R"([true, -0.5, "1.2345678901234567", 5, "Infinity", "1970-01-01T00:00:00Z", "b\"\n"])");
  EXPECT_EQ(Aggregate("distinct_exact", {}, cells), "7");
  EXPECT_EQ(Aggregate("set", {{"limit", "6"}}, cells), R"({"overflow": true, "limit": 6})");
  EXPECT_EQ(Aggregate("min", {}, cells), "true");
  EXPECT_EQ(Aggregate("max", {}, cells), R"("b\"\n")");
  EXPECT_EQ(Aggregate("first", {}, cells), R"("b\"\n")");
  EXPECT_EQ(Aggregate("last", {}, cells), R"("1.2345678901234567")");
  EXPECT_EQ(Aggregate("count_by", {}, {Cell::Int(2), Cell::Int(1), Cell::Double(2)}),
            R"([{"value": 1, "count": 1}, {"value": 2, "count": 2}])");
  EXPECT_EQ(Aggregate("topk", {{"k", "1"}}, {Cell::Int(2), Cell::Int(1), Cell::Double(2)}),
            R"([{"value": 2, "count": 2, "error": 0}])");
  EXPECT_EQ(Aggregate("histogram", {{"bounds", "[1, 2.5]"}},
                      {Cell::Int(1), Cell::Int(2), Cell::Int(3), Cell::Double(std::nan(""))}),
            R"([{"le": 1, "count": 1}, {"le": 2.5, "count": 1}, {"le": null, "count": 1}, )"
            R"({"le": "NaN", "count": 1}])");
}

TEST(ValueTest, DecimalsThatShareADoubleAreComparedByValue) {
  const Int128 low = Int128{12345678901234567} * 1000;
  const Int128 high = low + 1;
  const Int128 minus_low = -low;
  const Int128 minus_high = -high;
  const Int128 tenth = 1;
  const auto bytes = [](const Cell& cell) {
    std::string out;
    AppendValue(cell, &out);
    return out;
  };
  EXPECT_LT(CompareValues(bytes(Cell::Decimal(&low, 2)), bytes(Cell::Decimal(&high, 2))), 0);
  EXPECT_LT(
      CompareValues(bytes(Cell::Decimal(&minus_high, 2)), bytes(Cell::Decimal(&minus_low, 2))), 0);
  // The double 0.1 is a little more than the decimal.
  EXPECT_LT(CompareValues(bytes(Cell::Decimal(&tenth, 1)), bytes(Cell::Double(0.1))), 0);
}

struct BadCall {
  const char* function;
  MonoidParams params;
  const char* message;
};

TEST(ParameterTest, AWrongOneIsNamedWithWhatItMayBe) {
  const BadCall calls[] = {
      {"distinct", {{"precision", "3"}}, "precision is '3'; expected a whole number from 4 to 18"},
      {"distinct",
       {{"limit", "3"}},
       "unknown parameter 'limit'; usage: distinct(x) or distinct(x, precision=14)"},
      {"quantiles",
       {},
       "q is missing; expected a list of 1 to 100 ascending numbers, as in [1, 2.5, 10]"},
      {"quantiles", {{"q", "[0.5, 1.5]"}}, "q is '[0.5, 1.5]'; expected numbers from 0 to 1"},
      {"histogram",
       {{"bounds", "[3, 2]"}},
       "bounds is '[3, 2]'; expected a list of 1 to 200 ascending numbers, as in [1, 2.5, 10]"},
      {"decayed_sum",
       {{"half_life", "1x"}},
       "half_life is '1x'; expected a duration such as 90s, 15m, 12h, 1d or 2w"},
      {"bloom", {{"error", "1"}}, "error is '1'; expected a number between 1e-09 and 0.5"},
  };
  for (const BadCall& call : calls) {
    const auto monoid = FindMonoid(call.function)->make(call.params);
    ASSERT_FALSE(monoid.ok()) << call.function;
    EXPECT_EQ(monoid.status().code(), Code::kInvalidArgument);
    EXPECT_EQ(monoid.status().message(), call.message);
  }
}

}  // namespace
}  // namespace murmur
