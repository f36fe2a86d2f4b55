#include "decode/field_tree.h"

namespace murmur {
namespace {

FieldNode* FindOrAdd(FieldNode* node, const FieldPath::Step& step) {
  if (const auto* name = std::get_if<std::string>(&step)) {
    if (FieldNode* child = node->Find(*name)) return child;
    return node->names.emplace_back(*name, std::make_unique<FieldNode>()).second.get();
  }
  const uint32_t index = std::get<uint32_t>(step);
  if (FieldNode* child = node->Find(index)) return child;
  return node->elements.emplace_back(index, std::make_unique<FieldNode>()).second.get();
}

}  // namespace

std::unique_ptr<FieldNode> BuildFieldTree(const Projection& projection) {
  auto root = std::make_unique<FieldNode>();
  for (uint32_t column = 0; column < projection.fields.size(); ++column) {
    FieldNode* node = root.get();
    for (const FieldPath::Step& step : projection.fields[column].path.steps) {
      node = FindOrAdd(node, step);
    }
    node->columns.push_back(column);
  }
  return root;
}

}  // namespace murmur
