// Arrow's functions, on Arrow arrays made from cells of rows with equal types.
#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/compute/api.h>
#include <arrow/util/decimal.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <unordered_map>

#include "expression/compile.h"
#include "expression/step.h"

namespace murmur::expression {
namespace {

namespace cp = arrow::compute;
using Rows = std::span<const uint32_t>;

constexpr size_t kSignaturesMax = 1024;  // compiled forms that are kept

// The types of one row's inputs, a byte for the kind and one for the scale each.
using Signature = std::string;

void AppendType(const Cell& cell, Signature* signature) {
  signature->push_back(static_cast<char>(cell.kind));
  signature->push_back(static_cast<char>(cell.kind == Kind::kDecimal ? cell.scale : 0));
}

arrow::Decimal256 ToArrow(Int128 v) {
  return arrow::Decimal256(
      arrow::Decimal128(static_cast<int64_t>(v >> 64), static_cast<uint64_t>(v)));
}

Int128 FromArrow(const arrow::Decimal256& v) {
  const auto& words = v.little_endian_array();
  return static_cast<Int128>(static_cast<unsigned __int128>(words[1]) << 64 | words[0]);
}

// The column's cells of `rows` as an array; `append` adds one that is not null.
template <class Builder, class Append>
arrow::Result<std::shared_ptr<arrow::Array>> Build(Builder* builder, const Column& column,
                                                   Rows rows, const Append& append) {
  ARROW_RETURN_NOT_OK(builder->Reserve(static_cast<int64_t>(rows.size())));
  for (const uint32_t row : rows) {
    const Cell& cell = column.cells[row];
    if (cell.is_null()) {
      builder->UnsafeAppendNull();
    } else {
      ARROW_RETURN_NOT_OK(append(cell));
    }
  }
  return builder->Finish();
}

arrow::Result<std::shared_ptr<arrow::Array>> BuildText(const Column& column, Rows rows) {
  int64_t bytes = 0;
  for (const uint32_t row : rows) {
    const Cell& cell = column.cells[row];
    if (!cell.is_null()) bytes += cell.len;
  }
  arrow::StringBuilder builder;
  ARROW_RETURN_NOT_OK(builder.ReserveData(bytes));
  return Build(&builder, column, rows, [&](const Cell& cell) {
    builder.UnsafeAppend(cell.text());
    return arrow::Status::OK();
  });
}

arrow::Result<std::shared_ptr<arrow::Array>> BuildArray(
    const Column& column, Rows rows, const std::shared_ptr<arrow::DataType>& type) {
  const auto numbers = [&](auto&& builder, auto value) {
    return Build(&builder, column, rows, [&](const Cell& cell) {
      builder.UnsafeAppend(value(cell));
      return arrow::Status::OK();
    });
  };
  const auto integer = [](const Cell& cell) { return cell.i; };
  switch (type->id()) {
    case arrow::Type::BOOL:
      return numbers(arrow::BooleanBuilder(), [](const Cell& cell) { return cell.i != 0; });
    case arrow::Type::INT64: return numbers(arrow::Int64Builder(), integer);
    case arrow::Type::DOUBLE:
      return numbers(arrow::DoubleBuilder(), [](const Cell& cell) { return cell.d; });
    case arrow::Type::TIMESTAMP:
      return numbers(arrow::TimestampBuilder(type, arrow::default_memory_pool()), integer);
    case arrow::Type::DECIMAL256:
      return numbers(arrow::Decimal256Builder(type),
                     [](const Cell& cell) { return ToArrow(cell.decimal()); });
    case arrow::Type::STRING: return BuildText(column, rows);
    case arrow::Type::BINARY: {  // an object or list: only whether it is null matters
      arrow::BinaryBuilder builder;
      return Build(&builder, column, rows, [&](const Cell&) { return builder.Append(""); });
    }
    default: return arrow::MakeArrayOfNull(arrow::null(), static_cast<int64_t>(rows.size()));
  }
}

DeadReason ReasonOf(const arrow::Status& status) {
  if (status.IsTypeError() || status.IsNotImplemented()) return DeadReason::kWrongType;
  for (const char* word : {"overflow", "not in range", "out of bounds", "does not fit", "fit in"}) {
    if (status.message().find(word) != std::string::npos) return DeadReason::kNumberOverflow;
  }
  return DeadReason::kExpression;
}

class ArrowStep final : public ColumnStep {
 public:
  ArrowStep(const Node& node, Steps args)
      : root_(node), args_(std::move(args)), nulls_fit_(NullsFitAnyType(root_)) {
    all_rows_.resize(kBatchRows);
    std::iota(all_rows_.begin(), all_rows_.end(), 0);
  }

 private:
  struct Form {
    Signature signature;
    arrow::Status status;
    cp::Expression expression;
    std::vector<std::shared_ptr<arrow::DataType>> inputs;
  };

  const Form& FormOf(const Signature& signature);
  Signature SignatureOf(uint32_t row) const;
  bool FindCommon(Signature* signature) const;
  void EvaluateGroups();
  void EvaluateRows(const Form& form, Rows rows);
  arrow::Status TryRows(const Form& form, Rows rows);
  void Store(const std::shared_ptr<arrow::Array>& result, Rows rows);
  void FailAll(Rows rows, const arrow::Status& status);
  void Fill(Frame& frame) override;

  const Node root_;  // its fields are numbered as args_
  const Steps args_;
  const bool nulls_fit_;
  std::unordered_map<Signature, Form> forms_;
  std::vector<uint32_t> all_rows_;
  std::vector<std::shared_ptr<arrow::Array>> results_;  // own the texts of the last Fill
  std::vector<const Column*> columns_;                  // of the arguments, while Fill runs
  uint32_t rows_ = 0;
};

const ArrowStep::Form& ArrowStep::FormOf(const Signature& signature) {
  if (const auto found = forms_.find(signature); found != forms_.end()) return found->second;
  Form& form = forms_[signature];
  form.signature = signature;
  for (size_t i = 0; i < signature.size(); i += 2) {
    form.inputs.push_back(TypeOf(static_cast<Kind>(signature[i]), signature[i + 1]));
  }
  auto compiled = Compile(root_, form.inputs);
  form.status = compiled.status();
  if (compiled.ok()) form.expression = std::move(compiled).ValueUnsafe();
  // Any error while types are matched is about types.
  if (!form.status.ok() && !form.status.IsTypeError()) {
    form.status = arrow::Status::TypeError(form.status.message());
  }
  return form;
}

// The signature shared by all rows, where nulls take their column's type. False if rows differ.
bool ArrowStep::FindCommon(Signature* signature) const {
  for (const Column* argument : columns_) {
    const Column& column = *argument;
    const Cell* typed = nullptr;
    bool nulls = false;
    for (uint32_t row = 0; row < rows_; ++row) {
      const Cell& cell = column.cells[row];
      if (cell.is_null()) {
        nulls = true;
      } else if (typed == nullptr) {
        typed = &cell;
      } else if (cell.kind != typed->kind ||
                 (cell.kind == Kind::kDecimal && cell.scale != typed->scale)) {
        return false;
      }
    }
    if (nulls && typed != nullptr && !nulls_fit_) return false;
    AppendType(typed == nullptr ? Cell() : *typed, signature);
  }
  return true;
}

Signature ArrowStep::SignatureOf(uint32_t row) const {
  Signature signature;
  for (const Column* column : columns_) AppendType(column->cells[row], &signature);
  return signature;
}

void ArrowStep::EvaluateGroups() {
  std::unordered_map<Signature, std::vector<uint32_t>> groups;
  for (uint32_t row = 0; row < rows_; ++row) groups[SignatureOf(row)].push_back(row);
  for (const auto& [group_signature, rows] : groups) EvaluateRows(FormOf(group_signature), rows);
}

// A kernel fails for a whole batch: halves are tried until the failing rows are found.
void ArrowStep::EvaluateRows(const Form& form, Rows rows) {
  if (!form.status.ok()) return FailAll(rows, form.status);
  const arrow::Status status = TryRows(form, rows);
  if (status.ok()) return;
  if (rows.size() == 1) {
    // A null that took its column's type is evaluated with its own signature.
    const Signature own = SignatureOf(rows.front());
    return own == form.signature ? FailAll(rows, status) : EvaluateRows(FormOf(own), rows);
  }
  EvaluateRows(form, rows.first(rows.size() / 2));
  EvaluateRows(form, rows.subspan(rows.size() / 2));
}

arrow::Status ArrowStep::TryRows(const Form& form, Rows rows) {
  const auto length = static_cast<int64_t>(rows.size());
  std::vector<arrow::Datum> values;
  for (size_t i = 0; i < columns_.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto array, BuildArray(*columns_[i], rows, form.inputs[i]));
    values.emplace_back(std::move(array));
  }
  ARROW_ASSIGN_OR_RAISE(
      const arrow::Datum result,
      cp::ExecuteScalarExpression(form.expression, cp::ExecBatch(std::move(values), length)));
  if (result.is_scalar()) {
    ARROW_ASSIGN_OR_RAISE(auto array, arrow::MakeArrayFromScalar(*result.scalar(), length));
    Store(array, rows);
  } else {
    Store(result.make_array(), rows);
  }
  return arrow::Status::OK();
}

void ArrowStep::Store(const std::shared_ptr<arrow::Array>& result, Rows rows) {
  results_.push_back(result);
  // `read` makes the cell of one element that is not null.
  const auto store = [&](const auto& read) {
    for (size_t i = 0; i < rows.size(); ++i) {
      const auto at = static_cast<int64_t>(i);
      Put(rows[i], result->IsNull(at) ? Cell() : read(at));
    }
  };
  const auto as = [&]<class Array>(Array*) { return static_cast<const Array*>(result.get()); };
  switch (result->type_id()) {
    case arrow::Type::BOOL: {
      const auto* array = as(static_cast<arrow::BooleanArray*>(nullptr));
      return store([&](int64_t i) { return Cell::Bool(array->Value(i)); });
    }
    case arrow::Type::INT64: {
      const auto* array = as(static_cast<arrow::Int64Array*>(nullptr));
      return store([&](int64_t i) { return Cell::Int(array->Value(i)); });
    }
    case arrow::Type::DOUBLE: {
      const auto* array = as(static_cast<arrow::DoubleArray*>(nullptr));
      return store([&](int64_t i) { return Cell::Double(array->Value(i)); });
    }
    case arrow::Type::TIMESTAMP: {
      const auto* array = as(static_cast<arrow::TimestampArray*>(nullptr));
      return store([&](int64_t i) { return Cell::Time(array->Value(i)); });
    }
    case arrow::Type::STRING: {
      const auto* array = as(static_cast<arrow::StringArray*>(nullptr));
      return store([&](int64_t i) { return Cell::String(array->GetView(i)); });
    }
    case arrow::Type::DECIMAL256: {
      const auto* array = as(static_cast<arrow::Decimal256Array*>(nullptr));
      const int scale = static_cast<const arrow::DecimalType&>(*array->type()).scale();
      for (size_t i = 0; i < rows.size(); ++i) {
        const auto at = static_cast<int64_t>(i);
        if (array->IsNull(at)) {
          PutNull(rows[i]);
        } else {
          PutDecimal(rows[i], {FromArrow(arrow::Decimal256(array->GetValue(at))), scale});
        }
      }
      return;
    }
    default: return store([](int64_t) { return Cell(); });
  }
}

void ArrowStep::FailAll(Rows rows, const arrow::Status& status) {
  for (const uint32_t row : rows) Fail(row, ReasonOf(status), status.message());
}

void ArrowStep::Fill(Frame& frame) {
  if (forms_.size() >= kSignaturesMax) forms_.clear();
  results_.clear();
  columns_.clear();
  rows_ = frame.batch.rows;
  for (const StepPtr& arg : args_) columns_.push_back(&arg->Run(frame));
  Signature signature;
  // Nulls must not get the error of a type that does not fit.
  if (FindCommon(&signature) && FormOf(signature).status.ok()) {
    EvaluateRows(FormOf(signature), Rows(all_rows_).first(rows_));
  } else {
    EvaluateGroups();
  }
}

}  // namespace

StepPtr MakeArrowStep(const Node& node, Steps args) {
  return std::make_unique<ArrowStep>(node, std::move(args));
}

}  // namespace murmur::expression
