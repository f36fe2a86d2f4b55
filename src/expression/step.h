// One operation of an expression over the rows of a batch. Steps form the tree that an Evaluator
// runs from its leaves to its root.
//
// A step treats each row alone, by the kinds of the row's values. Nearly every batch has one kind
// per column; loops for that kind only make it faster.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/decimal.h"
#include "base/zone.h"
#include "expression/expression.h"
#include "expression/syntax.h"
#include "murmur/arena.h"
#include "murmur/record.h"

namespace murmur::expression {

// The rows of one batch for which the expression has failed. A row keeps its first failure.
class Failures {
 public:
  // The details begin with `expression`.
  explicit Failures(std::string expression) : expression_(std::move(expression)) {}

  void Start(uint32_t rows, std::vector<EvaluationError>* errors) {
    failed_.assign(rows, false);
    errors_ = errors;
    any_ = false;
  }
  bool any() const noexcept { return any_; }
  bool Has(uint32_t row) const { return failed_[row]; }
  void Add(uint32_t row, DeadReason reason, std::string_view what);
  // Adds the failure of another row of the same expression.
  void Repeat(uint32_t row, const EvaluationError& error);
  const std::string& expression() const noexcept { return expression_; }

 private:
  std::string expression_;
  std::vector<bool> failed_;
  std::vector<EvaluationError>* errors_ = nullptr;
  bool any_ = false;
};

struct Frame {
  RecordBatch& batch;
  Failures& failures;
  Column* field = nullptr;  // stands for every field; null: fields are the batch's columns

  Column& Field(size_t column) const { return field != nullptr ? *field : batch.columns[column]; }
};

// What is no boolean is kUnknown.
inline Truth TruthOf(const Cell& cell) {
  if (cell.kind != Kind::kBool) return Truth::kUnknown;
  return cell.i != 0 ? Truth::kYes : Truth::kNo;
}

class Step {
 public:
  Step() = default;
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
  virtual ~Step() = default;

  // The value of each row: plain cells, valid until the next call. A row that fails is null.
  virtual const Column& Run(Frame& frame) = 0;
  // The value of each row as a condition: null, or a failure, is kUnknown. A value that is neither
  // true nor false is a failure of `function`, which asks.
  virtual void RunTruths(Frame& frame, std::string_view function, Truth* truths);
  // Whether every value is true, false or null.
  virtual bool is_condition() const noexcept { return false; }
};
using StepPtr = std::unique_ptr<Step>;
using Steps = std::vector<StepPtr>;

// A step that fills a column of its own.
class ColumnStep : public Step {
 public:
  const Column& Run(Frame& frame) final {
    out_.kinds = 0;
    out_.scale = Column::kMixedScale;
    frame_ = &frame;
    Fill(frame);
    return out_;
  }

 protected:
  // Puts a value for each row of the batch.
  virtual void Fill(Frame& frame) = 0;

  void Put(uint32_t row, const Cell& cell) {
    out_.cells[row] = cell;
    out_.kinds |= KindBit(cell.kind);
  }
  void PutDecimal(uint32_t row, const Decimal& value);
  void Copy(const Column& column, uint32_t rows) {
    std::copy_n(column.cells.begin(), rows, out_.cells.begin());
    out_.kinds = column.kinds;
    out_.scale = column.scale;
  }
  void PutNull(uint32_t row) { Put(row, Cell()); }
  void Fail(uint32_t row, DeadReason reason, std::string_view what) {
    frame_->failures.Add(row, reason, what);
    PutNull(row);
  }
  void FailType(uint32_t row, std::string_view what) { Fail(row, DeadReason::kWrongType, what); }

  Column out_;

 private:
  std::vector<Int128> wide_;  // decimals beyond 64 bits; made when first needed
  Frame* frame_ = nullptr;
};

// A step that is true, false or null. One byte a row, until somebody asks for cells.
class TruthStep : public Step {
 public:
  const Column& Run(Frame& frame) final;
  void RunTruths(Frame& frame, std::string_view /*function*/, Truth* truths) final {
    Fill(frame, truths);
  }
  bool is_condition() const noexcept final { return true; }

 protected:
  virtual void Fill(Frame& frame, Truth* truths) = 0;

 private:
  std::array<Truth, kBatchRows> truths_;
  Column out_;
};

// An expression over one field. Where that is dictionary-coded, it is computed once for each entry
// of the dictionary rather than for each row.
class DictionaryStep final : public Step {
 public:
  // `of_values` computes it from the field's values.
  DictionaryStep(size_t column, StepPtr of_values);
  const Column& Run(Frame& frame) override;
  void RunTruths(Frame& frame, std::string_view function, Truth* truths) override;
  bool is_condition() const noexcept override { return of_values_->is_condition(); }
  // Fills *out, dictionary-coded as the field is. False: it can't; Run can.
  bool RunCoded(Frame& frame, Column* out);

 private:
  const Column* Coded(Frame& frame);
  void ComputeEntries(const Column& field, uint32_t begin, const std::string& expression);
  void AddKnown(uint32_t begin, const Column& field, const Column& chunk, size_t failed_before);
  KindSet KindsFor(const Column& field) const noexcept;

  const size_t column_;
  const StepPtr of_values_;
  Column out_;
  uint64_t id_ = 0;  // of the dictionary whose entries are computed; 0: none
  std::vector<Cell> results_;
  std::vector<Truth> truths_;  // of results_; empty: one is no truth, or has failed
  std::vector<EvaluationError> errors_;
  std::vector<uint32_t>
      failed_;              // per entry: the number of its error from 1 on; empty: none failed
  KindSet kinds_ = 0;       // of results_ of values
  KindSet null_kinds_ = 0;  // of results_ of null
  uint8_t scale_ = Column::kMixedScale;
  Arena arena_;  // of what results_ point to
  Column entries_;
  RecordBatch chunk_;
  Failures entry_failures_;
};

// The scale of a column of integers, or of decimals of one scale in 64 bits; nulls may be among
// them. Empty: it is not such a column.
inline std::optional<int> NarrowScale(const Column& column) {
  const KindSet kinds = column.kinds & ~KindBit(Kind::kNull);
  if (kinds == KindBit(Kind::kInt)) return 0;
  if (kinds != KindBit(Kind::kDecimal) || column.scale == Column::kMixedScale) return {};
  return column.scale;
}
// What brings digits of scale `from` to scale `to`, which is not smaller; 0: 64 bits can't hold it.
inline int64_t NarrowPower(int from, int to) {
  constexpr int kDigitsMax = 18;
  return to - from > kDigitsMax ? 0 : static_cast<int64_t>(PowerOfTen(to - from));
}

inline bool IsNumber(Kind kind) { return (KindBit(kind) & kNumberKinds) != 0; }

// The order of the fold's comparisons: decimals and integers exactly; with a double, as doubles.
// REQUIRES: both are numbers, and neither is NaN
int CompareNumbers(const Cell& a, const Cell& b);

// Each makes the step of a call; `args` are the steps of its arguments, null for literals that
// belong to the function: a type, a number of digits.
StepPtr MakeFieldStep(size_t column, Numbers numbers);
StepPtr MakeLiteralStep(const Literal& literal, Numbers numbers);
StepPtr MakeArithmeticStep(const Node& node, Steps args);      // + - * / %
StepPtr MakeUnaryNumberStep(const Node& node, Steps args);     // neg abs sign floor ceil round
StepPtr MakeDoubleFunctionStep(const Node& node, Steps args);  // sqrt exp ln log10 log2 power
StepPtr MakeDecimalCastStep(const Node& node, Steps args);     // cast(x as decimal(n))
StepPtr MakeToDoubleStep(Steps args);                   // numbers as doubles, others unchanged
StepPtr MakeCompareStep(const Node& node, Steps args);  // = != < <= > >=
StepPtr MakeInStep(const Node& node, Steps args);
StepPtr MakeLogicStep(const Node& node, Steps args);   // and or not "is null"
StepPtr MakeChoiceStep(const Node& node, Steps args);  // if coalesce
StepPtr MakeToTimeStep(Steps args);                    // text as time, others unchanged
StepPtr MakeToTimeTextStep(Steps args);                // times as text, others unchanged
bool IsTimePart(std::string_view function);
// The zone that a call names, if its function has one; null: none.
const std::string* ZoneOf(const Node& call);
// year, month, …, date, as the clocks in `zone` show them; null: in UTC.
StepPtr MakeTimePartStep(const Node& node, Steps args, std::shared_ptr<const Zone> zone);

// A step that Arrow computes: a function of this project with Arrow's name, or one of Arrow's own.
StepPtr MakeArrowStep(const Node& node, Steps args);

}  // namespace murmur::expression
