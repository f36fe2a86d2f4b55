#include "source/name_paths.h"

#include <algorithm>

namespace murmur {

std::vector<NamePath> OutermostPaths(const std::set<NamePath>& paths) {
  std::vector<NamePath> outermost;
  for (const NamePath& path : paths) {  // in this order the shorter comes just before
    const bool is_below =
        !outermost.empty() && path.size() > outermost.back().size() &&
        std::equal(outermost.back().begin(), outermost.back().end(), path.begin());
    if (!is_below) outermost.push_back(path);
  }
  return outermost;
}

}  // namespace murmur
