#include "expression/step.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/shown.h"

namespace murmur::expression {
namespace {

constexpr size_t kDetailBytesMax = 500;  // of one failure

class FieldStep final : public Step {
 public:
  explicit FieldStep(size_t column) : column_(column) {}
  const Column& Run(Frame& frame) override {
    Column& column = frame.Field(column_);
    column.Materialize(frame.batch.rows);
    return column;
  }

 private:
  const size_t column_;
};

// A field in a sum of decimals: a binary double is its shortest text.
class DecimalFieldStep final : public ColumnStep {
 public:
  explicit DecimalFieldStep(size_t column) : column_(column) {}

 private:
  void Fill(Frame& frame) override {
    Column& column = frame.Field(column_);
    column.Materialize(frame.batch.rows);
    if ((column.kinds & KindBit(Kind::kDouble)) == 0) return Copy(column, frame.batch.rows);
    for (uint32_t row = 0; row < frame.batch.rows; ++row) {
      const Cell& cell = column.cells[row];
      Decimal decimal;
      if (cell.kind != Kind::kDouble || !std::isfinite(cell.d)) {
        Put(row, cell);
      } else if (ToDecimal(cell, &decimal)) {
        PutDecimal(row, decimal);
      } else {
        Fail(row, DeadReason::kNumberOverflow,
             fmt::format("a number of more than {} digits", kDecimalDigitsMax));
      }
    }
  }

  const size_t column_;
};

class LiteralStep final : public Step {
 public:
  explicit LiteralStep(const Literal& literal, Numbers numbers) : literal_(literal) {
    std::fill(column_.cells.begin(), column_.cells.end(), MakeCell(numbers));
    column_.SetTypeFromCells(1);
  }
  const Column& Run(Frame& /*frame*/) override { return column_; }

 private:
  Cell MakeCell(Numbers numbers) {
    if (const auto* b = std::get_if<bool>(&literal_)) return Cell::Bool(*b);
    if (const auto* i = std::get_if<int64_t>(&literal_)) return Cell::Int(*i);
    if (const auto* s = std::get_if<std::string>(&literal_)) return Cell::String(*s);
    const auto* fraction = std::get_if<Fraction>(&literal_);
    if (fraction == nullptr) return Cell();
    if (numbers == Numbers::kNearest || !fraction->decimal) return Cell::Double(fraction->nearest);
    wide_ = fraction->decimal->unscaled;
    if (FitsInt64(wide_)) {
      return Cell::SmallDecimal(static_cast<int64_t>(wide_),
                                static_cast<uint8_t>(fraction->decimal->scale));
    }
    return Cell::Decimal(&wide_, static_cast<uint8_t>(fraction->decimal->scale));
  }

  const Literal literal_;  // owns the text
  Int128 wide_ = 0;
  Column column_;
};

}  // namespace

void Failures::Add(uint32_t row, DeadReason reason, std::string_view what) {
  if (failed_[row]) return;
  failed_[row] = true;
  any_ = true;
  errors_->push_back({row, reason,
                      fmt::format("{}: {}", CutAtCharacter(expression_, kDetailBytesMax / 2),
                                  CutAtCharacter(what, kDetailBytesMax / 2))});
}

void Failures::Repeat(uint32_t row, const EvaluationError& error) {
  if (failed_[row]) return;
  failed_[row] = true;
  any_ = true;
  errors_->push_back({row, error.reason, error.detail});
}

void ColumnStep::PutDecimal(uint32_t row, const Decimal& value) {
  const auto scale = static_cast<uint8_t>(value.scale);
  if (FitsInt64(value.unscaled)) {
    return Put(row, Cell::SmallDecimal(static_cast<int64_t>(value.unscaled), scale));
  }
  if (wide_.empty()) wide_.resize(kBatchRows);
  wide_[row] = value.unscaled;
  Put(row, Cell::Decimal(&wide_[row], scale));
}

void Step::RunTruths(Frame& frame, std::string_view function, Truth* truths) {
  const Column& column = Run(frame);
  for (uint32_t row = 0; row < frame.batch.rows; ++row) {
    const Cell& cell = column.cells[row];
    truths[row] = TruthOf(cell);
    if (cell.kind == Kind::kBool || cell.is_null()) continue;
    frame.failures.Add(
        row, DeadReason::kWrongType,
        fmt::format("'{}' takes true or false, found {}", function, KindName(cell.kind)));
  }
}

const Column& TruthStep::Run(Frame& frame) {
  Fill(frame, truths_.data());
  bool any_unknown = false;
  for (uint32_t row = 0; row < frame.batch.rows; ++row) {
    const Truth truth = truths_[row];
    any_unknown |= truth == Truth::kUnknown;
    out_.cells[row] = truth == Truth::kUnknown ? Cell() : Cell::Bool(truth == Truth::kYes);
  }
  out_.kinds = KindBit(Kind::kBool) | (any_unknown ? KindBit(Kind::kNull) : 0);
  return out_;
}

int CompareNumbers(const Cell& a, const Cell& b) {
  if (a.kind == Kind::kInt && b.kind == Kind::kInt) return (a.i > b.i) - (a.i < b.i);
  if (a.kind == Kind::kDouble || b.kind == Kind::kDouble) {
    const double x = ToDouble(a);
    const double y = ToDouble(b);
    return (x > y) - (x < y);
  }
  Decimal x;
  Decimal y;
  ToDecimal(a, &x);
  ToDecimal(b, &y);
  return CompareDecimals(x, y);
}

StepPtr MakeFieldStep(size_t column, Numbers numbers) {
  if (numbers == Numbers::kDecimal) return std::make_unique<DecimalFieldStep>(column);
  return std::make_unique<FieldStep>(column);
}

StepPtr MakeLiteralStep(const Literal& literal, Numbers numbers) {
  return std::make_unique<LiteralStep>(literal, numbers);
}

}  // namespace murmur::expression
