#include "source/archive/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/shown.h"

namespace murmur::archive {
namespace {

constexpr size_t kNamesShown = 3;

}  // namespace

PathParts SplitPath(std::string_view name) {
  PathParts parts;
  for (size_t slash = name.find('/'); slash != name.npos; slash = name.find('/')) {
    parts.directories.push_back(name.substr(0, slash));
    name.remove_prefix(slash + 1);
  }
  parts.file = name;
  return parts;
}

bool IsDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool ParseOffset(std::string_view text, int64_t* value) {
  if (!IsDigits(text)) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size();
}

int64_t SaturatingAdd(int64_t a, int64_t b) {
  int64_t sum;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b < 0 ? INT64_MIN : INT64_MAX;
}

std::string FirstFew(std::span<const std::string> names) {
  const size_t shown = std::min(names.size(), kNamesShown);
  std::string text = fmt::format("{}", fmt::join(names.first(shown), ", "));
  if (shown < names.size()) text += fmt::format(" and {} more", Grouped(names.size() - shown));
  return text;
}

}  // namespace murmur::archive
