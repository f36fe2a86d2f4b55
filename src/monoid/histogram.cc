// histogram(x, [10, 100]): how many numbers there are up to each bound, above the one before:
// [{"le": 10, "count": 3}, {"le": 100, "count": 1}, {"le": null, "count": 2}]. Numbers are compared
// as doubles. If there are NaNs, an entry with "le": "NaN" counts them.
//
// Bytes: the counts of the buckets, then of NaN, each a signed varint.
#include <algorithm>
#include <cmath>

#include "monoid/aggregate.h"
#include "monoid/numbers.h"
#include "monoid/parameters.h"
#include "monoid/varint.h"

namespace murmur {
namespace {

constexpr size_t kBoundsMax = 200;

class Histogram final : public NamedMonoid {
 public:
  Histogram(std::string name, std::vector<double> bounds)
      : NamedMonoid(
            {.name = std::move(name), .traits = {.invertible = true}, .accepts = kNumberKinds}),
        bounds_(std::move(bounds)) {}

  size_t state_size() const noexcept override { return counters() * sizeof(int64_t); }

  void AddBatch(const LiftInput& input, const StateSpan& states, Scratch*) const override {
    ForEachValue<int64_t>(input, states, [this](int64_t& first, const Cell& cell) {
      int64_t& count = (&first)[Bucket(ToDouble(cell))];
      count = WrappingAdd(count, 1);
    });
  }
  bool Combine(char* state, std::string_view encoded, Arena*) const override {
    if (encoded.empty()) return true;
    std::vector<int64_t> other;
    if (!Read(encoded, &other)) return false;
    auto* counts = reinterpret_cast<int64_t*>(state);
    for (size_t i = 0; i < counters(); ++i) counts[i] = WrappingAdd(counts[i], other[i]);
    return true;
  }
  void Encode(const char* state, std::string* out) const override {
    const auto* counts = reinterpret_cast<const int64_t*>(state);
    const auto* end = counts + counters();
    if (std::all_of(counts, end, [](int64_t count) { return count == 0; })) return;
    for (; counts != end; ++counts) AppendSigned(*counts, out);
  }
  void Negate(char* state, Arena*) const override {
    auto* counts = reinterpret_cast<int64_t*>(state);
    for (size_t i = 0; i < counters(); ++i) counts[i] = WrappingNegate(counts[i]);
  }
  Result<Value> ValueOf(std::string_view encoded, int64_t) const override {
    std::vector<int64_t> counts(counters(), 0);
    if (!encoded.empty() && !Read(encoded, &counts)) return Damaged();
    static const Value::Names names = Value::MakeNames({"le", "count"});
    std::vector<Value> buckets;
    const auto add = [&buckets](Value bound, int64_t count) {
      buckets.push_back(Value::Record(names, {std::move(bound), Value::Integer(count)}));
    };
    for (size_t i = 0; i < bounds_.size(); ++i) add(Bound(bounds_[i]), counts[i]);
    add(Value::Absent(), counts[bounds_.size()]);
    if (counts.back() != 0) add(Value::Double(std::nan("")), counts.back());
    return Value::List(std::move(buckets));
  }

 private:
  size_t counters() const { return bounds_.size() + 2; }  // one above the last bound, one of NaN
  size_t Bucket(double v) const {
    if (std::isnan(v)) return bounds_.size() + 1;
    return static_cast<size_t>(std::lower_bound(bounds_.begin(), bounds_.end(), v) -
                               bounds_.begin());
  }
  bool Read(std::string_view encoded, std::vector<int64_t>* counts) const {
    counts->assign(counters(), 0);
    bool any = false;
    for (int64_t& count : *counts) {
      if (!ReadSigned(&encoded, &count)) return false;
      any = any || count != 0;
    }
    return any && encoded.empty();
  }
  // A whole bound is shown as it is written: 10, not 10.0.
  static Value Bound(double bound) {
    const std::string text = NumberText(bound);
    return text.find_first_of(".e") == text.npos ? Value::Integer(text) : Value::Double(bound);
  }

  const std::vector<double> bounds_;
};

}  // namespace

MonoidFunction HistogramFunction() {
  return {.name = "histogram",
          .parameters = {"bounds"},
          .usage = "histogram(x, [10, 100, 1000])",
          .description = "How many numbers lie up to each bound.",
          .make = [](const MonoidParams& params) -> Result<std::unique_ptr<Monoid>> {
            MURMUR_ASSIGN(std::vector<double> bounds,
                          AscendingParameter(params, "bounds", kBoundsMax));
            std::string name = "histogram.v1(bounds=" + ListText(bounds) + ")";
            return std::make_unique<Histogram>(std::move(name), std::move(bounds));
          }};
}

}  // namespace murmur
