// Comparisons, logic of three values, and choices.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <unordered_set>

#include "base/time_text.h"
#include "expression/step.h"

namespace murmur::expression {
namespace {

bool IsText(const Cell& cell) { return cell.kind == Kind::kString; }
bool IsTime(const Cell& cell) { return cell.kind == Kind::kTime; }

// Whether values of two kinds can be compared: texts with times, and numbers with each other.
bool Mix(const Cell& a, const Cell& b) {
  if (a.kind == Kind::kJson || b.kind == Kind::kJson) return false;
  if (IsNumber(a.kind) || IsNumber(b.kind)) return IsNumber(a.kind) && IsNumber(b.kind);
  const bool times = (IsTime(a) || IsText(a)) && (IsTime(b) || IsText(b));
  return times || a.kind == b.kind;
}

std::string NoTime(std::string_view text) { return fmt::format("'{}' is no time", text); }

// Reads a text compared with a time. False: *cell is not a time.
bool ReadTime(TimeParser* parser, Cell* cell) {
  int64_t micros;
  if (!IsText(*cell)) return true;
  if (!parser->Parse(cell->text(), &micros)) return false;
  *cell = Cell::Time(micros);
  return true;
}

// How two values of one row compare, or why they can't.
class Comparer {
 public:
  enum class Outcome { kOrdered, kUnordered, kNull, kWrongTypes, kNoTime };

  // kOrdered: *order is negative, zero or positive. kUnordered: one is NaN.
  Outcome Compare(Cell a, Cell b, int* order) {
    if (a.is_null() || b.is_null()) return Outcome::kNull;
    if (!Mix(a, b)) return Outcome::kWrongTypes;
    if (IsNumber(a.kind)) {
      if (IsNan(a) || IsNan(b)) return Outcome::kUnordered;
      *order = CompareNumbers(a, b);
      return Outcome::kOrdered;
    }
    if (IsText(a) && IsText(b)) {
      *order = a.text().compare(b.text());
      return Outcome::kOrdered;
    }
    if (IsText(a) || IsText(b)) {
      wrong_text_ = IsText(a) ? a.text() : b.text();
      if (!ReadTime(&parser_, &a) || !ReadTime(&parser_, &b)) return Outcome::kNoTime;
    }
    *order = (a.i > b.i) - (a.i < b.i);
    return Outcome::kOrdered;
  }
  // The text of the last kNoTime.
  std::string_view wrong_text() const { return wrong_text_; }

 private:
  static bool IsNan(const Cell& cell) { return cell.kind == Kind::kDouble && cell.d != cell.d; }

  TimeParser parser_;
  std::string_view wrong_text_;
};

class ComparingStep : public TruthStep {
 protected:
  using Outcome = Comparer::Outcome;
  // Compares. A row that fails is kNull.
  Outcome Compare(Frame& frame, uint32_t row, const Cell& a, const Cell& b, int* order) {
    const Outcome outcome = comparer_.Compare(a, b, order);
    if (outcome == Outcome::kWrongTypes) {
      frame.failures.Add(
          row, DeadReason::kWrongType,
          fmt::format("can't compare {} and {}", KindName(a.kind), KindName(b.kind)));
      return Outcome::kNull;
    }
    if (outcome == Outcome::kNoTime) {
      frame.failures.Add(row, DeadReason::kExpression, NoTime(comparer_.wrong_text()));
      return Outcome::kNull;
    }
    return outcome;
  }
  static Truth Of(bool holds) { return holds ? Truth::kYes : Truth::kNo; }

 private:
  Comparer comparer_;
};

class CompareStep final : public ComparingStep {
 public:
  CompareStep(const Node& node, Steps args)
      : args_(std::move(args)),
        times_{TimesOf(node.args[0]), TimesOf(node.args[1])},
        right_stride_(node.args[1].type == NodeType::kLiteral ? 0 : 1),
        of_order_{Of(node.function[0] == '<' || node.function == "!="),
                  Of(node.function.ends_with('=') && node.function != "!="),
                  Of(node.function[0] == '>' || node.function == "!=")},
        unordered_(Of(node.function == "!=")) {}

 private:
  void Fill(Frame& frame, Truth* truths) override {
    const Column* left = &args_[0]->Run(frame);
    const Column* right = &args_[1]->Run(frame);
    if (times_[0] && HasOnly(*right, Kind::kTime)) left = times_[0].get();
    if (times_[1] && HasOnly(*left, Kind::kTime)) right = times_[1].get();
    if (FillTyped(frame.batch.rows, *left, *right, truths)) return;
    for (uint32_t row = 0; row < frame.batch.rows; ++row) {
      int order = 0;
      const Outcome outcome = Compare(frame, row, left->cells[row], right->cells[row], &order);
      truths[row] = outcome == Outcome::kNull        ? Truth::kUnknown
                    : outcome == Outcome::kUnordered ? unordered_
                                                     : OfOrder(order);
    }
  }

  // Columns of one kind each. False: these are others.
  bool FillTyped(uint32_t rows, const Column& left, const Column& right, Truth* truths) const {
    const auto fill = [&](const auto& of) {
      FillWhere(rows, left, right, of, truths);
      return true;
    };
    const auto integers = [this](const Cell& a, const Cell& b) {
      return OfOrder((a.i > b.i) - (a.i < b.i));
    };
    if (HasOnly(left, Kind::kTime) && HasOnly(right, Kind::kTime)) return fill(integers);
    if (HasOnly(left, Kind::kString) && HasOnly(right, Kind::kString)) {
      return fill(
          [this](const Cell& a, const Cell& b) { return OfOrder(a.text().compare(b.text())); });
    }
    if (HasOnly(left, Kind::kDouble) || HasOnly(right, Kind::kDouble)) {
      if (((left.kinds | right.kinds) & ~(kNumberKinds | KindBit(Kind::kNull))) != 0) return false;
      return fill([this](const Cell& a, const Cell& b) {
        const double x = ToDouble(a);
        const double y = ToDouble(b);
        return x != x || y != y ? unordered_ : OfOrder((x > y) - (x < y));
      });
    }
    const auto a = NarrowScale(left);
    const auto b = NarrowScale(right);
    if (!a || !b) {
      constexpr KindSet kExact = KindBit(Kind::kInt) | KindBit(Kind::kDecimal);
      if (((left.kinds | right.kinds) & ~(kExact | KindBit(Kind::kNull))) != 0) return false;
      return fill([this](const Cell& x, const Cell& y) { return OfOrder(CompareExact(x, y)); });
    }
    if (*a == *b) return fill(integers);
    const int64_t up_a = NarrowPower(*a, std::max(*a, *b));
    const int64_t up_b = NarrowPower(*b, std::max(*a, *b));
    if (up_a == 0 || up_b == 0) return false;
    return fill([this, up_a, up_b](const Cell& x, const Cell& y) {
      const Int128 p = Int128{x.i} * up_a;
      const Int128 q = Int128{y.i} * up_b;
      return OfOrder((p > q) - (p < q));
    });
  }
  // Integers and decimals.
  static int CompareExact(const Cell& x, const Cell& y) {
    const int64_t up_x = NarrowPower(x.scale, std::max(x.scale, y.scale));
    const int64_t up_y = NarrowPower(y.scale, std::max(x.scale, y.scale));
    const bool wide = ((x.flags | y.flags) & Cell::kWide) != 0;
    if (wide || up_x == 0 || up_y == 0) return CompareNumbers(x, y);
    const Int128 p = Int128{x.i} * up_x;
    const Int128 q = Int128{y.i} * up_y;
    return (p > q) - (p < q);
  }
  template <class Of>
  void FillWhere(uint32_t rows, const Column& left, const Column& right, const Of& of,
                 Truth* truths) const {
    const Cell* a = left.cells.data();
    const Cell* b = right.cells.data();
    const bool any_null = ((left.kinds | right.kinds) & KindBit(Kind::kNull)) != 0;
    for (uint32_t row = 0; row < rows; ++row, ++a, b += right_stride_) {
      const bool unknown = any_null && (a->is_null() || b->is_null());
      truths[row] = unknown ? Truth::kUnknown : of(*a, *b);
    }
  }
  static bool HasOnly(const Column& column, Kind kind) {
    return (column.kinds & ~KindBit(Kind::kNull)) == KindBit(kind);
  }
  // `order` is negative, zero or positive.
  Truth OfOrder(int order) const {
    return of_order_[static_cast<size_t>((order > 0) - (order < 0) + 1)];
  }

  // A text that is a time, as that time; null: it is something else.
  static std::unique_ptr<Column> TimesOf(const Node& node) {
    const auto* text = std::get_if<std::string>(&node.literal);
    int64_t micros;
    if (node.type != NodeType::kLiteral || text == nullptr || !TimeParser().Parse(*text, &micros)) {
      return nullptr;
    }
    auto column = std::make_unique<Column>();
    std::fill(column->cells.begin(), column->cells.end(), Cell::Time(micros));
    column->SetTypeFromCells(1);
    return column;
  }

  const Steps args_;
  const std::array<std::unique_ptr<Column>, 2> times_;  // of literals: what they are beside times
  const ptrdiff_t right_stride_;                        // 0: all rows have one value
  const std::array<Truth, 3> of_order_;                 // less, equal, greater
  const Truth unordered_;
};

// x in (a, b, …). A list of literals of one kind is looked up where x is of that kind.
class InStep final : public ComparingStep {
 public:
  InStep(const Node& node, Steps args) : args_(std::move(args)) {
    for (size_t i = 1; i < node.args.size(); ++i) {
      const Literal& literal = node.args[i].literal;
      if (node.args[i].type != NodeType::kLiteral) continue;
      if (const auto* text = std::get_if<std::string>(&literal)) texts_.insert(*text);
      if (const auto* integer = std::get_if<int64_t>(&literal)) integers_.insert(*integer);
      literals_ +=
          std::holds_alternative<std::string>(literal) || std::holds_alternative<int64_t>(literal)
              ? 1
              : 0;
    }
    const bool literals = literals_ + 1 == node.args.size();
    all_texts_ = literals && integers_.empty();
    all_integers_ = literals && texts_.empty();
  }

 private:
  void Fill(Frame& frame, Truth* truths) override {
    const Column& values = args_[0]->Run(frame);
    std::vector<const Column*> list;
    for (size_t i = 1; i < args_.size(); ++i) list.push_back(&args_[i]->Run(frame));
    for (uint32_t row = 0; row < frame.batch.rows; ++row) {
      const Cell& value = values.cells[row];
      if (value.is_null()) {
        truths[row] = Truth::kUnknown;
      } else if (all_texts_ && IsText(value)) {
        truths[row] = Of(texts_.contains(value.text()));
      } else if (all_integers_ && value.kind == Kind::kInt) {
        truths[row] = Of(integers_.contains(value.i));
      } else {
        truths[row] = Search(frame, row, value, list);
      }
    }
  }

  // All of the list is compared: one that can't be is a failure.
  Truth Search(Frame& frame, uint32_t row, const Cell& value,
               const std::vector<const Column*>& list) {
    Truth found = Truth::kNo;
    for (const Column* column : list) {
      int order = 0;
      const Outcome outcome = Compare(frame, row, value, column->cells[row], &order);
      const Truth equal = outcome == Outcome::kNull
                              ? Truth::kUnknown
                              : Of(outcome == Outcome::kOrdered && order == 0);
      found = std::max(found, equal);
    }
    return found;
  }

  const Steps args_;
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::unordered_set<std::string, TextHash, std::equal_to<>> texts_;
  std::unordered_set<int64_t> integers_;
  size_t literals_ = 0;
  bool all_texts_ = false;
  bool all_integers_ = false;
};

// and, or: for null and the deciding value, that value; else null.
class AndOrStep final : public TruthStep {
 public:
  AndOrStep(const Node& node, Steps args)
      : function_(node.function), is_or_(node.function == "or"), args_(std::move(args)) {}

 private:
  void Fill(Frame& frame, Truth* truths) override {
    args_[0]->RunTruths(frame, function_, truths);
    for (size_t i = 1; i < args_.size(); ++i) {
      args_[i]->RunTruths(frame, function_, other_.data());
      const uint32_t rows = frame.batch.rows;
      auto* const out = reinterpret_cast<uint8_t*>(truths);
      const auto* const in = reinterpret_cast<const uint8_t*>(other_.data());
      if (is_or_) {
        for (uint32_t row = 0; row < rows; ++row) out[row] = std::max(out[row], in[row]);
      } else {
        for (uint32_t row = 0; row < rows; ++row) out[row] = std::min(out[row], in[row]);
      }
    }
  }

  const std::string function_;
  const bool is_or_;
  const Steps args_;
  std::array<Truth, kBatchRows> other_;
};

class NotStep final : public TruthStep {
 public:
  explicit NotStep(Steps args) : args_(std::move(args)) {}

 private:
  void Fill(Frame& frame, Truth* truths) override {
    args_[0]->RunTruths(frame, "not", truths);
    for (uint32_t row = 0; row < frame.batch.rows; ++row) {
      truths[row] =
          static_cast<Truth>(static_cast<int>(Truth::kYes) - static_cast<int>(truths[row]));
    }
  }
  const Steps args_;
};

class IsNullStep final : public TruthStep {
 public:
  explicit IsNullStep(Steps args) : args_(std::move(args)) {}

 private:
  void Fill(Frame& frame, Truth* truths) override {
    const Column& column = args_[0]->Run(frame);
    for (uint32_t row = 0; row < frame.batch.rows; ++row) {
      truths[row] = column.cells[row].is_null() ? Truth::kYes : Truth::kNo;
    }
  }
  const Steps args_;
};

// if, coalesce: one of several values, in a kind that fits all of them.
class ChoiceStep final : public ColumnStep {
 public:
  ChoiceStep(const Node& node, Steps args)
      : function_(node.function),
        one_kind_(node.numbers != Numbers::kDecimal),
        args_(std::move(args)) {}

 private:
  void Fill(Frame& frame) override {
    std::vector<const Column*> columns;
    for (const StepPtr& arg : args_) columns.push_back(&arg->Run(frame));
    for (uint32_t row = 0; row < frame.batch.rows; ++row) Choose(row, columns);
  }

  void Choose(uint32_t row, const std::vector<const Column*>& columns) {
    size_t first = 0;
    if (function_ == "if") {
      const Cell& condition = columns[0]->cells[row];
      if (!condition.is_null() && condition.kind != Kind::kBool) {
        return FailType(
            row, fmt::format("'if' takes true or false, found {}", KindName(condition.kind)));
      }
      first = 1;
      if (!Unify(row, columns, first)) return;
      return Put(row, values_[!condition.is_null() && condition.i != 0 ? 0 : 1]);
    }
    if (!Unify(row, columns, first)) return;
    const auto found = std::find_if(values_.begin(), values_.end(),
                                    [](const Cell& cell) { return !cell.is_null(); });
    Put(row, found == values_.end() ? Cell() : *found);
  }

  // The row's values from column `first` on, converted to one kind. False: there is none.
  bool Unify(uint32_t row, const std::vector<const Column*>& columns, size_t first) {
    values_.clear();
    const Cell* typed = nullptr;
    bool any_time = false;
    bool any_double = false;
    for (size_t i = first; i < columns.size(); ++i) {
      const Cell& cell = columns[i]->cells[row];
      values_.push_back(cell);
      if (cell.is_null()) continue;
      if (typed == nullptr) typed = &cell;
      any_time = any_time || IsTime(cell);
      any_double = any_double || cell.kind == Kind::kDouble;
      if (Mix(*typed, cell)) continue;
      FailType(row, fmt::format("'{}' can't mix {} and {}", function_, KindName(typed->kind),
                                KindName(cell.kind)));
      return false;
    }
    for (Cell& cell : values_) {
      if (any_time && !ReadTime(&parser_, &cell)) {
        Fail(row, DeadReason::kExpression, NoTime(cell.text()));
        return false;
      }
      if (any_double && one_kind_ && !cell.is_null()) cell = Cell::Double(ToDouble(cell));
    }
    return true;
  }

  const std::string function_;
  const bool one_kind_;  // a sum of decimals takes each number as it is
  const Steps args_;
  std::vector<Cell> values_;
  TimeParser parser_;
};

}  // namespace

StepPtr MakeCompareStep(const Node& node, Steps args) {
  return std::make_unique<CompareStep>(node, std::move(args));
}
StepPtr MakeInStep(const Node& node, Steps args) {
  return std::make_unique<InStep>(node, std::move(args));
}
StepPtr MakeLogicStep(const Node& node, Steps args) {
  if (node.function == "not") return std::make_unique<NotStep>(std::move(args));
  if (node.function == "is null") return std::make_unique<IsNullStep>(std::move(args));
  return std::make_unique<AndOrStep>(node, std::move(args));
}
StepPtr MakeChoiceStep(const Node& node, Steps args) {
  return std::make_unique<ChoiceStep>(node, std::move(args));
}

}  // namespace murmur::expression
