// Takes parts off the front of a text. False, and the text is unchanged: the part is not there.
#pragma once

#include <charconv>
#include <string_view>
#include <system_error>

namespace murmur {

template <class Number>
bool TakeNumber(std::string_view* text, Number* number, int base = 10) {
  const auto [end, error] =
      std::from_chars(text->data(), text->data() + text->size(), *number, base);
  if (error != std::errc()) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return true;
}

inline bool TakeChar(std::string_view* text, char c) {
  if (!text->starts_with(c)) return false;
  text->remove_prefix(1);
  return true;
}

}  // namespace murmur
