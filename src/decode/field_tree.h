// The requested fields as a tree of names and list indices, so that one pass over a record finds
// them all.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "murmur/record.h"

namespace murmur {

struct FieldNode {
  std::vector<uint32_t> columns;  // that want this value
  std::vector<std::pair<std::string, std::unique_ptr<FieldNode>>> names;
  std::vector<std::pair<uint32_t, std::unique_ptr<FieldNode>>> elements;
  uint64_t seen_in = 0;  // number of the last record that had it; finds duplicate keys

  bool is_leaf() const noexcept { return names.empty() && elements.empty(); }
  FieldNode* Find(std::string_view name) const noexcept {
    for (const auto& [child_name, child] : names) {
      if (child_name == name) return child.get();
    }
    return nullptr;
  }
  FieldNode* Find(uint32_t index) const noexcept {
    for (const auto& [child_index, child] : elements) {
      if (child_index == index) return child.get();
    }
    return nullptr;
  }
  // Calls visit(column) for every column of this node and below.
  template <class Visit>
  void ForEachColumn(const Visit& visit) const {
    for (const uint32_t column : columns) visit(column);
    for (const auto& child : names) child.second->ForEachColumn(visit);
    for (const auto& child : elements) child.second->ForEachColumn(visit);
  }
};

// Column i is projection.fields[i].
std::unique_ptr<FieldNode> BuildFieldTree(const Projection& projection);

}  // namespace murmur
