#include "expression/suggest.h"

#include <fmt/format.h>

#include <algorithm>

namespace murmur {
namespace {

constexpr size_t kSuggestBytesMax = 64;

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Optimal string alignment distance, three rows at a time.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> now(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = Lower(a[i - 1]) == Lower(b[j - 1]);
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && Lower(a[i - 1]) == Lower(b[j - 2]) &&
          Lower(a[i - 2]) == Lower(b[j - 1])) {
        now[j] = std::min(now[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(now);
  }
  return last[b.size()];
}

// The most edits between two names that may mean the same: one for each four characters of the
// shorter, rounded up. A one-character name never matches another.
size_t EditsMax(std::string_view a, std::string_view b) {
  constexpr size_t kCharactersAnEdit = 4;
  const size_t size = std::min(a.size(), b.size());
  return size <= 1 ? 0 : (size + kCharactersAnEdit - 1) / kCharactersAnEdit;
}

}  // namespace

std::string Suggest(std::string_view name, const std::vector<std::string>& candidates) {
  if (name.empty() || name.size() > kSuggestBytesMax) return {};
  const std::string* best = nullptr;
  size_t best_distance = kSuggestBytesMax;
  for (const std::string& candidate : candidates) {
    const size_t distance = Distance(name, candidate);
    if (distance < best_distance && distance <= EditsMax(name, candidate)) {
      best = &candidate;
      best_distance = distance;
    }
  }
  return best == nullptr ? std::string() : *best;
}

std::string DidYouMean(std::string_view name, const std::vector<std::string>& candidates) {
  const std::string suggestion = Suggest(name, candidates);
  return suggestion.empty() ? suggestion : fmt::format("; did you mean '{}'?", suggestion);
}

}  // namespace murmur
