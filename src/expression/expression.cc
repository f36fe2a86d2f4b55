#include "expression/expression.h"

#include <fmt/format.h>

#include <algorithm>

#include "expression/expression_impl.h"
#include "expression/step.h"

namespace murmur {
namespace {

using expression::Node;
using expression::NodeType;

bool IsAnyOf(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// How numbers in argument `index` of a call are read, if the call's own value is read as `own`.
Numbers NumbersOfArgument(const Node& call, size_t index, Numbers own) {
  if (IsAnyOf(call.function, {"=", "!=", "<", "<=", ">", ">=", "in"})) return Numbers::kWritten;
  if (call.function == "if" && index == 0) return Numbers::kNearest;
  if (call.function == "cast") {
    const auto& type = std::get<std::string>(call.args[1].literal);
    const bool number = type == "int64" || type == "double" || type.starts_with("decimal");
    return number ? own : Numbers::kNearest;
  }
  const bool of_numbers = IsAnyOf(
      call.function, {"+", "-", "*", "/", "%", "neg", "if", "coalesce", "abs", "sign", "floor",
                      "ceil", "round", "sqrt", "exp", "ln", "log10", "log2", "power"});
  return of_numbers ? own : Numbers::kNearest;
}

// Decides how each node's numbers are read, and gives each field its index. Errors:
// kInvalidArgument, a literal with more digits than a sum of decimals can take.
Status ResolveNumbers(Node* node, Numbers numbers, std::vector<FieldUse>* fields) {
  node->numbers = numbers;
  const auto* fraction = std::get_if<expression::Fraction>(&node->literal);
  if (fraction != nullptr && !fraction->decimal && numbers == Numbers::kDecimal) {
    return expression::ErrorAt(
        node->column, fmt::format("a number of more than {} digits, which a sum of decimals can't "
                                  "take",
                                  kDecimalDigitsMax));
  }
  if (node->type == NodeType::kField) {
    const FieldUse use{.path = node->path, .numbers = numbers};
    const auto found = std::find(fields->begin(), fields->end(), use);
    node->field = static_cast<size_t>(found - fields->begin());
    if (found == fields->end()) fields->push_back(use);
  }
  if (node->type != NodeType::kCall) return {};
  for (size_t i = 0; i < node->args.size(); ++i) {
    MURMUR_TRY(ResolveNumbers(&node->args[i], NumbersOfArgument(*node, i, numbers), fields));
  }
  return {};
}

void FindZones(const Node& node, std::vector<ZoneUse>* zones) {
  if (node.type != NodeType::kCall) return;
  if (const std::string* zone = expression::ZoneOf(node)) {
    zones->push_back({.name = *zone, .column = node.args.back().column});
  }
  for (const Node& arg : node.args) FindZones(arg, zones);
}

}  // namespace

Expression::Expression() : impl_(std::make_unique<Impl>()) {}
Expression::~Expression() = default;

Result<std::shared_ptr<const Expression>> Expression::Parse(std::string_view text,
                                                            Numbers numbers) {
  const std::shared_ptr<Expression> parsed(new Expression);
  MURMUR_ASSIGN(parsed->impl_->root, expression::ParseNode(text));
  MURMUR_TRY(ResolveNumbers(&parsed->impl_->root, numbers, &parsed->impl_->fields));
  FindZones(parsed->impl_->root, &parsed->impl_->zones);
  parsed->impl_->canonical = expression::ToText(parsed->impl_->root);
  // It is stored and must parse again: the parentheses that it needs count as depth too.
  MURMUR_TRY(expression::ParseNode(parsed->impl_->canonical));
  return std::shared_ptr<const Expression>(parsed);
}

const std::vector<FieldUse>& Expression::fields() const noexcept { return impl_->fields; }

const std::vector<ZoneUse>& Expression::zones() const noexcept { return impl_->zones; }

const FieldPath* Expression::as_field() const noexcept {
  return impl_->root.type == NodeType::kField ? &impl_->root.path : nullptr;
}

Numbers Expression::numbers() const noexcept { return impl_->root.numbers; }

const std::string& Expression::canonical() const noexcept { return impl_->canonical; }

}  // namespace murmur
