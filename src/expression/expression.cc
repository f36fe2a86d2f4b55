#include "expression/expression.h"

#include <algorithm>

#include "expression/expression_impl.h"

namespace murmur {
namespace {

using expression::Node;
using expression::NodeType;

// Gives each field its index.
void CollectFields(Node* node, std::vector<FieldPath>* fields) {
  if (node->type == NodeType::kField) {
    const auto found = std::find(fields->begin(), fields->end(), node->path);
    node->field = static_cast<size_t>(found - fields->begin());
    if (found == fields->end()) fields->push_back(node->path);
  }
  for (Node& arg : node->args) CollectFields(&arg, fields);
}

}  // namespace

Expression::Expression() : impl_(std::make_unique<Impl>()) {}
Expression::~Expression() = default;

Result<std::shared_ptr<const Expression>> Expression::Parse(std::string_view text) {
  const std::shared_ptr<Expression> parsed(new Expression);
  MURMUR_ASSIGN(parsed->impl_->root, expression::ParseNode(text));
  CollectFields(&parsed->impl_->root, &parsed->impl_->fields);
  parsed->impl_->canonical = expression::ToText(parsed->impl_->root);
  // It is stored, and must be readable again: parentheses that it needs count as depth too.
  MURMUR_TRY(expression::ParseNode(parsed->impl_->canonical));
  return std::shared_ptr<const Expression>(parsed);
}

const std::vector<FieldPath>& Expression::fields() const noexcept { return impl_->fields; }

const FieldPath* Expression::as_field() const noexcept {
  return impl_->root.type == NodeType::kField ? &impl_->fields[0] : nullptr;
}

const std::string& Expression::canonical() const noexcept { return impl_->canonical; }

}  // namespace murmur
