// What a server is asked for, where it takes paths of names into its documents.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "murmur/record.h"

namespace murmur {

using NamePath = std::vector<std::string>;

// The names before the first list index, which servers give whole or not at all, and before the
// first that can't be asked for.
template <class CanBeAskedFor>
NamePath NamesBefore(const FieldPath& path, const CanBeAskedFor& can_be_asked_for) {
  NamePath names;
  for (const FieldPath::Step& step : path.steps) {
    const auto* const name = std::get_if<std::string>(&step);
    if (name == nullptr || !can_be_asked_for(*name)) break;
    names.push_back(*name);
  }
  return names;
}

// Without those that lie below another: servers refuse a path together with one below it.
std::vector<NamePath> OutermostPaths(const std::set<NamePath>& paths);

}  // namespace murmur
