#include <algorithm>
#include <set>

#include "expression/expression.h"
#include "expression/expression_impl.h"
#include "expression/step.h"

namespace murmur {
namespace expression {
namespace {

bool IsAnyOf(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const std::string* CastTypeOf(const Node& node) {
  return node.function == "cast" ? &std::get<std::string>(node.args[1].literal) : nullptr;
}

// Builds the steps of a tree. `inputs` are the batch columns of the expression's fields.
class Builder {
 public:
  // *of_entries gets the columns of which an expression is computed once for each entry.
  Builder(const std::vector<size_t>& inputs, const ZoneMap& zones, std::set<size_t>* of_entries)
      : inputs_(inputs), zones_(zones), of_entries_(of_entries) {}

  StepPtr Build(const Node& node) const {
    if (node.type == NodeType::kLiteral) return MakeLiteralStep(node.literal, node.numbers);
    if (node.type == NodeType::kField) return MakeFieldStep(inputs_[node.field], node.numbers);
    std::set<size_t> columns;
    if (!of_one_field_) AddColumns(node, &columns);
    if (columns.size() != 1) return BuildOfValues(node);
    Builder within = *this;
    within.of_one_field_ = true;
    of_entries_->insert(*columns.begin());
    return std::make_unique<DictionaryStep>(*columns.begin(), within.BuildOfValues(node));
  }

 private:
  StepPtr BuildOfValues(const Node& node) const {
    StepPtr ours = BuildOurs(node);
    return ours != nullptr ? std::move(ours) : BuildArrow(node);
  }
  void AddColumns(const Node& node, std::set<size_t>* columns) const {
    if (node.type == NodeType::kField) columns->insert(inputs_[node.field]);
    for (const Node& arg : node.args) AddColumns(arg, columns);
  }

  // Null: Arrow computes the call.
  StepPtr BuildOurs(const Node& node) const {
    const std::string& name = node.function;
    if (IsAnyOf(name, {"+", "-", "*", "/", "%"})) return MakeArithmeticStep(node, Args(node));
    if (IsAnyOf(name, {"=", "!=", "<", "<=", ">", ">="})) return MakeCompareStep(node, Args(node));
    if (IsAnyOf(name, {"and", "or", "not", "is null"})) return MakeLogicStep(node, Args(node));
    if (name == "in") return MakeInStep(node, Args(node));
    if (name == "if" || name == "coalesce") return MakeChoiceStep(node, Args(node));
    if (IsAnyOf(name, {"neg", "abs", "sign", "floor", "ceil", "round"})) {
      return MakeUnaryNumberStep(node, Args(node, 1));
    }
    if (IsAnyOf(name, {"sqrt", "exp", "ln", "log10", "log2", "power"})) {
      return MakeDoubleFunctionStep(node, Args(node));
    }
    if (const std::string* type = CastTypeOf(node)) {
      if (type->starts_with("decimal")) return MakeDecimalCastStep(node, Args(node, 1));
      return *type == "timestamp" ? MakeToTimeStep(Args(node, 1)) : nullptr;
    }
    if (!IsTimePart(name)) return nullptr;
    const std::string* zone = ZoneOf(node);
    return MakeTimePartStep(node, Args(node, 1), zone == nullptr ? nullptr : zones_.at(*zone));
  }

  // The steps of the first `count` arguments.
  Steps Args(const Node& node, size_t count = SIZE_MAX) const {
    Steps args;
    for (size_t i = 0; i < std::min(count, node.args.size()); ++i) {
      args.push_back(Build(node.args[i]));
    }
    return args;
  }

  StepPtr BuildArrow(const Node& node) const {
    Node call = node;
    Steps leaves;
    MakeLeaves(&call, &leaves);
    return MakeArrowStep(call, std::move(leaves));
  }

  // Replaces what Arrow does not compute with fields, numbered like the steps that compute them.
  void MakeLeaves(Node* call, Steps* leaves) const {
    const std::string* type = CastTypeOf(*call);
    const bool to_text = call->function == "concat" || (type != nullptr && *type == "string");
    const bool to_double = type != nullptr && *type == "double";
    for (Node& arg : call->args) {
      if (arg.type == NodeType::kLiteral) continue;
      const bool own_step = to_text || to_double || arg.type == NodeType::kField;
      if (StepPtr leaf = own_step ? Build(arg) : BuildOurs(arg)) {
        if (to_text) leaf = MakeToTimeTextStep(List(std::move(leaf)));
        if (to_double) leaf = MakeToDoubleStep(List(std::move(leaf)));
        arg = Node();
        arg.type = NodeType::kField;
        arg.field = leaves->size();
        leaves->push_back(std::move(leaf));
      } else {
        MakeLeaves(&arg, leaves);
      }
    }
  }

  static Steps List(StepPtr step) {
    Steps list;
    list.push_back(std::move(step));
    return list;
  }

  const std::vector<size_t>& inputs_;
  const ZoneMap& zones_;
  std::set<size_t>* of_entries_;
  bool of_one_field_ = false;
};

}  // namespace
}  // namespace expression

namespace {

void SortByRow(std::vector<EvaluationError>* errors, size_t from) {
  std::sort(errors->begin() + static_cast<ptrdiff_t>(from), errors->end(),
            [](const EvaluationError& a, const EvaluationError& b) { return a.row < b.row; });
}

}  // namespace

struct Evaluator::Impl {
  Impl(std::shared_ptr<const Expression> parsed, std::vector<size_t> inputs, const ZoneMap& zones)
      : expression(std::move(parsed)),
        columns(std::move(inputs)),
        root(expression::Builder(columns, zones, &of_entries).Build(expression->impl_->root)),
        coded_root(dynamic_cast<expression::DictionaryStep*>(root.get())),
        failures(expression->canonical()) {}

  const std::shared_ptr<const Expression> expression;
  const std::vector<size_t> columns;
  std::set<size_t> of_entries;
  const expression::StepPtr root;
  expression::DictionaryStep* const coded_root;  // `root`, if it is one
  expression::Failures failures;
};

Evaluator::Evaluator(std::shared_ptr<const Expression> expression, std::vector<size_t> inputs,
                     const ZoneMap& zones)
    : impl_(std::make_unique<Impl>(std::move(expression), std::move(inputs), zones)) {}

Evaluator::~Evaluator() = default;

void Evaluator::Evaluate(RecordBatch& batch, Column* out, std::vector<EvaluationError>* errors) {
  Impl& impl = *impl_;
  out->kinds = 0;
  out->scale = Column::kMixedScale;
  out->dictionary_id = 0;
  if (batch.rows == 0) return;
  const size_t errors_before = errors->size();
  impl.failures.Start(batch.rows, errors);
  expression::Frame frame{.batch = batch, .failures = impl.failures};
  if (impl.coded_root != nullptr && impl.coded_root->RunCoded(frame, out)) return;
  const Column& result = impl.root->Run(frame);
  std::copy_n(result.cells.begin(), batch.rows, out->cells.begin());
  out->kinds = result.kinds;
  out->scale = result.scale;
  if (!impl.failures.any()) return;
  for (auto error = errors->begin() + static_cast<ptrdiff_t>(errors_before); error != errors->end();
       ++error) {
    out->cells[error->row] = Cell();
  }
  out->kinds |= KindBit(Kind::kNull);
  SortByRow(errors, errors_before);
}

const std::set<size_t>& Evaluator::ColumnsByEntry() const noexcept { return impl_->of_entries; }

bool Evaluator::is_condition() const noexcept { return impl_->root->is_condition(); }

void Evaluator::EvaluateCondition(RecordBatch& batch, Truth* truths,
                                  std::vector<EvaluationError>* errors) {
  Impl& impl = *impl_;
  if (batch.rows == 0) return;
  const size_t errors_before = errors->size();
  impl.failures.Start(batch.rows, errors);
  expression::Frame frame{.batch = batch, .failures = impl.failures};
  impl.root->RunTruths(frame, impl.expression->canonical(), truths);
  if (!impl.failures.any()) return;
  for (size_t i = errors_before; i < errors->size(); ++i) {
    truths[(*errors)[i].row] = Truth::kUnknown;
  }
  SortByRow(errors, errors_before);
}

}  // namespace murmur
