#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/compute/api.h>
#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <numeric>
#include <span>
#include <unordered_map>

#include "expression/compile.h"
#include "expression/expression.h"
#include "expression/expression_impl.h"

namespace murmur {
namespace {

namespace cp = arrow::compute;
using Rows = std::span<const uint32_t>;

constexpr size_t kSignaturesMax = 1024;  // compiled forms that are kept
constexpr size_t kDetailBytesMax = 500;  // of one error

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

}  // namespace

struct Evaluator::Impl {
  struct Form {
    Signature signature;
    arrow::Status status;
    cp::Expression expression;
    std::vector<std::shared_ptr<arrow::DataType>> inputs;
  };

  std::shared_ptr<const Expression> expression;
  const expression::Node* root = nullptr;
  std::vector<size_t> columns;
  bool nulls_fit = false;

  std::unordered_map<Signature, Form> forms;
  std::vector<uint32_t> all_rows;
  std::vector<std::shared_ptr<arrow::Array>> results;  // own the strings of the last Evaluate
  std::vector<Int128> decimals;                        // the same for decimals

  RecordBatch* batch = nullptr;
  Column* out = nullptr;
  std::vector<EvaluationError>* errors = nullptr;

  const Form& FormOf(const Signature& signature);
  Signature SignatureOf(uint32_t row) const;
  bool FindCommon(Signature* signature) const;
  void EvaluateGroups();
  void EvaluateRows(const Form& form, Rows rows);
  arrow::Status TryRows(const Form& form, Rows rows);
  void Store(const std::shared_ptr<arrow::Array>& result, Rows rows);
  void Fail(Rows rows, const arrow::Status& status);
};

const Evaluator::Impl::Form& Evaluator::Impl::FormOf(const Signature& signature) {
  if (const auto found = forms.find(signature); found != forms.end()) return found->second;
  Form& form = forms[signature];
  form.signature = signature;
  for (size_t i = 0; i < signature.size(); i += 2) {
    form.inputs.push_back(expression::TypeOf(static_cast<Kind>(signature[i]), signature[i + 1]));
  }
  auto compiled = expression::Compile(*root, form.inputs);
  form.status = compiled.status();
  if (compiled.ok()) form.expression = std::move(compiled).ValueUnsafe();
  // Whatever Arrow says while types are matched is about types.
  if (!form.status.ok() && !form.status.IsTypeError()) {
    form.status = arrow::Status::TypeError(form.status.message());
  }
  return form;
}

// The one signature that all rows have, nulls taken to be of the type of their column. False if
// rows differ.
bool Evaluator::Impl::FindCommon(Signature* signature) const {
  for (const size_t index : columns) {
    const Column& column = batch->columns[index];
    const Cell* typed = nullptr;
    bool nulls = false;
    for (uint32_t row = 0; row < batch->rows; ++row) {
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
    if (nulls && typed != nullptr && !nulls_fit) return false;
    AppendType(typed == nullptr ? Cell() : *typed, signature);
  }
  return true;
}

Signature Evaluator::Impl::SignatureOf(uint32_t row) const {
  Signature signature;
  for (const size_t index : columns) AppendType(batch->columns[index].cells[row], &signature);
  return signature;
}

void Evaluator::Impl::EvaluateGroups() {
  std::unordered_map<Signature, std::vector<uint32_t>> groups;
  for (uint32_t row = 0; row < batch->rows; ++row) groups[SignatureOf(row)].push_back(row);
  for (const auto& [group_signature, rows] : groups) EvaluateRows(FormOf(group_signature), rows);
}

// Kernels fail for a batch as a whole: halves are tried until the rows at fault are found.
void Evaluator::Impl::EvaluateRows(const Form& form, Rows rows) {
  if (!form.status.ok()) return Fail(rows, form.status);
  const arrow::Status status = TryRows(form, rows);
  if (status.ok()) return;
  if (rows.size() == 1) {
    // A null that was taken to be of its column's type is judged by itself.
    const Signature own = SignatureOf(rows.front());
    return own == form.signature ? Fail(rows, status) : EvaluateRows(FormOf(own), rows);
  }
  EvaluateRows(form, rows.first(rows.size() / 2));
  EvaluateRows(form, rows.subspan(rows.size() / 2));
}

arrow::Status Evaluator::Impl::TryRows(const Form& form, Rows rows) {
  const auto length = static_cast<int64_t>(rows.size());
  std::vector<arrow::Datum> values;
  for (size_t i = 0; i < columns.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto array, BuildArray(batch->columns[columns[i]], rows, form.inputs[i]));
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

void Evaluator::Impl::Store(const std::shared_ptr<arrow::Array>& result, Rows rows) {
  results.push_back(result);
  // `read` makes the cell of one element that is not null.
  const auto store = [&](Kind kind, const auto& read) {
    for (size_t i = 0; i < rows.size(); ++i) {
      const auto at = static_cast<int64_t>(i);
      const bool null = result->IsNull(at);
      out->cells[rows[i]] = null ? Cell() : read(at);
      out->kinds |= KindBit(null ? Kind::kNull : kind);
    }
  };
  const auto as = [&]<class Array>(Array*) { return static_cast<const Array*>(result.get()); };
  switch (result->type_id()) {
    case arrow::Type::BOOL: {
      const auto* array = as(static_cast<arrow::BooleanArray*>(nullptr));
      return store(Kind::kBool, [&](int64_t i) { return Cell::Bool(array->Value(i)); });
    }
    case arrow::Type::INT64: {
      const auto* array = as(static_cast<arrow::Int64Array*>(nullptr));
      return store(Kind::kInt, [&](int64_t i) { return Cell::Int(array->Value(i)); });
    }
    case arrow::Type::DOUBLE: {
      const auto* array = as(static_cast<arrow::DoubleArray*>(nullptr));
      return store(Kind::kDouble, [&](int64_t i) { return Cell::Double(array->Value(i)); });
    }
    case arrow::Type::TIMESTAMP: {
      const auto* array = as(static_cast<arrow::TimestampArray*>(nullptr));
      return store(Kind::kTime, [&](int64_t i) { return Cell::Time(array->Value(i)); });
    }
    case arrow::Type::STRING: {
      const auto* array = as(static_cast<arrow::StringArray*>(nullptr));
      return store(Kind::kString, [&](int64_t i) { return Cell::String(array->GetView(i)); });
    }
    case arrow::Type::DECIMAL256: {
      const auto* array = as(static_cast<arrow::Decimal256Array*>(nullptr));
      const int scale = static_cast<const arrow::DecimalType&>(*array->type()).scale();
      return store(Kind::kDecimal, [&](int64_t i) {
        decimals.push_back(FromArrow(arrow::Decimal256(array->GetValue(i))));
        return Cell::Decimal(&decimals.back(), static_cast<uint8_t>(scale));
      });
    }
    default: return store(Kind::kNull, [](int64_t) { return Cell(); });
  }
}

void Evaluator::Impl::Fail(Rows rows, const arrow::Status& status) {
  std::string detail = fmt::format("{}: {}", expression->canonical().substr(0, kDetailBytesMax / 2),
                                   status.message().substr(0, kDetailBytesMax / 2));
  for (const uint32_t row : rows) {
    out->cells[row] = Cell();
    errors->push_back({row, ReasonOf(status), detail});
  }
  if (!rows.empty()) out->kinds |= KindBit(Kind::kNull);
}

Evaluator::Evaluator(std::shared_ptr<const Expression> expression, std::vector<size_t> inputs)
    : impl_(std::make_unique<Impl>()) {
  impl_->root = &expression->impl_->root;
  impl_->expression = std::move(expression);
  impl_->columns = std::move(inputs);
  impl_->nulls_fit = expression::NullsFitAnyType(*impl_->root);
  impl_->all_rows.resize(kBatchRows);
  std::iota(impl_->all_rows.begin(), impl_->all_rows.end(), 0);
  impl_->decimals.reserve(kBatchRows);  // cells point into it
}

Evaluator::~Evaluator() = default;

void Evaluator::Evaluate(RecordBatch& batch, Column* out, std::vector<EvaluationError>* errors) {
  Impl& impl = *impl_;
  if (impl.forms.size() >= kSignaturesMax) impl.forms.clear();
  impl.results.clear();
  impl.decimals.clear();
  impl.batch = &batch;
  impl.out = out;
  impl.errors = errors;
  out->kinds = 0;
  out->dictionary_id = 0;
  if (batch.rows == 0) return;
  for (const size_t index : impl.columns) batch.columns[index].Materialize(batch.rows);

  const size_t errors_before = errors->size();
  Signature signature;
  const bool common = impl.FindCommon(&signature);
  // Nulls beside a type that does not fit must not share its error.
  if (common && (impl.FormOf(signature).status.ok())) {
    impl.EvaluateRows(impl.FormOf(signature), Rows(impl.all_rows).first(batch.rows));
  } else {
    impl.EvaluateGroups();
  }
  std::sort(errors->begin() + static_cast<ptrdiff_t>(errors_before), errors->end(),
            [](const EvaluationError& a, const EvaluationError& b) { return a.row < b.row; });
}

}  // namespace murmur
