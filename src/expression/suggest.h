// "did you mean": the known name nearest to a misspelt one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace murmur {

// The candidate with the fewest edits (insert, delete, replace, swap of neighbours) from `name`,
// case ignored; empty if none is near enough.
std::string Suggest(std::string_view name, const std::vector<std::string>& candidates);

// "; did you mean 'x'?", or empty.
std::string DidYouMean(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace murmur
