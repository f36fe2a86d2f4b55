// avg(x), variance(x), stddev(x): from the count, the exact sum and the exact sum of squares, so
// that order never shows and a row can be subtracted. Variance and standard deviation are those of
// a sample (n - 1), as SQL's var_samp and stddev_samp: null under two values. All are null if a NaN
// or an infinity contributed. A decimal that is no integer counts as its nearest double.
//
// Bytes of avg: ExactSum (exact_sum.h), signed varint count. Of variance and stddev: the sum, the
// sum of squares, the count.
#include <cmath>

#include "monoid/aggregate.h"
#include "monoid/exact_sum.h"
#include "monoid/numbers.h"
#include "monoid/varint.h"

namespace murmur {
namespace {

enum class Moment { kMean, kVariance, kDeviation };

template <size_t kSums>
struct State {
  std::array<ExactSum, kSums> sums;
  int64_t count;
};

template <size_t kSums>
struct Encoded {
  std::array<EncodedSum, kSums> sums;
  int64_t count = 0;

  bool Read(std::string_view bytes) {
    bool nothing = true;
    for (EncodedSum& sum : sums) {
      if (!ReadSum(&bytes, &sum)) return false;
      nothing = nothing && sum.doubles == 0 && sum.finite() && sum.bytes.empty();
    }
    return ReadSigned(&bytes, &count) && bytes.empty() && !(nothing && count == 0);
  }
};

// Sum of (x - mean)^2 / (n - 1), rounded once from the exact numerator n * sum(x^2) - sum(x)^2.
double SampleVariance(const Dyadic& sum, const Dyadic& squares, int64_t count) {
  Dyadic n;
  n.AddScaled(static_cast<UInt128>(count), 0, false);
  Dyadic numerator = Dyadic::Product(n, squares);
  Dyadic square_of_sum = Dyadic::Product(sum, sum);
  square_of_sum.Negate();
  numerator.Add(square_of_sum);
  const auto n_double = static_cast<double>(count);
  return numerator.ToDouble() / (n_double * (n_double - 1));
}

template <size_t kSums>
class Moments final : public NamedMonoid {
 public:
  Moments(std::string name, Moment moment)
      : NamedMonoid({.name = std::move(name),
                     .traits = {.invertible = true},
                     .output = OutputType::kNumber,
                     .accepts = kNumberKinds}),
        moment_(moment) {}

  size_t state_size() const noexcept override { return sizeof(State<kSums>); }

  void AddBatch(const LiftInput& input, const StateSpan& states, Scratch*) const override {
    if constexpr (kSums == 1) {
      if (input.args[0]->Is(Kind::kDouble) && !input.runs.empty()) {
        return AddRunsOfDoubles(input, states);
      }
    }
    ForEachValue<State<kSums>>(input, states, [&states](State<kSums>& state, const Cell& cell) {
      state.count = WrappingAdd(state.count, 1);
      int64_t integer;
      if (ToInteger(cell, &integer)) {
        state.sums[0].AddInt(integer, states.arena);
        if constexpr (kSums == 2) state.sums[1].AddSquare(integer, states.arena);
      } else {
        const double number = ToDouble(cell);
        state.sums[0].AddDouble(number, states.arena);
        if constexpr (kSums == 2) state.sums[1].AddSquare(number, states.arena);
      }
    });
  }

  bool Combine(char* state, std::string_view encoded, Arena* arena) const override {
    if (encoded.empty()) return true;
    Encoded<kSums> other;
    if (!other.Read(encoded)) return false;
    auto& target = *reinterpret_cast<State<kSums>*>(state);
    for (size_t i = 0; i < kSums; ++i) target.sums[i].Add(other.sums[i], arena);
    target.count = WrappingAdd(target.count, other.count);
    return true;
  }
  void Encode(const char* state, std::string* out) const override {
    const auto& from = *reinterpret_cast<const State<kSums>*>(state);
    bool nothing = from.count == 0;
    for (const ExactSum& sum : from.sums) nothing = nothing && sum.empty();
    if (nothing) return;
    for (const ExactSum& sum : from.sums) sum.Encode(out);
    AppendSigned(from.count, out);
  }
  void Negate(char* state, Arena* arena) const override {
    auto& target = *reinterpret_cast<State<kSums>*>(state);
    for (ExactSum& sum : target.sums) sum.Negate(arena);
    target.count = WrappingNegate(target.count);
  }
  void Destroy(char* state) const override {
    for (ExactSum& sum : reinterpret_cast<State<kSums>*>(state)->sums) sum.Destroy();
  }

  Result<Value> ValueOf(std::string_view encoded, int64_t) const override {
    Encoded<kSums> state;
    if (!encoded.empty() && !state.Read(encoded)) return Damaged();
    const int64_t least = moment_ == Moment::kMean ? 1 : 2;
    if (state.count < least || !state.sums[0].finite()) return Value::Absent();
    return Value::Finite(Computed(state));
  }

 private:
  static void AddRunsOfDoubles(const LiftInput& input, const StateSpan& states) {
    for (const GroupRun& run : input.runs) {
      auto& state = *reinterpret_cast<State<kSums>*>(states.at(run.group));
      ExactSum::Partial partial;
      ForEachCell(*input.args[0], input.RowsOf(run), [&](uint32_t, const Cell& cell) {
        if (!partial.AddDouble(cell.d)) state.sums[0].AddDouble(cell.d, states.arena);
      });
      state.sums[0].Add(partial, states.arena);
      state.count = WrappingAdd(state.count, int64_t{run.end - run.begin});
    }
  }
  static bool ToInteger(const Cell& cell, int64_t* integer) {
    if (cell.kind == Kind::kInt) {
      *integer = cell.i;
      return true;
    }
    return cell.kind == Kind::kDecimal && DecimalToInteger(cell, integer);
  }

  double Computed(const Encoded<kSums>& state) const {
    const Dyadic sum = state.sums[0].sum();
    if constexpr (kSums == 1) {
      return sum.ToDouble() / static_cast<double>(state.count);
    } else {
      const double variance = SampleVariance(sum, state.sums[1].sum(), state.count);
      return moment_ == Moment::kVariance ? variance : std::sqrt(variance);
    }
  }

  const Moment moment_;
};

}  // namespace

MonoidFunction AvgFunction() {
  return {.name = "avg",
          .parameters = {},
          .usage = "avg(x)",
          .description = "The mean, from the exact sum.",
          .make = [](const MonoidParams&) {
            return std::make_unique<Moments<1>>("avg.v1", Moment::kMean);
          }};
}

MonoidFunction VarianceFunction() {
  return {.name = "variance",
          .parameters = {},
          .usage = "variance(x)",
          .description = "The sample variance (n - 1), from exact sums; null under two values.",
          .make = [](const MonoidParams&) {
            return std::make_unique<Moments<2>>("variance.v1", Moment::kVariance);
          }};
}

MonoidFunction StddevFunction() {
  return {.name = "stddev",
          .parameters = {},
          .usage = "stddev(x)",
          .description = "The sample standard deviation (n - 1); null under two values.",
          .make = [](const MonoidParams&) {
            return std::make_unique<Moments<2>>("stddev.v1", Moment::kDeviation);
          }};
}

}  // namespace murmur
