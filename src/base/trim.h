// Text without the blanks around it.
#pragma once

#include <string_view>

namespace murmur {

// `blanks`: the characters to remove at both ends. If the text has no others, the empty end is
// returned.
constexpr std::string_view Trim(std::string_view text, std::string_view blanks = " ") noexcept {
  while (!text.empty() && blanks.find(text.front()) != text.npos) text.remove_prefix(1);
  while (!text.empty() && blanks.find(text.back()) != text.npos) text.remove_suffix(1);
  return text;
}

}  // namespace murmur
