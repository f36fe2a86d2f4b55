// quantiles(x, [0.5, 0.9, 0.99], accuracy=0.01): for each q the value at rank floor(q * (n - 1)),
// within the relative accuracy: {"0.5": 12.1, "0.9": 80.4}. NaNs have no rank; if there are any,
// their number is given under "nan". A quantile that is infinite is null.
//
// Numbers are counted by the leading bits of their double: exponent and the first s bits of the
// fraction, so that a bucket is 2^-s wide relative to its power of two and its harmonic middle is
// within 2^-(s+1). s is the least that reaches the accuracy. No logarithm is taken: the bucket is
// the same on every machine. Buckets are never collapsed, so sketches add and subtract exactly.
// Numbers nearer to 0 than 2^-1022 count as 0.
// Source: Masson, Rim, Lee (2019), DDSketch, with a piecewise linear mapping in place of log.
//
// Bytes: for each bucket in ascending order the signed varint of its key (the first) or the varint
// of its distance to the one before, and its count, not 0, as a signed varint. The key of x > 0 is
// the leading bits, that of -x the negative, of 0 it is 0, of NaN 2^30.
#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "monoid/aggregate.h"
#include "monoid/numbers.h"
#include "monoid/parameters.h"
#include "monoid/varint.h"

namespace murmur {
namespace {

constexpr int64_t kNanKey = int64_t{1} << 30;
constexpr int kFractionBits = 52;
constexpr size_t kQuantilesMax = 100;

struct Bucket {
  int64_t key;
  int64_t count;
  bool operator<(int64_t other_key) const { return key < other_key; }
};

struct Quantiles {
  struct State {
    std::vector<Bucket> buckets;  // ascending; a count may be 0
  };

  std::vector<double> wanted;
  int sub_bits;        // leading bits of the fraction
  Value::Names names;  // of the quantiles
  Value::Names names_and_nan;

  Quantiles(std::vector<double> of, int bits) : wanted(std::move(of)), sub_bits(bits) {
    std::vector<std::string> texts;
    for (const double q : wanted) texts.push_back(NumberText(q));
    names = Value::MakeNames(texts);
    texts.emplace_back("nan");
    names_and_nan = Value::MakeNames(std::move(texts));
  }
  double accuracy() const { return std::ldexp(1.0, -sub_bits - 1); }

  int64_t Key(double v) const {
    if (std::isnan(v)) return kNanKey;
    const auto bits = std::bit_cast<uint64_t>(std::fabs(v));
    if (bits >> kFractionBits == 0) return 0;
    const auto leading = static_cast<int64_t>(bits >> (kFractionBits - sub_bits));
    return v < 0 ? -leading : leading;
  }
  double Middle(int64_t key) const {
    if (key == 0) return 0;
    const auto leading = static_cast<uint64_t>(key < 0 ? -key : key);
    const auto low = std::bit_cast<double>(leading << (kFractionBits - sub_bits));
    const auto high = std::bit_cast<double>((leading + 1) << (kFractionBits - sub_bits));
    // 2 * low * high / (low + high), without overflow.
    const double middle = std::isinf(high) ? low : low + (high - low) * (low / (low + high));
    return key < 0 ? -middle : middle;
  }
  int64_t KeyMax() const { return int64_t{0x7FF} << sub_bits; }  // of infinity

  static void Count(State& state, int64_t key, int64_t count) {
    const auto at = std::lower_bound(state.buckets.begin(), state.buckets.end(), key);
    if (at != state.buckets.end() && at->key == key) {
      at->count = WrappingAdd(at->count, count);
    } else {
      state.buckets.insert(at, {key, count});
    }
  }
  void Add(State& state, const Cell& cell) const { Count(state, Key(ToDouble(cell)), 1); }
  void Combine(State& state, const State& other) const {
    for (const auto& [key, count] : other.buckets) Count(state, key, count);
  }
  void Negate(State& state) const {
    for (Bucket& bucket : state.buckets) bucket.count = WrappingNegate(bucket.count);
  }
  size_t HeapBytes(const State& state) const { return state.buckets.capacity() * sizeof(Bucket); }

  void Encode(const State& state, std::string* out) const {
    bool first = true;
    int64_t before = 0;
    for (const auto& [key, count] : state.buckets) {
      if (count == 0) continue;
      if (first) {
        AppendSigned(key, out);
      } else {
        AppendVarint(static_cast<uint64_t>(key - before), out);
      }
      AppendSigned(count, out);
      first = false;
      before = key;
    }
  }
  bool Decode(std::string_view bytes, State* state) const {
    int64_t key = 0;
    int64_t count;
    while (!bytes.empty()) {
      uint64_t distance = 0;
      if (state->buckets.empty()) {
        if (!ReadSigned(&bytes, &key)) return false;
      } else {
        if (!ReadVarint(&bytes, &distance) || distance == 0 || distance > 2 * kNanKey) return false;
        key += static_cast<int64_t>(distance);
      }
      const bool in_range = (key >= -KeyMax() && key <= KeyMax()) || key == kNanKey;
      const bool subnormal = key != 0 && std::abs(key) < int64_t{1} << sub_bits;
      if (!in_range || subnormal || !ReadSigned(&bytes, &count) || count == 0) return false;
      state->buckets.push_back({key, count});
    }
    return true;
  }

  Value ValueOf(const State& state) const {
    int64_t total = 0;
    int64_t nans = 0;
    for (const auto& [key, count] : state.buckets) {
      int64_t& target = key == kNanKey ? nans : total;
      target = WrappingAdd(target, count);
    }
    std::vector<Value> quantiles;
    for (const double q : wanted) quantiles.push_back(Quantile(state, q, total));
    if (nans == 0) return Value::Record(names, std::move(quantiles));
    quantiles.push_back(Value::Integer(nans));
    return Value::Record(names_and_nan, std::move(quantiles));
  }
  Value Quantile(const State& state, double q, int64_t total) const {
    const double rank = std::floor(q * (static_cast<double>(total) - 1));
    double below = 0;
    for (const auto& [key, count] : state.buckets) {
      if (total <= 0 || key == kNanKey) break;
      below += static_cast<double>(count);
      if (below <= rank) continue;
      return Value::Finite(Middle(key)).WithError(ErrorKind::kRelative, accuracy());
    }
    return Value::Absent();
  }
};

Result<std::unique_ptr<Monoid>> MakeQuantiles(const MonoidParams& params) {
  constexpr double kAccuracyMin = 0.0001;
  constexpr double kAccuracyMax = 0.5;
  MURMUR_ASSIGN(std::vector<double> wanted, AscendingParameter(params, "q", kQuantilesMax));
  if (wanted.front() < 0 || wanted.back() > 1) {
    return Status(Code::kInvalidArgument,
                  "q is '" + params.find("q")->second + "'; expected numbers from 0 to 1");
  }
  MURMUR_ASSIGN(const double accuracy,
                FractionParameter(params, "accuracy", kAccuracyMin, kAccuracyMax, 0.01));
  int sub_bits = 0;
  while (std::ldexp(1.0, -(sub_bits + 1)) > accuracy) ++sub_bits;
  std::string name = "quantiles.v1(q=" + ListText(wanted) + ",bits=";
  name += std::to_string(sub_bits) + ")";
  Quantiles logic(std::move(wanted), sub_bits);
  MonoidInfo info{.name = std::move(name),
                  .traits = {.invertible = true},
                  .accepts = kNumberKinds,
                  .approximation = "relative error " + PercentText(logic.accuracy())};
  return std::make_unique<SimpleMonoid<Quantiles>>(std::move(info), std::move(logic));
}

}  // namespace

MonoidFunction QuantilesFunction() {
  return {.name = "quantiles",
          .parameters = {"q", "accuracy"},
          .usage = "quantiles(x, [0.5, 0.9, 0.99]) or quantiles(x, [0.5], accuracy=0.001)",
          .description = "Quantiles within a relative accuracy, 1 % by default.",
          .make = MakeQuantiles};
}

}  // namespace murmur
