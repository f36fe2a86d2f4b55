// The written forms of a time, all of them; TimeParser (time_text.h) has a faster way for the most
// common one. Each form stands in docs/sources.md, "Times". What a form says is unambiguous: an
// order of day and month that has to be guessed, or a zone's abbreviation, is no time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace murmur {

// Takes ".123" or ",123", of any length, off the front, if it is there; digits below the
// microsecond are cut. False if no digit follows the point.
inline bool TakeFraction(std::string_view* text, int* micros) noexcept {
  *micros = 0;
  if (text->empty() || (text->front() != '.' && text->front() != ',')) return true;
  size_t at = 1;
  int scale = 100000;
  for (; at < text->size() && (*text)[at] >= '0' && (*text)[at] <= '9'; ++at, scale /= 10) {
    *micros += ((*text)[at] - '0') * scale;
  }
  text->remove_prefix(at);
  return at > 1;
}

// The whole of `text` as a zone in any form, empty for UTC. False if it is something else.
bool ParseZone(std::string_view text, int* offset_seconds) noexcept;

// The whole of `text` as a time in any form; false if it is none. A time out of the range of finite
// ones is infinite. *says_zone, unless null: whether it says of which zone it is.
bool ParseTimeForm(std::string_view text, int64_t* micros, bool* says_zone = nullptr) noexcept;

}  // namespace murmur
