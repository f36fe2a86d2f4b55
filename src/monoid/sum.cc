// sum(x): the exact sum. Integers alone give an integer of any size; with doubles among them, the
// double nearest to the exact sum. Null if a NaN or an infinity contributed, or if the sum is
// beyond the doubles. A decimal with a fraction counts as its nearest double, as 0.1 in JSON does;
// decimal=N is for those who want it exact.
//
// sum(x, decimal=N): the exact sum of x * 10^N, given as text with N decimals. A double stands for
// its shortest decimal text. Null if a NaN or an infinity contributed.
//
// Bytes: an ExactSum (exact_sum.h), in units of 1 or of 10^-N.
#include "base/decimal.h"
#include "base/shown.h"
#include "monoid/aggregate.h"
#include "monoid/exact_sum.h"
#include "monoid/numbers.h"
#include "monoid/parameters.h"

namespace murmur {
namespace {

constexpr int kDecimalsMax = 18;
constexpr MonoidTraits kGroup = {.invertible = true};

class SumBase : public NamedMonoid {
 public:
  SumBase(MonoidInfo info, bool integers) : NamedMonoid(std::move(info)), integers_(integers) {}
  size_t state_size() const noexcept override { return sizeof(ExactSum); }

  bool Combine(char* state, std::string_view encoded, Arena* arena) const override {
    if (encoded.empty()) return true;
    EncodedSum other;
    if (!Read(encoded, &other)) return false;
    reinterpret_cast<ExactSum*>(state)->Add(other, arena);
    return true;
  }
  void Encode(const char* state, std::string* out) const override {
    const auto& sum = *reinterpret_cast<const ExactSum*>(state);
    if (!sum.empty()) sum.Encode(out);
  }
  void Negate(char* state, Arena* arena) const override {
    reinterpret_cast<ExactSum*>(state)->Negate(arena);
  }
  void Destroy(char* state) const override { reinterpret_cast<ExactSum*>(state)->Destroy(); }

 protected:
  bool Read(std::string_view encoded, EncodedSum* sum) const {
    if (!ReadSum(&encoded, sum) || !encoded.empty()) return false;
    const bool nothing = sum->doubles == 0 && sum->finite() && sum->bytes.empty();
    return !nothing && (!integers_ || (OnlyIntegers(*sum) && sum->position >= 0));
  }

 private:
  static bool OnlyIntegers(const EncodedSum& sum) {
    return sum.doubles == sum.apart[0] + sum.apart[1] + sum.apart[2];
  }

  const bool integers_;  // what is added is integers, NaN and infinities
};

class Sum final : public SumBase {
 public:
  Sum() : SumBase({"sum.v1", kGroup, OutputType::kNumber, kNumberKinds}, false) {}

  void AddBatch(const LiftInput& input, const StateSpan& states, Scratch*) const override {
    const Column& column = *input.args[0];
    if (column.Is(Kind::kDouble)) {
      if (!input.runs.empty()) return AddRunsOfDoubles(column, input, states);
      ForEachCell(column, input.rows, [&](uint32_t row, const Cell& cell) {
        reinterpret_cast<ExactSum*>(states.at(input.groups[row]))->AddDouble(cell.d, states.arena);
      });
      return;
    }
    if (column.Is(Kind::kDecimal) && column.scale <= kExactDoublePowersMax) {
      return input.runs.empty() ? AddNarrow(column, input, states)
                                : AddRunsOfNarrow(column, input, states);
    }
    ForEachValue<ExactSum>(input, states, [&states](ExactSum& sum, const Cell& cell) {
      if (cell.kind == Kind::kInt) return sum.AddInt(cell.i, states.arena);
      if (cell.kind == Kind::kDouble) return sum.AddDouble(cell.d, states.arena);
      AddDecimal(cell, &sum, states.arena);
    });
  }

  Result<Value> ValueOf(std::string_view encoded, int64_t) const override {
    EncodedSum sum;
    if (!encoded.empty() && !Read(encoded, &sum)) return Damaged();
    if (!sum.finite()) return Value::Absent();
    if (sum.doubles == 0 && sum.position >= 0) return Value::Integer(sum.sum().IntegerText());
    return Value::Finite(sum.sum().ToDouble());
  }

 private:
  static void AddDecimal(const Cell& cell, ExactSum* sum, Arena* arena) {
    Int128 unscaled = cell.decimal();
    int scale = cell.scale;
    StripTrailingZeros(&unscaled, &scale);
    if (scale != 0) return sum->AddDouble(NearestDouble(unscaled, scale), arena);
    sum->AddScaled(Magnitude(unscaled), 0, unscaled < 0, arena);
  }
  static void AddRunsOfDoubles(const Column& column, const LiftInput& input,
                               const StateSpan& states) {
    for (const GroupRun& run : input.runs) {
      auto& sum = *reinterpret_cast<ExactSum*>(states.at(run.group));
      ExactSum::Partial partial;
      ForEachCell(column, input.RowsOf(run), [&](uint32_t, const Cell& cell) {
        if (!partial.AddDouble(cell.d)) sum.AddDouble(cell.d, states.arena);
      });
      sum.Add(partial, states.arena);
    }
  }
  // As AddNarrow.
  static void AddRunsOfNarrow(const Column& column, const LiftInput& input,
                              const StateSpan& states) {
    const double power = ExactDoublePower(column.scale);
    for (const GroupRun& run : input.runs) {
      auto& sum = *reinterpret_cast<ExactSum*>(states.at(run.group));
      ExactSum::Partial partial;
      ForEachCell(column, input.RowsOf(run), [&](uint32_t, const Cell& cell) {
        const double nearest = static_cast<double>(cell.i) / power;
        const auto whole = static_cast<int64_t>(nearest);
        const bool is_whole = nearest == static_cast<double>(whole);
        const bool added = IsExactDouble(cell.i) &&
                           (is_whole ? partial.AddInt(whole) : partial.AddDouble(nearest));
        if (!added) [[unlikely]]
          AddDecimal(cell, &sum, states.arena);
      });
      sum.Add(partial, states.arena);
    }
  }
  // Decimals of one scale in 64 bits. A quotient of digits that a double holds exactly is whole
  // only if the decimal is.
  static void AddNarrow(const Column& column, const LiftInput& input, const StateSpan& states) {
    const double power = ExactDoublePower(column.scale);
    ForEachCell(column, input.rows, [&](uint32_t row, const Cell& cell) {
      auto& sum = *reinterpret_cast<ExactSum*>(states.at(input.groups[row]));
      if (!IsExactDouble(cell.i)) [[unlikely]]
        return AddDecimal(cell, &sum, states.arena);
      const double nearest = static_cast<double>(cell.i) / power;
      const double whole = std::trunc(nearest);
      if (nearest == whole) return sum.AddInt(static_cast<int64_t>(whole), states.arena);
      sum.AddDouble(nearest, states.arena);
    });
  }
};

class DecimalSum final : public SumBase {
 public:
  explicit DecimalSum(int decimals)
      : SumBase({"sum.v1(decimal=" + std::to_string(decimals) + ")", kGroup, OutputType::kText,
                 kNumberKinds},
                true),
        decimals_(decimals),
        power_(static_cast<int64_t>(PowerOfTen(decimals))) {}

  bool ExactDecimals() const noexcept override { return true; }
  void Check(const LiftInput& input, std::vector<BadRow>* bad) const override {
    const Column& column = *input.args[0];
    if (AllFit(column)) return;
    Int128 units;
    for (uint32_t row = 0; row < input.rows; ++row) {
      const Cell& cell = CellAt(column, row);
      if (cell.is_null() || Fits(cell) || IsNotFinite(cell)) continue;
      if (ToUnits(cell, &units)) continue;
      const bool rounded = (cell.flags & Cell::kRounded) != 0 && cell.kind == Kind::kDouble;
      bad->push_back({row, DeadReason::kNumberOverflow,
                      (rounded ? "it" : Text(cell)) + " has more than " +
                          Counted(static_cast<uint64_t>(decimals_), "decimal") +
                          ", or more than 38 digits"});
    }
  }

  void AddBatch(const LiftInput& input, const StateSpan& states, Scratch*) const override {
    const Column& column = *input.args[0];
    if (AllFit(column)) {
      return input.runs.empty() ? AddNarrow(column, input, states)
                                : AddRunsOfNarrow(column, input, states);
    }
    ForEachValue<ExactSum>(input, states, [&](ExactSum& sum, const Cell& cell) {
      int64_t narrow;
      if (Fits(cell) && !__builtin_mul_overflow(cell.i, PowerFor(cell), &narrow)) {
        return sum.AddInt(narrow, states.arena);
      }
      Int128 units;
      if (IsNotFinite(cell)) return sum.AddDouble(cell.d, states.arena);
      if (!ToUnits(cell, &units)) return;  // Check has refused it
      sum.AddScaled(Magnitude(units), 0, units < 0, states.arena);
    });
  }

  Result<Value> ValueOf(std::string_view encoded, int64_t) const override {
    EncodedSum sum;
    if (!encoded.empty() && !Read(encoded, &sum)) return Damaged();
    if (!sum.finite()) return Value::Absent();
    std::string digits = sum.sum().IntegerText();
    const size_t sign = digits.front() == '-' ? 1 : 0;
    const auto decimals = static_cast<size_t>(decimals_);
    if (digits.size() - sign <= decimals) {
      digits.insert(sign, decimals + 1 - (digits.size() - sign), '0');
    }
    if (decimals > 0) digits.insert(digits.size() - decimals, 1, '.');
    return Value::Decimal(std::move(digits));
  }

 private:
  static bool IsNotFinite(const Cell& cell) {
    return cell.kind == Kind::kDouble && !std::isfinite(cell.d);
  }
  static std::string Text(const Cell& cell) {
    return cell.kind == Kind::kDecimal ? FormatDecimal(cell.decimal(), cell.scale)
                                       : NumberText(cell.d);
  }

  // Whether no value can have too many digits: integers, and decimals of one scale in 64 bits.
  bool AllFit(const Column& column) const {
    const KindSet kinds = column.kinds & ~KindBit(Kind::kNull);
    if (kinds == KindBit(Kind::kDecimal)) return column.scale <= decimals_;
    return (kinds & ~KindBit(Kind::kInt)) == 0;
  }
  bool Fits(const Cell& cell) const {
    if (cell.kind == Kind::kInt) return true;
    return cell.kind == Kind::kDecimal && (cell.flags & Cell::kWide) == 0 &&
           cell.scale <= decimals_;
  }
  // What brings a value to units. REQUIRES: Fits(cell)
  int64_t PowerFor(const Cell& cell) const {
    return cell.kind == Kind::kInt ? power_
                                   : static_cast<int64_t>(PowerOfTen(decimals_ - cell.scale));
  }
  // What brings the column's values to units. REQUIRES: AllFit(column)
  int64_t PowerFor(const Column& column) const {
    const bool integers = (column.kinds & KindBit(Kind::kDecimal)) == 0;
    return static_cast<int64_t>(PowerOfTen(decimals_ - (integers ? 0 : column.scale)));
  }
  static void AddTimes(int64_t value, int64_t power, ExactSum* sum, Arena* arena) {
    int64_t units;
    if (!__builtin_mul_overflow(value, power, &units)) [[likely]] {
      sum->AddInt(units, arena);
    } else {
      const Int128 wide = Int128{value} * power;
      sum->AddScaled(Magnitude(wide), 0, wide < 0, arena);
    }
  }
  // REQUIRES: AllFit(column)
  void AddNarrow(const Column& column, const LiftInput& input, const StateSpan& states) const {
    const int64_t power = PowerFor(column);
    ForEachCell(column, input.rows, [&](uint32_t row, const Cell& cell) {
      if (cell.is_null()) return;
      AddTimes(cell.i, power, reinterpret_cast<ExactSum*>(states.at(input.groups[row])),
               states.arena);
    });
  }
  // REQUIRES: AllFit(column)
  void AddRunsOfNarrow(const Column& column, const LiftInput& input,
                       const StateSpan& states) const {
    const int64_t power = PowerFor(column);
    for (const GroupRun& run : input.runs) {
      auto& sum = *reinterpret_cast<ExactSum*>(states.at(run.group));
      const std::span<const uint32_t> rows = input.RowsOf(run);
      Int128 digits = 0;
      ForEachCell(column, rows,
                  [&](uint32_t, const Cell& cell) { digits += cell.is_null() ? 0 : cell.i; });
      Int128 units;
      if (!__builtin_mul_overflow(digits, Int128{power}, &units)) [[likely]] {
        sum.AddScaled(Magnitude(units), 0, units < 0, states.arena);
        continue;
      }
      ForEachCell(column, rows, [&](uint32_t, const Cell& cell) {
        if (!cell.is_null()) AddTimes(cell.i, power, &sum, states.arena);
      });
    }
  }

  bool ToUnits(const Cell& cell, Int128* units) const {
    if (cell.kind == Kind::kInt) {
      *units = Int128{cell.i} * power_;
      return true;
    }
    Decimal value;
    return ToDecimal(cell, &value) && Rescale(value.unscaled, value.scale, decimals_, units);
  }

  const int decimals_;
  const int64_t power_;  // 10^decimals
};

Result<std::unique_ptr<Monoid>> MakeSum(const MonoidParams& params) {
  if (params.find("decimal") == params.end()) return std::make_unique<Sum>();
  MURMUR_ASSIGN(const int64_t decimals, IntParameter(params, "decimal", {0, kDecimalsMax}, {}));
  return std::make_unique<DecimalSum>(static_cast<int>(decimals));
}

}  // namespace

MonoidFunction SumFunction() {
  return {.name = "sum",
          .parameters = {"decimal"},
          .usage = "sum(x) or sum(x, decimal=2)",
          .description =
              "The exact sum; with decimal=N, of decimals with up to N digits after "
              "the point.",
          .make = MakeSum};
}

}  // namespace murmur
