// All written forms of a time; TimeParser (time_text.h) has a faster path for the most common one.
// docs/sources.md, "Times", lists them. Every form is unambiguous: text is not a time if the order
// of day and month must be guessed, or if its zone is an abbreviation.
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

// Reads all of `text` as a zone in any form, empty for UTC. False if it is something else.
bool ParseZone(std::string_view text, int* offset_seconds) noexcept;

// Reads all of `text` as a time in any form; false if it is none. A time outside the finite range
// is infinite. *says_zone, unless null: whether the text names its zone.
bool ParseTimeForm(std::string_view text, int64_t* micros, bool* says_zone = nullptr) noexcept;

}  // namespace murmur
