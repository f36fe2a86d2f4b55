// decayed_sum(x, half_life=1d): the sum of x * 2^(-age / half_life), age being that to the newest
// event that has an x in the group. Events kHalfLives or more half-lives older than the newest,
// counted in whole half-lives since the epoch, add nothing.
//
// Time is cut into half-lives since the Unix epoch. An event at the fraction r of half-life i adds
// x * w(r), w(r) being 2^r as a 64-bit integer in units of 2^-62, to the exact sum of half-life i.
// The weight comes from integer arithmetic, the product and the sum are exact, and which half-lives
// are kept depends on the newest event alone: so order never shows. Only the result is rounded.
// Source: Cormode, Shkapenyuk, Srivastava, Xu (2009), Forward Decay.
//
// Bytes: signed varint, newest time (µs); three signed varints: NaNs, infinities, negative
// infinities; then for each half-life whose sum is not 0, from the newest to the oldest, the varint
// of how many half-lives before the newest it lies, and its sum (dyadic.h) in units of 2^-62.
#include <array>
#include <bit>
#include <cmath>
#include <map>

#include "base/civil_time.h"
#include "monoid/aggregate.h"
#include "monoid/dyadic.h"
#include "monoid/numbers.h"
#include "monoid/parameters.h"
#include "monoid/varint.h"

namespace murmur {
namespace {

constexpr int64_t kHalfLives = 64;
constexpr int kWeightBits = 62;

uint64_t MulHigh(uint64_t a, uint64_t b) { return static_cast<uint64_t>(UInt128{a} * b >> 64); }

// 2^(part / whole) in units of 2^-62, by the series of exp; wrong by a few units at most.
// REQUIRES: 0 <= part < whole
uint64_t Weight(int64_t part, int64_t whole) {
  constexpr uint64_t kLn2 = 0xB17217F7D1CF79ABull;  // ln 2 * 2^64
  constexpr uint64_t kTerms = 24;
  const auto fraction = static_cast<uint64_t>((UInt128{static_cast<uint64_t>(part)} << 64) /
                                              static_cast<uint64_t>(whole));
  const uint64_t y = MulHigh(fraction, kLn2);
  constexpr uint64_t kOne = uint64_t{1} << kWeightBits;
  uint64_t sum = kOne;
  for (uint64_t n = kTerms; n > 0; --n) sum = kOne + MulHigh(sum, y) / n;
  return sum;
}

struct DecayedSum {
  struct State {
    bool any = false;
    int64_t newest = 0;              // µs
    std::array<int64_t, 3> apart{};  // NaNs, infinities, negative infinities
    std::map<int64_t, Dyadic> sums;  // by half-life; those within kHalfLives of the newest
  };

  int64_t half_life;  // µs

  int64_t Index(int64_t time) const { return civil_internal::FloorDiv(time, half_life); }

  void Advance(State& state, int64_t time) const {
    state.newest = state.any ? std::max(state.newest, time) : time;
    state.any = true;
    const int64_t oldest = Index(state.newest) - kHalfLives + 1;
    state.sums.erase(state.sums.begin(), state.sums.lower_bound(oldest));
  }
  bool Kept(const State& state, int64_t index) const {
    return index > Index(state.newest) - kHalfLives;
  }

  void Add(State& state, const LiftedRow& row) const {
    const int64_t time = row.time();
    const double x = ToDouble(row.value);
    Advance(state, time);
    if (!std::isfinite(x)) {
      int64_t& count = state.apart[std::isnan(x) ? 0 : x > 0 ? 1 : 2];
      count = WrappingAdd(count, 1);
      return;
    }
    const int64_t index = Index(time);
    if (!Kept(state, index) || x == 0) return;
    int exponent;
    const double fraction = std::frexp(std::fabs(x), &exponent);
    const auto mantissa = static_cast<uint64_t>(std::ldexp(fraction, 53));
    const uint64_t weight = Weight(time - index * half_life, half_life);
    state.sums[index].AddScaled(UInt128{mantissa} * weight, exponent - 53, x < 0);
  }
  void Combine(State& state, const State& other) const {
    if (!other.any) return;
    Advance(state, other.newest);
    for (size_t i = 0; i < 3; ++i) state.apart[i] = WrappingAdd(state.apart[i], other.apart[i]);
    for (const auto& [index, sum] : other.sums) {
      if (Kept(state, index)) state.sums[index].Add(sum);
    }
  }
  size_t HeapBytes(const State& state) const {
    constexpr size_t kNodeBytes = 160;
    return state.sums.size() * kNodeBytes;
  }

  void Encode(const State& state, std::string* out) const {
    if (!state.any) return;
    AppendSigned(state.newest, out);
    for (const int64_t count : state.apart) AppendSigned(count, out);
    const int64_t newest = Index(state.newest);
    for (auto sum = state.sums.rbegin(); sum != state.sums.rend(); ++sum) {
      if (sum->second.zero()) continue;
      AppendVarint(static_cast<uint64_t>(newest - sum->first), out);
      AppendDyadic(sum->second, out);
    }
  }
  bool Decode(std::string_view bytes, State* state) const {
    state->any = true;
    if (!ReadSigned(&bytes, &state->newest)) return false;
    for (int64_t& count : state->apart) {
      if (!ReadSigned(&bytes, &count)) return false;
    }
    const int64_t newest = Index(state->newest);
    uint64_t before = 0;
    while (!bytes.empty()) {
      uint64_t age;
      std::string_view integer;
      int64_t position;
      if (!ReadVarint(&bytes, &age) || age >= kHalfLives) return false;
      if (!state->sums.empty() && age <= before) return false;
      if (!ReadScaledInteger(&bytes, &integer, &position) || integer.empty()) return false;
      state->sums[newest - static_cast<int64_t>(age)].AddBytes(integer, position);
      before = age;
    }
    return true;
  }

  Value ValueOf(const State& state) const {
    if (state.apart != std::array<int64_t, 3>{}) return Value::Absent();
    const int64_t newest = Index(state.newest);
    Dyadic total;
    for (const auto& [index, sum] : state.sums) total.Add(sum, index - newest - kWeightBits);
    const auto weight = static_cast<double>(Weight(state.newest - newest * half_life, half_life));
    return Value::Finite(total.ToDouble() / std::ldexp(weight, -kWeightBits));
  }
};

}  // namespace

MonoidFunction DecayedSumFunction() {
  return {.name = "decayed_sum",
          .parameters = {"half_life"},
          .usage = "decayed_sum(x) or decayed_sum(x, half_life=1d)",
          .description =
              "The sum in which a value counts half after each half-life, as of the "
              "newest event.",
          .make = [](const MonoidParams& params) -> Result<std::unique_ptr<Monoid>> {
            MURMUR_ASSIGN(const int64_t half_life,
                          DurationParameter(params, "half_life", kMicrosPerDay));
            MonoidInfo info{.name = "decayed_sum.v1(half_life=" +
                                    std::to_string(half_life / kMicrosPerSecond) + "s)",
                            .output = OutputType::kNumber,
                            .accepts = kNumberKinds};
            return std::make_unique<SimpleMonoid<DecayedSum>>(std::move(info),
                                                              DecayedSum{half_life});
          },
          .needs_time = true};
}

}  // namespace murmur
