#include <fmt/format.h>

#include <functional>

#include "source/parquet/field_reader.h"

namespace murmur::parquet_source {
namespace {

using parquet::schema::GroupNode;
using parquet::schema::Node;

// A struct, whose fields are reached by name; not a list or map.
bool IsStruct(const Node& node) {
  const auto& type = node.logical_type();
  return node.is_group() && !node.is_repeated() &&
         (type == nullptr || !(type->is_list() || type->is_map()));
}

bool IsBelow(const Node* node, const Node* ancestor) {
  while (node != nullptr && node != ancestor) node = node->parent();
  return node == ancestor;
}

}  // namespace

FieldPlace FindField(const parquet::SchemaDescriptor& schema, const FieldPath& path) {
  const Node* node = schema.group_node();
  size_t steps = 0;
  for (; steps < path.steps.size() && IsStruct(*node); ++steps) {
    const auto* name = std::get_if<std::string>(&path.steps[steps]);
    if (name == nullptr) return {};
    const auto& group = static_cast<const GroupNode&>(*node);
    const int index = group.FieldIndex(*name);
    if (index < 0) return {};
    node = group.field(index).get();
  }
  const bool single = node->is_primitive() && !node->is_repeated();
  if (single && steps < path.steps.size()) return {};

  FieldPlace place{node, single, {}};
  for (int column = 0; column < schema.num_columns(); ++column) {
    if (IsBelow(schema.Column(column)->schema_node().get(), node)) place.columns.push_back(column);
  }
  return place;
}

std::vector<std::string> FieldNames(const parquet::SchemaDescriptor& schema) {
  std::vector<std::string> names;
  const std::function<void(const GroupNode&, const std::string&)> add =
      [&](const GroupNode& group, const std::string& above) {
        for (int i = 0; i < group.field_count(); ++i) {
          const Node& node = *group.field(i);
          names.push_back(above.empty() ? node.name() : above + "." + node.name());
          if (IsStruct(node)) add(static_cast<const GroupNode&>(node), std::string(names.back()));
        }
      };
  add(*schema.group_node(), "");
  return names;
}

Status CheckFieldIsOne(const parquet::SchemaDescriptor& schema, const FieldPath& path) {
  const Node* node = schema.group_node();
  for (const auto& step : path.steps) {
    const auto* name = std::get_if<std::string>(&step);
    if (name == nullptr || !IsStruct(*node)) break;
    const auto& group = static_cast<const GroupNode&>(*node);
    const Node* found = nullptr;
    int count = 0;
    for (int i = 0; i < group.field_count(); ++i) {
      if (group.field(i)->name() != *name) continue;
      found = group.field(i).get();
      ++count;
    }
    if (count > 1) {
      return Status(Code::kFailedPrecondition,
                    fmt::format("has {} columns '{}', and the definition does not say which it "
                                "means: give the others another name",
                                count, path.ToString()));
    }
    if (found == nullptr) break;
    node = found;
  }
  return {};
}

}  // namespace murmur::parquet_source
