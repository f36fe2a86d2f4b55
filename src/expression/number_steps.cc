// Numbers. Integers are checked, decimals exact, doubles IEEE 754. The kind of a number depends on
// how its field or literal is read (Numbers), never on other rows.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/shown.h"
#include "expression/step.h"

namespace murmur::expression {
namespace {

constexpr std::string_view kTooManyDigits = "the result has more than 38 digits";

std::string Takes(std::string_view function, const Cell& found) {
  return fmt::format("'{}' takes a number, found {}", function, KindName(found.kind));
}

// The operands of each row; handles nulls and values that are not numbers.
class NumberStep : public ColumnStep {
 public:
  NumberStep(const Node& node, Steps args)
      : function_(node.function), numbers_(node.numbers), args_(std::move(args)) {}

 protected:
  // False: a value is null or not a number, and the row already has its result.
  bool TakesNumbers(uint32_t row, const Cell& a, const Cell& b) {
    for (const Cell* cell : {&a, &b}) {
      if (cell->is_null() || IsNumber(cell->kind)) continue;
      FailType(row, Takes(function_, *cell));
      return false;
    }
    if (!a.is_null() && !b.is_null()) return true;
    PutNull(row);
    return false;
  }
  void PutResult(uint32_t row, const DecimalResult& result) {
    if (result.fits) return PutDecimal(row, result.value);
    if (numbers_ == Numbers::kDecimal) {
      return Fail(row, DeadReason::kNumberOverflow, kTooManyDigits);
    }
    Put(row, Cell::Double(result.nearest));
  }
  void FailOverflow(uint32_t row) {
    Fail(row, DeadReason::kNumberOverflow, "the result is outside the range of 64-bit integers");
  }
  bool exact() const { return numbers_ != Numbers::kNearest; }

  const std::string function_;
  const Numbers numbers_;
  const Steps args_;
};

class ArithmeticStep final : public NumberStep {
 public:
  ArithmeticStep(const Node& node, Steps args)
      : NumberStep(node, std::move(args)), symbol_(node.function[0]) {}

 private:
  void Fill(Frame& frame) override {
    const Column& left = args_[0]->Run(frame);
    const Column& right = args_[1]->Run(frame);
    if (FillNarrow(frame.batch.rows, left, right)) return;
    if (AreDecimals(left, right)) {
      if (symbol_ == '*') return FillMixed<'*'>(frame, left, right);
      if (symbol_ == '+') return FillMixed<'+'>(frame, left, right);
      if (symbol_ == '-') return FillMixed<'-'>(frame, left, right);
    }
    for (uint32_t row = 0; row < frame.batch.rows; ++row) {
      FillRow(row, left.cells[row], right.cells[row]);
    }
  }

  // Decimals, and integers beside them.
  static bool AreDecimals(const Column& left, const Column& right) {
    const KindSet kinds = left.kinds | right.kinds;
    return (kinds & KindBit(Kind::kDecimal)) != 0 &&
           (kinds & ~(KindBit(Kind::kDecimal) | KindBit(Kind::kInt) | KindBit(Kind::kNull))) == 0;
  }

  // Decimals of several scales, as JSON's numbers are. In 64 bits where they hold the result.
  template <char symbol>
  void FillMixed(Frame& frame, const Column& left, const Column& right) {
    for (uint32_t row = 0; row < frame.batch.rows; ++row) {
      const Cell& a = left.cells[row];
      const Cell& b = right.cells[row];
      const bool of_decimals =
          !a.is_null() && !b.is_null() && (a.kind == Kind::kDecimal || b.kind == Kind::kDecimal);
      Cell* const out = &out_.cells[row];
      if (!of_decimals || !OfNarrow<symbol>(a, b, out)) FillRow(row, a, b);
    }
    out_.kinds |= KindBit(Kind::kDecimal);
  }

  void FillRow(uint32_t row, const Cell& a, const Cell& b) {
    if (!TakesNumbers(row, a, b)) return;
    if (symbol_ == '/') {
      Put(row, Cell::Double(ToDouble(a) / ToDouble(b)));
    } else if (a.kind == Kind::kDouble || b.kind == Kind::kDouble) {
      Put(row, Cell::Double(OfDoubles(ToDouble(a), ToDouble(b))));
    } else if (a.kind == Kind::kInt && b.kind == Kind::kInt) {
      OfIntegers(row, a.i, b.i);
    } else {
      OfDecimals(row, a, b);
    }
  }

  // False: 64 bits don't hold the result.
  template <char symbol>
  static bool OfNarrow(const Cell& a, const Cell& b, Cell* out) {
    if (((a.flags | b.flags) & Cell::kWide) != 0) return false;
    int64_t x = a.i;
    int64_t y = b.i;
    bool overflow = false;
    int scale = a.scale + b.scale;
    if constexpr (symbol == '*') {
      overflow = (scale > kDecimalDigitsMax) | __builtin_mul_overflow(x, y, &x);
    } else {
      scale = std::max(a.scale, b.scale);
      const int64_t up_a = NarrowPower(a.scale, scale);
      const int64_t up_b = NarrowPower(b.scale, scale);
      overflow =
          (up_a == 0) | (up_b == 0) | __builtin_mul_overflow(x, up_a, &x) |
          __builtin_mul_overflow(y, up_b, &y) |
          (symbol == '+' ? __builtin_add_overflow(x, y, &x) : __builtin_sub_overflow(x, y, &x));
    }
    *out = Cell::SmallDecimal(x, static_cast<uint8_t>(scale));
    return !overflow;
  }

  // Integers and decimals of one scale a column, in 64 bits. False: these are other columns.
  bool FillNarrow(uint32_t rows, const Column& left, const Column& right) {
    const auto a = NarrowScale(left);
    const auto b = NarrowScale(right);
    if (!a || !b) return false;
    const int scale = std::max(*a, *b);
    switch (symbol_) {
      case '+':
      case '-': {
        const int64_t up_a = NarrowPower(*a, scale);
        const int64_t up_b = NarrowPower(*b, scale);
        if (up_a == 0 || up_b == 0) return false;
        FillNarrow(
            rows, left, right, scale, [=, add = symbol_ == '+'](int64_t x, int64_t y, auto z) {
              const bool overflow =
                  __builtin_mul_overflow(x, up_a, &x) | __builtin_mul_overflow(y, up_b, &y);
              return overflow |
                     (add ? __builtin_add_overflow(x, y, z) : __builtin_sub_overflow(x, y, z));
            });
        return true;
      }
      case '*':
        if (*a + *b > kDecimalDigitsMax) return false;
        FillNarrow(rows, left, right, *a + *b,
                   [](int64_t x, int64_t y, auto z) { return __builtin_mul_overflow(x, y, z); });
        return true;
      default: return false;
    }
  }
  // `of(x, y, &z)` is true where 64 bits can't hold the result.
  template <class Of>
  void FillNarrow(uint32_t rows, const Column& left, const Column& right, int scale, const Of& of) {
    const KindSet kinds = left.kinds | right.kinds;
    const bool integers = (kinds & KindBit(Kind::kDecimal)) == 0;
    const Cell made = integers ? Cell::Int(0) : Cell::SmallDecimal(0, static_cast<uint8_t>(scale));
    bool all = true;
    for (uint32_t row = 0; row < rows; ++row) {
      const Cell& a = left.cells[row];
      const Cell& b = right.cells[row];
      int64_t result;
      if (a.is_null() || b.is_null()) {
        PutNull(row);
      } else if (of(a.i, b.i, &result)) {
        FillRow(row, a, b);
        all = false;
      } else {
        out_.cells[row] = made;
        out_.cells[row].i = result;
      }
    }
    out_.kinds |= KindBit(made.kind);
    if (all && !integers) out_.scale = made.scale;
  }

  double OfDoubles(double a, double b) const {
    switch (symbol_) {
      case '+': return a + b;
      case '-': return a - b;
      case '*': return a * b;
      default: return std::fmod(a, b);
    }
  }

  void OfIntegers(uint32_t row, int64_t a, int64_t b) {
    int64_t result = 0;
    bool overflow = false;
    switch (symbol_) {
      case '+': overflow = __builtin_add_overflow(a, b, &result); break;
      case '-': overflow = __builtin_sub_overflow(a, b, &result); break;
      case '*': overflow = __builtin_mul_overflow(a, b, &result); break;
      default:
        if (b == 0) return FailByZero(row);
        result = b == -1 ? 0 : a % b;
    }
    if (!overflow) return Put(row, Cell::Int(result));
    if (!exact()) return FailOverflow(row);
    OfDecimals(row, Cell::Int(a), Cell::Int(b));
  }

  void OfDecimals(uint32_t row, const Cell& left, const Cell& right) {
    Decimal a;
    Decimal b;
    ToDecimal(left, &a);
    ToDecimal(right, &b);
    if (symbol_ == '%') {
      return b.unscaled == 0 ? FailByZero(row) : PutDecimal(row, RemainderOfDecimals(a, b));
    }
    if (symbol_ == '*') return PutResult(row, MultiplyDecimals(a, b));
    if (symbol_ == '-') b.unscaled = -b.unscaled;
    PutResult(row, AddDecimals(a, b));
  }

  void FailByZero(uint32_t row) { Fail(row, DeadReason::kExpression, "a remainder of 0"); }

  const char symbol_;
};

// neg, abs, sign, floor, ceil, round.
class UnaryNumberStep final : public NumberStep {
 public:
  UnaryNumberStep(const Node& node, Steps args)
      : NumberStep(node, std::move(args)), operation_(OperationOf(node.function)) {
    if (node.args.size() > 1) digits_ = std::get<int64_t>(node.args[1].literal);
  }

 private:
  enum class Operation { kNegate, kAbs, kSign, kFloor, kCeil, kRound };

  static Operation OperationOf(std::string_view function) {
    if (function == "neg") return Operation::kNegate;
    if (function == "abs") return Operation::kAbs;
    if (function == "sign") return Operation::kSign;
    if (function == "floor") return Operation::kFloor;
    return function == "ceil" ? Operation::kCeil : Operation::kRound;
  }

  void Fill(Frame& frame) override {
    const Column& column = args_[0]->Run(frame);
    for (uint32_t row = 0; row < frame.batch.rows; ++row) {
      const Cell& cell = column.cells[row];
      if (!TakesNumbers(row, cell, cell)) continue;
      switch (cell.kind) {
        case Kind::kInt: OfInteger(row, cell.i); break;
        case Kind::kDouble: OfDouble(row, cell.d); break;
        default: OfDecimal(row, {cell.decimal(), cell.scale});
      }
    }
  }

  void OfInteger(uint32_t row, int64_t v) {
    const bool least = v == INT64_MIN;
    switch (operation_) {
      case Operation::kNegate:
      case Operation::kAbs:
        if (least) return exact() ? PutDecimal(row, {-Int128{v}, 0}) : FailOverflow(row);
        return Put(row, Cell::Int(operation_ == Operation::kAbs && v > 0 ? v : -v));
      case Operation::kSign: return Put(row, Cell::Int((v > 0) - (v < 0)));
      case Operation::kFloor:
      case Operation::kCeil:
        return Put(row, exact() ? Cell::Int(v) : Cell::Double(static_cast<double>(v)));
      case Operation::kRound: break;
    }
    Decimal rounded;
    if (!RoundDecimal({v, 0}, digits_, Rounding::kHalfAwayFromZero, &rounded)) {
      return FailOverflow(row);
    }
    if (FitsInt64(rounded.unscaled)) {
      return Put(row, Cell::Int(static_cast<int64_t>(rounded.unscaled)));
    }
    return exact() ? PutDecimal(row, rounded) : FailOverflow(row);
  }

  void OfDouble(uint32_t row, double v) {
    switch (operation_) {
      case Operation::kNegate: return Put(row, Cell::Double(-v));
      case Operation::kAbs: return Put(row, Cell::Double(std::fabs(v)));
      case Operation::kSign: return Put(row, Cell::Double(v > 0 ? 1 : v < 0 ? -1 : v));
      case Operation::kFloor: return Put(row, Cell::Double(std::floor(v)));
      case Operation::kCeil: return Put(row, Cell::Double(std::ceil(v)));
      case Operation::kRound: break;
    }
    // A number that no decimal holds has no digits there to round, or is infinite.
    Decimal shortest;
    if (!ShortestDecimal(v, &shortest)) return Put(row, RoundFar(v));
    Decimal rounded;
    if (!RoundDecimal(shortest, digits_, Rounding::kHalfAwayFromZero, &rounded)) {
      return Put(row, RoundFar(v));
    }
    if (exact()) return PutDecimal(row, rounded);
    const double nearest = NearestDouble(rounded.unscaled, rounded.scale);
    Put(row, Cell::Double(std::copysign(nearest, v)));
  }

  // A double of more than 38 digits before or after the point, rounded.
  Cell RoundFar(double v) const {
    if (!std::isfinite(v) || std::fabs(v) < 1) {
      return Cell::Double(std::isfinite(v) && digits_ <= kDecimalDigitsMax ? std::copysign(0, v)
                                                                           : v);
    }
    if (digits_ >= 0) return Cell::Double(v);
    const double power = std::pow(10, static_cast<double>(-digits_));
    return Cell::Double(std::isfinite(power) ? std::round(v / power) * power : std::copysign(0, v));
  }

  void OfDecimal(uint32_t row, const Decimal& v) {
    Decimal out = v;
    switch (operation_) {
      case Operation::kNegate: out.unscaled = -v.unscaled; return PutDecimal(row, out);
      case Operation::kAbs:
        out.unscaled = v.unscaled < 0 ? -v.unscaled : v.unscaled;
        return PutDecimal(row, out);
      case Operation::kSign: return Put(row, Cell::Int((v.unscaled > 0) - (v.unscaled < 0)));
      case Operation::kFloor: return PutRounded(row, v, 0, Rounding::kFloor);
      case Operation::kCeil: return PutRounded(row, v, 0, Rounding::kCeiling);
      case Operation::kRound: return PutRounded(row, v, digits_, Rounding::kHalfAwayFromZero);
    }
  }
  void PutRounded(uint32_t row, const Decimal& v, int64_t digits, Rounding rounding) {
    Decimal out;
    if (RoundDecimal(v, digits, rounding, &out)) return PutDecimal(row, out);
    Fail(row, DeadReason::kNumberOverflow, kTooManyDigits);
  }

  const Operation operation_;
  int64_t digits_ = 0;  // of round
};

// sqrt, exp, ln, log10, log2, power: of the nearest doubles.
class DoubleFunctionStep final : public NumberStep {
 public:
  using NumberStep::NumberStep;

 private:
  void Fill(Frame& frame) override {
    const Column& first = args_[0]->Run(frame);
    const Column& second = args_.size() > 1 ? args_[1]->Run(frame) : first;
    for (uint32_t row = 0; row < frame.batch.rows; ++row) {
      const Cell& a = first.cells[row];
      const Cell& b = second.cells[row];
      if (TakesNumbers(row, a, b)) Put(row, Cell::Double(Of(ToDouble(a), ToDouble(b))));
    }
  }
  double Of(double x, double y) const {
    if (function_ == "sqrt") return std::sqrt(x);
    if (function_ == "exp") return std::exp(x);
    if (function_ == "ln") return std::log(x);
    if (function_ == "log10") return std::log10(x);
    return function_ == "log2" ? std::log2(x) : std::pow(x, y);
  }
};

// cast(x as decimal(n)): a number rounded half away from zero; a text that has no more decimals.
class DecimalCastStep final : public ColumnStep {
 public:
  DecimalCastStep(const std::string& type, Steps args)
      : args_(std::move(args)), scale_(std::stoi(type.substr(type.find('(') + 1))) {}

 private:
  void Fill(Frame& frame) override {
    const Column& column = args_[0]->Run(frame);
    for (uint32_t row = 0; row < frame.batch.rows; ++row) {
      const Cell& cell = column.cells[row];
      Decimal value;
      switch (cell.kind) {
        case Kind::kNull: PutNull(row); break;
        case Kind::kInt:
        case Kind::kDecimal:
          ToDecimal(cell, &value);
          PutScaled(row, value);
          break;
        case Kind::kDouble:
          if (ShortestDecimal(cell.d, &value)) {
            PutScaled(row, value);
          } else {
            Fail(row, DeadReason::kNumberOverflow, fmt::format("{} is no decimal", cell.d));
          }
          break;
        case Kind::kString: OfText(row, cell.text()); break;
        default: FailType(row, fmt::format("{} can't be cast to a decimal", KindName(cell.kind)));
      }
    }
  }

  void PutScaled(uint32_t row, Decimal value) {
    Decimal out;
    if (RoundDecimal(value, scale_, Rounding::kHalfAwayFromZero, &out) &&
        Rescale(out.unscaled, out.scale, scale_, &out.unscaled)) {
      return PutDecimal(row, {out.unscaled, scale_});
    }
    Fail(row, DeadReason::kNumberOverflow, kTooManyDigits);
  }
  void OfText(uint32_t row, std::string_view text) {
    Decimal value;
    if (text.starts_with('+')) text.remove_prefix(1);
    if (!ParseDecimal(text, &value.unscaled, &value.scale)) {
      return Fail(row, DeadReason::kExpression, fmt::format("'{}' is no decimal", text));
    }
    if (!Rescale(value.unscaled, value.scale, scale_, &value.unscaled)) {
      return Fail(
          row, DeadReason::kExpression,
          fmt::format("'{}' has more than {}, or more than {} digits", text,
                      Counted(static_cast<uint64_t>(scale_), "decimal"), kDecimalDigitsMax));
    }
    PutDecimal(row, {value.unscaled, scale_});
  }

  const Steps args_;
  const int scale_;
};

class ToDoubleStep final : public ColumnStep {
 public:
  explicit ToDoubleStep(Steps args) : args_(std::move(args)) {}

 private:
  void Fill(Frame& frame) override {
    const Column& column = args_[0]->Run(frame);
    for (uint32_t row = 0; row < frame.batch.rows; ++row) {
      const Cell& cell = column.cells[row];
      Put(row, IsNumber(cell.kind) ? Cell::Double(ToDouble(cell)) : cell);
    }
  }
  const Steps args_;
};

}  // namespace

StepPtr MakeArithmeticStep(const Node& node, Steps args) {
  return std::make_unique<ArithmeticStep>(node, std::move(args));
}
StepPtr MakeUnaryNumberStep(const Node& node, Steps args) {
  return std::make_unique<UnaryNumberStep>(node, std::move(args));
}
StepPtr MakeDoubleFunctionStep(const Node& node, Steps args) {
  return std::make_unique<DoubleFunctionStep>(node, std::move(args));
}
StepPtr MakeDecimalCastStep(const Node& node, Steps args) {
  return std::make_unique<DecimalCastStep>(std::get<std::string>(node.args[1].literal),
                                           std::move(args));
}
StepPtr MakeToDoubleStep(Steps args) { return std::make_unique<ToDoubleStep>(std::move(args)); }

}  // namespace murmur::expression
