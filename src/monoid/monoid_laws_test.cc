#include "murmur/testing/monoid_laws.h"

#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "monoid/varint.h"
#include "murmur/simple_monoid.h"

namespace murmur {
namespace {

std::function<std::unique_ptr<Monoid>()> Make(std::string function, MonoidParams params = {}) {
  return [function, params] {
    Result<std::unique_ptr<Monoid>> monoid = FindMonoid(function)->make(params);
    if (!monoid.ok()) throw std::runtime_error(monoid.status().ToString());
    return std::move(monoid).value();
  };
}

OwnedCell Int(int64_t v) { return OwnedCell::Of(Cell::Int(v)); }
OwnedCell Double(double v) { return OwnedCell::Of(Cell::Double(v)); }
OwnedCell Null() { return OwnedCell(); }

OwnedCell AnyBool(LawRandom& random) {
  return Below(random, 5) == 0 ? Null() : OwnedCell::Of(Cell::Bool(Below(random, 2) != 0));
}

double AnyDouble(LawRandom& random) {
  switch (Below(random, 9)) {
    case 0: return std::bit_cast<double>(random());  // all exponents
    case 1: return std::numeric_limits<double>::infinity();
    case 2: return -std::numeric_limits<double>::infinity();
    case 3: return std::ldexp(static_cast<double>(Below(random, 100)), -1074);
    case 4: return static_cast<double>(Below(random, 20)) - 10;  // equal to integers
    case 5: return std::numeric_limits<double>::quiet_NaN();
    default: return (static_cast<double>(Below(random, 2'000'000)) - 1e6) / 100;
  }
}

OwnedCell AnyNumber(LawRandom& random) {
  switch (Below(random, 8)) {
    case 0: return Null();
    case 1: return Int(static_cast<int64_t>(random()));
    case 2: return Int(static_cast<int64_t>(Below(random, 20)) - 10);
    case 3: {
      const int64_t cents = static_cast<int64_t>(Below(random, 2000)) - 1000;
      return OwnedCell::Decimal(Below(random, 3) == 0 ? 100 * cents : cents, 2);  // or whole
    }
    case 4:
      return OwnedCell::Decimal(Int128{static_cast<int64_t>(random())} << Below(random, 60),
                                static_cast<uint8_t>(Below(random, 30)));
    default: return Double(AnyDouble(random));
  }
}

OwnedCell AnyCents(LawRandom& random) {
  switch (Below(random, 4)) {
    case 0: return Int(static_cast<int64_t>(random()));
    case 1: return Double((static_cast<double>(Below(random, 2'000'000)) - 1e6) / 100);
    case 2: return Double(static_cast<double>(Below(random, 1000)) * 1e15);
    default: return OwnedCell::Decimal(static_cast<int64_t>(random()), 2);
  }
}

// Values of all kinds, from few to many different ones.
OwnedCell AnyValue(LawRandom& random) {
  static const std::string kTexts[] = {"",
                                       "a",
                                       std::string("\0\1\2", 3),
                                       "\"quoted\"\n",
                                       "zürich",
                                       "\xF0\x9F\x90\xA6",
                                       "not \xFF utf-8",
                                       std::string(100, 'x'),
                                       "sixteen bytes ok"};
  switch (Below(random, 7)) {
    case 0: return AnyBool(random);
    case 1: return OwnedCell::Of(Cell::Time(static_cast<int64_t>(Below(random, 10)) * 1'500'000));
    case 2: return OwnedCell::Text(kTexts[Below(random, std::size(kTexts))]);
    case 3: return OwnedCell::Text("user " + std::to_string(Below(random, 100'000)));
    default: return AnyNumber(random);
  }
}

OwnedCell FewValues(LawRandom& random) {
  return Below(random, 2) == 0 ? Int(static_cast<int64_t>(Below(random, 6)))
                               : OwnedCell::Text("v" + std::to_string(Below(random, 6)));
}

OwnedCell SkewedInt(LawRandom& random) {
  const auto bits = static_cast<unsigned>(Below(random, 12));
  return Int(static_cast<int64_t>(Below(random, uint64_t{1} << bits)));
}

// count <= truth <= count + error <= count + n / (capacity + 1), and nothing frequent is missing.
testing::AssertionResult TopkBound(const LawRows& rows, std::string_view encoded) {
  constexpr int64_t kCapacity = 64;
  std::map<int64_t, int64_t> truth;
  for (const LawRow& row : rows) ++truth[row.value.cell.i];
  const auto top = Make("topk", {{"k", "8"}})()->ValueOf(encoded, 0);
  if (!top.ok()) return testing::AssertionFailure() << top.status().ToString();
  std::string json;
  AppendJson(*top, &json);
  const auto error_max = static_cast<int64_t>(rows.size()) / (kCapacity + 1);
  int64_t least = INT64_MAX;
  int64_t error = 0;
  for (const auto& entry : nlohmann::json::parse(json)) {
    const int64_t value = entry["value"];
    const int64_t count = entry["count"];
    error = entry["error"];
    if (count > truth[value] || truth[value] > count + error || error > error_max) {
      return testing::AssertionFailure()
             << entry << ", truth " << truth[value] << " of " << rows.size();
    }
    least = std::min(least, count);
    truth.erase(value);
  }
  for (const auto& [value, count] : truth) {
    if (least != INT64_MAX && count > least + error) {
      return testing::AssertionFailure() << value << " with " << count << " is missing: " << json;
    }
  }
  return testing::AssertionSuccess();
}

// The geometric mean of powers of two, as the sum of their exponents and a count.
struct GeometricMean {
  struct State {
    int64_t exponents = 0;
    int64_t count = 0;
  };
  void Add(State& state, const Cell& cell) const {
    if (cell.i <= 0) return;
    state.exponents += 63 - __builtin_clzll(static_cast<uint64_t>(cell.i));
    ++state.count;
  }
  void Combine(State& state, const State& other) const {
    state.exponents = WrappingAdd(state.exponents, other.exponents);
    state.count = WrappingAdd(state.count, other.count);
  }
  void Negate(State& state) const {
    state.exponents = WrappingNegate(state.exponents);
    state.count = WrappingNegate(state.count);
  }
  void Encode(const State& state, std::string* out) const {
    if (state.exponents == 0 && state.count == 0) return;
    AppendSigned(state.exponents, out);
    AppendSigned(state.count, out);
  }
  bool Decode(std::string_view bytes, State* state) const {
    return ReadSigned(&bytes, &state->exponents) && ReadSigned(&bytes, &state->count) &&
           bytes.empty() && (state->exponents != 0 || state->count != 0);
  }
  Value ValueOf(const State& state) const {
    return state.count <= 0 ? Value::Absent() : Value::Integer(state.exponents / state.count);
  }
};

// The longest time between an event's two arguments; needs the row, not only its first value.
struct LongestGap {
  struct State {
    int64_t micros = 0;
  };
  void Add(State& state, const LiftedRow& row) const {
    state.micros = std::max(state.micros, row.time() - row.value.i);
  }
  void Combine(State& state, const State& other) const {
    state.micros = std::max(state.micros, other.micros);
  }
  void Encode(const State& state, std::string* out) const {
    if (state.micros > 0) AppendVarint(static_cast<uint64_t>(state.micros), out);
  }
  bool Decode(std::string_view bytes, State* state) const {
    uint64_t micros;
    if (!ReadVarint(&bytes, &micros) || !bytes.empty() || micros == 0 || micros > INT64_MAX) {
      return false;
    }
    state->micros = static_cast<int64_t>(micros);
    return true;
  }
  Value ValueOf(const State& state) const { return Value::Json(std::to_string(state.micros)); }
};

std::unique_ptr<Monoid> MakeGeometricMean() {
  return std::make_unique<SimpleMonoid<GeometricMean>>(MonoidInfo{.name = "geometric_mean.v1",
                                                                  .traits = {.invertible = true},
                                                                  .output = OutputType::kInteger,
                                                                  .accepts = KindBit(Kind::kInt)},
                                                       GeometricMean());
}

std::unique_ptr<Monoid> MakeLongestGap() {
  return std::make_unique<SimpleMonoid<LongestGap>>(MonoidInfo{.name = "longest_gap.v1",
                                                               .traits = {.idempotent = true},
                                                               .output = OutputType::kInteger,
                                                               .accepts = KindBit(Kind::kTime)},
                                                    LongestGap());
}

OwnedCell AnyPositive(LawRandom& random) {
  return Int(static_cast<int64_t>(random() >> Below(random, 64)));
}

OwnedCell AnyTime(LawRandom& random) {
  return OwnedCell::Of(Cell::Time(static_cast<int64_t>(Below(random, 3'600'000'000))));
}

std::vector<LawCase> Cases() {
  const auto text = [](const char* v) { return OwnedCell::Text(v); };
  const std::vector<OwnedCell> bools = {OwnedCell::Of(Cell::Bool(true)),
                                        OwnedCell::Of(Cell::Bool(false))};
  const std::vector<OwnedCell> numbers = {Int(5), Double(0.25), Double(5), Int(-7)};
  const std::vector<OwnedCell> values = {text("b"), text("a"), Int(5), Double(5), text("a")};
  return {
      {.name = "count", .make = Make("count"), .value = AnyValue},
      {.name = "count_if",
       .make = Make("count_if"),
       .value = AnyBool,
       .golden = {{bools, "02", R"(1)"}}},
      {.name = "sum",
       .make = Make("sum"),
       .value = AnyNumber,
       .golden = {{numbers, "0802014003", R"(3.25)"}}},
      {.name = "sum_decimal",
       .make = Make("sum", {{"decimal", "2"}}),
       .value = AnyCents,
       .golden = {{numbers, "0002004501", R"("3.25")"}}},
      {.name = "min",
       .make = Make("min"),
       .value = AnyValue,
       .golden = {{values, "04c0140000000000004000", R"(5)"}}},
      {.name = "max",
       .make = Make("max"),
       .value = AnyValue,
       .golden = {{values, "066200", R"("b")"}}},
      {.name = "avg",
       .make = Make("avg"),
       .value = AnyNumber,
       .golden = {{numbers, "080201400308", R"(0.8125)"}}},
      {.name = "variance",
       .make = Make("variance"),
       .value = AnyNumber,
       .golden = {{numbers, "0802014003080201106308", R"(32.140625)"}}},
      {.name = "stddev",
       .make = Make("stddev"),
       .value = AnyNumber,
       .golden = {{numbers, "0802014003080201106308", R"(5.669270235224284)"}}},
      {.name = "first",
       .make = Make("first"),
       .value = AnyValue,
       .golden = {{values, "8000000000000000066f626a656374000000000000000000066200", R"("b")"}}},
      {.name = "last",
       .make = Make("last"),
       .value = AnyValue,
       .golden = {{values, "80000000003d0900066f626a656374000000000000000004066100", R"("a")"}}},
      {.name = "distinct",
       .make = Make("distinct"),
       .value = AnyValue,
       .capacity_rows = 3000,
       .golden = {{values, "0181b801c58502c3bc01", R"(3)"}}},
      {.name = "distinct_4", .make = Make("distinct", {{"precision", "4"}}), .value = FewValues},
      {.name = "distinct_6", .make = Make("distinct", {{"precision", "6"}}), .value = FewValues},
      {.name = "distinct_exact",
       .make = Make("distinct_exact"),
       .value = AnyValue,
       .golden = {{values, "0104c0140000000000004000066100066200", R"(3)"}}},
      {.name = "distinct_exact_20",
       .make = Make("distinct_exact", {{"limit", "20"}}),
       .value = AnyValue},
      {.name = "set",
       .make = Make("set"),
       .value = AnyValue,
       .golden = {{values, "0104c0140000000000004000066100066200", R"([5, "a", "b"])"}}},
      {.name = "set_5", .make = Make("set", {{"limit", "5"}}), .value = FewValues},
      {.name = "count_by",
       .make = Make("count_by", {{"limit", "20"}}),
       .value = AnyValue,
       .golden = {{values, "04c0140000000000004000040661000406620002",
                   R"([{"value": 5, "count": 2}, )"
                   R"({"value": "a", "count": 2}, )"
                   R"({"value": "b", "count": 1}])"}}},
      {.name = "topk",
       .make = Make("topk", {{"k", "8"}}),
       .value = SkewedInt,
       .capacity_rows = 1500,
       .bound = TopkBound,
       .golden = {{values, "0004c0140000000000004000020661000206620001",
                   R"([{"value": 5, "count": 2, "error": 0}, )"
                   R"({"value": "a", "count": 2, "error": 0}, )"
                   R"({"value": "b", "count": 1, "error": 0}])"}}},
      {.name = "quantiles",
       .make = Make("quantiles", {{"q", "[0, 0.5, 0.99, 1]"}}),
       .value = AnyNumber,
       .golden = {{numbers, "df810802b0ff0702900204",
                   R"({"0": -7.0311111111111115, "0.5": 0.25193798449612403, )"
                   R"("0.99": 5.031055900621118, "1": 5.031055900621118})"}}},
      {.name = "histogram",
       .make = Make("histogram", {{"bounds", "[-1000, 0, 5, 1e6]"}}),
       .value = AnyNumber,
       .golden = {{numbers, "000206000000",
                   R"([{"le": -1000, "count": 0}, )"
                   R"({"le": 0, "count": 1}, )"
                   R"({"le": 5, "count": 3}, )"
                   R"({"le": 1e+06, "count": 0}, )"
                   R"({"le": null, "count": 0}])"}}},
      {.name = "bloom",
       .make = Make("bloom", {{"capacity", "50"}, {"error", "0.1"}}),
       .value = AnyValue,
       .golden =
           {{values,
             "00000000000000002800000000000000000000000000014000004000008080000001000002000042",
             R"({"bits": 320, "hashes": 4, "set": 11, )"
             R"("data": "AAAAAAAAAAAoAAAAAAAAAAAAAAAAAAFAAABAAACAgAAAAQAAAgAAQg=="})"}}},
      {.name = "decayed_sum",
       .make = Make("decayed_sum", {{"half_life", "1m"}}),
       .value = AnyNumber,
       .golden = {{numbers, "809bee02000000000a0140b68727593bebddc700", R"(3.0165417384972697)"}},
       .time_spread = int64_t{3} * 3600 * 1'000'000},
      {.name = "geometric_mean",
       .make = MakeGeometricMean,
       .value = AnyPositive,
       .golden = {{{Int(4), Int(16)}, "0c04", "3"}}},
      {.name = "longest_gap", .make = MakeLongestGap, .value = AnyTime},
  };
}

INSTANTIATE_TEST_SUITE_P(BuiltIn, MonoidLaws, testing::ValuesIn(Cases()), LawName);

TEST(MonoidLawsTest, EveryBuiltInFunctionHasACase) {
  for (const MonoidFunction* function : AllMonoids()) {
    const std::vector<LawCase> cases = Cases();
    EXPECT_TRUE(std::any_of(cases.begin(), cases.end(), [&](const LawCase& law_case) {
      return law_case.name.starts_with(function->name);
    })) << function->name;
  }
}

TEST(RegistryTest, ACustomFunctionIsFoundAndATakenNameIsRefused) {
  const MonoidFunction mean{.name = "geometric_mean",
                            .parameters = {},
                            .usage = "geometric_mean(x)",
                            .description = "The geometric mean of powers of two.",
                            .make = [](const MonoidParams&) { return MakeGeometricMean(); }};
  ASSERT_TRUE(RegisterMonoid(mean).ok());
  ASSERT_NE(FindMonoid("geometric_mean"), nullptr);
  EXPECT_EQ(FindMonoid("geometric_mean")->make({}).value()->Name(), "geometric_mean.v1");
  EXPECT_EQ(RegisterMonoid(mean).code(), Code::kAlreadyExists);
  MonoidFunction sum = mean;
  sum.name = "sum";
  EXPECT_EQ(RegisterMonoid(sum).code(), Code::kAlreadyExists);
  EXPECT_EQ(FindMonoid("geometric_median"), nullptr);
}

}  // namespace
}  // namespace murmur
