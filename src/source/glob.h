// Globs over paths and keys. Both have '/' between components, and a component may be empty: a key
// of a store may hold "//", or end with '/'.
#pragma once

#include <string_view>
#include <vector>

namespace murmur {

inline constexpr std::string_view kAnyDepth = "**";

bool HasWildcard(std::string_view text);  // any of * ? [

// What lies between the slashes: "a//b" is {"a", "", "b"}, and "" is {""}.
std::vector<std::string_view> SplitPathComponents(std::string_view path);

// '*' is any run of characters, '?' one, '[a-c]' and '[!x]' are sets; an unclosed '[' is itself.
// Text is UTF-8; an invalid byte is a character. As in a shell, only a '.' matches a leading '.'.
bool MatchesComponent(std::string_view pattern, std::string_view name);

// Whether `path` matches `pattern`, component by component. '**' as a component is any number of
// components, none of which begins with '.'; at the end, at least one: everything below.
bool MatchesGlob(std::string_view pattern, std::string_view path);

// Whether a name below a directory is hidden: it, or a directory on the way, begins with '.' or
// '_'.
bool IsHiddenPath(std::string_view path);

}  // namespace murmur
