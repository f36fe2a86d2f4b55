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
#include <bit>
#include <cmath>
#include <cstring>
#include <span>
#include <vector>

#include "monoid/aggregate.h"
#include "monoid/numbers.h"
#include "monoid/parameters.h"
#include "monoid/varint.h"
#include "murmur/simple_monoid.h"

namespace murmur {
namespace {

constexpr int32_t kNanKey = 1 << 30;
constexpr int kFractionBits = 52;
constexpr size_t kQuantilesMax = 100;

struct BucketCount {
  int32_t key;
  int64_t count;
};

// Bucket → count, ascending, in the arena. Counts have 32 bits until one needs more. All zero when
// empty.
class BucketCounts {
 public:
  void Add(int32_t key, int64_t count, Arena* arena) {
    if (!wide_) {
      if (AddTo<Narrow>(key, count, arena)) return;
      Widen(arena);
    }
    AddTo<Wide>(key, count, arena);
  }
  void Negate(Arena* arena) {
    if (!wide_) Widen(arena);
    for (Wide& bucket : std::span(Buckets<Wide>(), size_)) {
      bucket.count = WrappingNegate(bucket.count);
    }
  }
  // visit(key, count), ascending. A count may be 0.
  template <class Visit>
  void ForEach(Visit&& visit) const {
    if (wide_) return Each<Wide>(visit);
    Each<Narrow>(visit);
  }
  void Prefetch() const noexcept { __builtin_prefetch(data_); }

 private:
  struct Narrow {
    int32_t key;
    int32_t count;
  };
  using Wide = BucketCount;

  template <class Bucket>
  Bucket* Buckets() const noexcept {
    return reinterpret_cast<Bucket*>(data_);
  }
  template <class Bucket, class Visit>
  void Each(Visit& visit) const {
    for (const Bucket& bucket : std::span<const Bucket>(Buckets<Bucket>(), size_)) {
      visit(bucket.key, int64_t{bucket.count});
    }
  }
  size_t capacity_bytes() const noexcept { return data_ == nullptr ? 0 : size_t{1} << bits_; }

  // False: the bucket can't hold the count; nothing has changed.
  template <class Bucket>
  bool AddTo(int32_t key, int64_t count, Arena* arena) {
    Bucket* const at = Find<Bucket>(key);
    const bool found = at != Buckets<Bucket>() + size_ && at->key == key;
    const int64_t sum = found ? WrappingAdd(at->count, count) : count;
    if (sum != static_cast<decltype(at->count)>(sum)) return false;
    if (found) {
      at->count = static_cast<decltype(at->count)>(sum);
    } else {
      *Insert(at, arena) = {key, static_cast<decltype(at->count)>(sum)};
    }
    return true;
  }
  // The first bucket that is not below `key`.
  template <class Bucket>
  Bucket* Find(int32_t key) const noexcept {
    Bucket* at = Buckets<Bucket>();
    if (size_ == 0) return at;
    size_t left = size_;
    while (left > 1) {  // without branches that depend on the keys
      const size_t half = left / 2;
      at += at[half - 1].key < key ? half : 0;
      left -= half;
    }
    return at->key < key ? at + 1 : at;
  }
  template <class Bucket>
  Bucket* Insert(Bucket* at, Arena* arena) {
    const auto index = static_cast<size_t>(at - Buckets<Bucket>());
    if ((size_ + 1) * sizeof(Bucket) > capacity_bytes()) Grow(arena);
    at = Buckets<Bucket>() + index;
    std::memmove(at + 1, at, (size_ - index) * sizeof(Bucket));
    ++size_;
    return at;
  }
  void Grow(Arena* arena) {
    constexpr int kBitsMin = 5;
    const size_t before = capacity_bytes();
    const int bits = before == 0 ? kBitsMin : bits_ + 1;
    auto* grown = static_cast<char*>(arena->Allocate(size_t{1} << bits));
    if (before > 0) {
      std::memcpy(grown, data_, before);
      arena->Free(data_, before);
    }
    data_ = grown;
    bits_ = static_cast<uint8_t>(bits);
  }
  void Widen(Arena* arena) {
    BucketCounts narrow = *this;
    *this = BucketCounts();
    wide_ = true;
    narrow.ForEach([&](int32_t key, int64_t count) { AddTo<Wide>(key, count, arena); });
    if (narrow.data_ != nullptr) arena->Free(narrow.data_, narrow.capacity_bytes());
  }

  char* data_ = nullptr;
  uint32_t size_ = 0;
  uint8_t bits_ = 0;  // log2 of the bytes at data_
  bool wide_ = false;
};
static_assert(sizeof(BucketCounts) == 16);

class Quantiles final : public NamedMonoid {
 public:
  Quantiles(MonoidInfo info, std::vector<double> of, int bits)
      : NamedMonoid(std::move(info)), wanted_(std::move(of)), sub_bits_(bits) {
    std::vector<std::string> texts;
    for (const double q : wanted_) texts.push_back(NumberText(q));
    names_ = Value::MakeNames(texts);
    texts.emplace_back("nan");
    names_and_nan_ = Value::MakeNames(std::move(texts));
  }
  static double Accuracy(int sub_bits) { return std::ldexp(1.0, -sub_bits - 1); }

  size_t state_size() const noexcept override { return sizeof(BucketCounts); }

  void AddBatch(const LiftInput& input, const StateSpan& states, Scratch*) const override {
    for (uint32_t row = 0; row < input.rows; ++row) Prefetch(states.at(input.groups[row]));
    ForEachValue<BucketCounts>(input, states, [&](BucketCounts& counts, const Cell& cell) {
      counts.Add(Key(ToDouble(cell)), 1, states.arena);
    });
  }
  bool Combine(char* state, std::string_view encoded, Arena* arena) const override {
    std::vector<BucketCount> counts;
    if (!Decode(encoded, &counts)) return false;
    auto* const target = reinterpret_cast<BucketCounts*>(state);
    for (const auto& [key, count] : counts) target->Add(key, count, arena);
    return true;
  }
  void Negate(char* state, Arena* arena) const override {
    reinterpret_cast<BucketCounts*>(state)->Negate(arena);
  }
  void Prefetch(const char* state) const noexcept override {
    reinterpret_cast<const BucketCounts*>(state)->Prefetch();
  }
  void Encode(const char* state, std::string* out) const override {
    bool first = true;
    int64_t before = 0;
    reinterpret_cast<const BucketCounts*>(state)->ForEach([&](int32_t key, int64_t count) {
      if (count == 0) return;
      if (first) {
        AppendSigned(key, out);
      } else {
        AppendVarint(static_cast<uint64_t>(key - before), out);
      }
      AppendSigned(count, out);
      first = false;
      before = key;
    });
  }
  Result<Value> ValueOf(std::string_view encoded, int64_t) const override {
    std::vector<BucketCount> counts;
    if (!Decode(encoded, &counts)) return Damaged();
    int64_t total = 0;
    int64_t nans = 0;
    for (const auto& [key, count] : counts) {
      int64_t& target = key == kNanKey ? nans : total;
      target = WrappingAdd(target, count);
    }
    std::vector<Value> quantiles;
    for (const double q : wanted_) quantiles.push_back(Quantile(counts, q, total));
    if (nans == 0) return Value::Record(names_, std::move(quantiles));
    quantiles.push_back(Value::Integer(nans));
    return Value::Record(names_and_nan_, std::move(quantiles));
  }

 private:
  int32_t Key(double v) const {
    if (std::isnan(v)) return kNanKey;
    const auto bits = std::bit_cast<uint64_t>(std::fabs(v));
    if (bits >> kFractionBits == 0) return 0;
    const auto leading = static_cast<int32_t>(bits >> (kFractionBits - sub_bits_));
    return v < 0 ? -leading : leading;
  }
  double Middle(int32_t key) const {
    if (key == 0) return 0;
    const auto leading = static_cast<uint64_t>(key < 0 ? -key : key);
    const auto low = std::bit_cast<double>(leading << (kFractionBits - sub_bits_));
    const auto high = std::bit_cast<double>((leading + 1) << (kFractionBits - sub_bits_));
    // 2 * low * high / (low + high), without overflow.
    const double middle = std::isinf(high) ? low : low + (high - low) * (low / (low + high));
    return key < 0 ? -middle : middle;
  }
  int64_t KeyMax() const { return int64_t{0x7FF} << sub_bits_; }  // of infinity

  bool Decode(std::string_view bytes, std::vector<BucketCount>* counts) const {
    int64_t key = 0;
    int64_t count;
    while (!bytes.empty()) {
      uint64_t distance = 0;
      if (counts->empty()) {
        if (!ReadSigned(&bytes, &key)) return false;
      } else {
        if (!ReadVarint(&bytes, &distance) || distance == 0 || distance > 2 * uint64_t{kNanKey})
          return false;
        key += static_cast<int64_t>(distance);
      }
      const bool in_range = (key >= -KeyMax() && key <= KeyMax()) || key == kNanKey;
      const bool subnormal = key != 0 && std::abs(key) < int64_t{1} << sub_bits_;
      if (!in_range || subnormal || !ReadSigned(&bytes, &count) || count == 0) return false;
      counts->push_back({static_cast<int32_t>(key), count});
    }
    return true;
  }

  Value Quantile(const std::vector<BucketCount>& counts, double q, int64_t total) const {
    const double rank = std::floor(q * (static_cast<double>(total) - 1));
    double below = 0;
    for (const auto& [key, count] : counts) {
      if (total <= 0 || key == kNanKey) break;
      below += static_cast<double>(count);
      if (below <= rank) continue;
      return Value::Finite(Middle(key)).WithError(ErrorKind::kRelative, Accuracy(sub_bits_));
    }
    return Value::Absent();
  }

  const std::vector<double> wanted_;
  const int sub_bits_;  // leading bits of the fraction
  Value::Names names_;  // of the quantiles
  Value::Names names_and_nan_;
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
  MonoidInfo info{.name = std::move(name),
                  .traits = {.invertible = true},
                  .accepts = kNumberKinds,
                  .approximation = "relative error " + PercentText(Quantiles::Accuracy(sub_bits))};
  return std::make_unique<Quantiles>(std::move(info), std::move(wanted), sub_bits);
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
