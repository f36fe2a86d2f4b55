#include "source/glob.h"

#include <algorithm>
#include <span>

namespace murmur {
namespace {

// The next character of UTF-8 text. An invalid byte becomes a value beyond Unicode.
char32_t TakeCharacter(std::string_view* text) {
  constexpr char32_t kNoCharacter = 0x200000;
  const auto byte = [text](size_t i) { return static_cast<unsigned char>((*text)[i]); };
  const unsigned char first = byte(0);
  const size_t size = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  char32_t character = first;
  bool valid = size > 0 && first < 0xF5 && size <= text->size();
  if (valid && size > 1) character = first & (0x7F >> size);
  for (size_t i = 1; valid && i < size; ++i) {
    valid = (byte(i) & 0xC0) == 0x80;
    character = character << 6 | (byte(i) & 0x3F);
  }
  text->remove_prefix(valid ? size : 1);
  return valid ? character : kNoCharacter + first;
}

// Matches the set at the start of `pattern` ("[a-c]…") against `c`, and moves `pattern` past it. An
// unclosed '[' is an ordinary character.
bool MatchSet(std::string_view* pattern, char32_t c) {
  std::string_view set = pattern->substr(1);
  const bool negated = set.starts_with('!') || set.starts_with('^');
  if (negated) set.remove_prefix(1);
  const size_t close = set.find(']', 1);
  if (close == set.npos) {
    pattern->remove_prefix(1);
    return c == '[';
  }
  *pattern = set.substr(close + 1);
  set = set.substr(0, close);
  bool found = false;
  while (!set.empty()) {
    const char32_t first = TakeCharacter(&set);
    char32_t last = first;
    if (set.size() > 1 && set.front() == '-') {
      set.remove_prefix(1);
      last = TakeCharacter(&set);
    }
    found |= first <= c && c <= last;
  }
  return found != negated;
}

// reachable[i]: the first i components of the pattern match those of the path so far.
bool MatchesComponents(std::span<const std::string_view> pattern,
                       std::span<const std::string_view> path) {
  std::vector<bool> reachable(pattern.size() + 1, false);
  const auto skip_any_depth = [&] {
    for (size_t i = 0; i < pattern.size(); ++i) {
      const bool last = i + 1 == pattern.size();
      if (reachable[i] && pattern[i] == kAnyDepth && !last) reachable[i + 1] = true;
    }
  };
  reachable[0] = true;
  skip_any_depth();
  for (const std::string_view name : path) {
    std::vector<bool> next(pattern.size() + 1, false);
    for (size_t i = 0; i < pattern.size(); ++i) {
      if (!reachable[i]) continue;
      if (pattern[i] != kAnyDepth) {
        if (MatchesComponent(pattern[i], name)) next[i + 1] = true;
      } else if (!name.starts_with('.')) {
        next[i] = true;
        if (i + 1 == pattern.size()) next[i + 1] = true;
      }
    }
    reachable = std::move(next);
    skip_any_depth();
  }
  return reachable[pattern.size()];
}

}  // namespace

bool HasWildcard(std::string_view text) { return text.find_first_of("*?[") != text.npos; }

std::vector<std::string_view> SplitPathComponents(std::string_view path) {
  std::vector<std::string_view> components;
  for (;;) {
    const size_t slash = path.find('/');
    components.push_back(path.substr(0, slash));
    if (slash == path.npos) return components;
    path.remove_prefix(slash + 1);
  }
}

bool MatchesComponent(std::string_view pattern, std::string_view name) {
  if (name.starts_with('.') && !pattern.starts_with('.')) return false;
  // On a mismatch the last '*' takes one more character.
  std::string_view star_pattern;
  std::string_view star_name;
  bool star = false;
  while (!name.empty() || !pattern.empty()) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      star = true;
      star_pattern = pattern;
      star_name = name;
      continue;
    }
    std::string_view pattern_rest = pattern;
    std::string_view name_rest = name;
    bool matched = !pattern.empty() && !name.empty();
    if (matched) {
      const char32_t c = TakeCharacter(&name_rest);
      matched = pattern.starts_with('[')   ? MatchSet(&pattern_rest, c)
                : pattern.starts_with('?') ? TakeCharacter(&pattern_rest) != 0
                                           : TakeCharacter(&pattern_rest) == c;
    }
    if (matched) {
      pattern = pattern_rest;
      name = name_rest;
    } else {
      if (!star || star_name.empty()) return false;
      TakeCharacter(&star_name);
      name = star_name;
      pattern = star_pattern;
    }
  }
  return true;
}

bool MatchesGlob(std::string_view pattern, std::string_view path) {
  return MatchesComponents(SplitPathComponents(pattern), SplitPathComponents(path));
}

bool IsHiddenPath(std::string_view path) {
  const auto components = SplitPathComponents(path);
  return std::any_of(components.begin(), components.end(), [](std::string_view component) {
    return component.starts_with('.') || component.starts_with('_');
  });
}

}  // namespace murmur
