// Values and counts as messages show them: short, on one line, valid UTF-8 for any bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "murmur/record.h"

namespace murmur {

inline constexpr size_t kShownBytes = 60;  // of a value; the rest is left out

// The longest prefix of `text` of at most `bytes` that ends between characters. Bytes that are not
// UTF-8 count as characters.
std::string_view CutAtCharacter(std::string_view text, size_t bytes) noexcept;

// On one line: control characters, and bytes that are not UTF-8, as \n, \t, \xNN.
std::string Escaped(std::string_view text);

// 'text', escaped; if longer than kShownBytes, its start and ….
std::string Shown(std::string_view text);

// A value and its kind: 'abc', a string; 5, an integer; null.
std::string Shown(const Cell& cell);

// 1234567 → "1,234,567".
std::string Grouped(uint64_t n);
// "1 record", "2,000 records"; `many` is the plural, if it is not just an s added.
std::string Counted(uint64_t n, std::string_view one);
std::string Counted(uint64_t n, std::string_view one, std::string_view many);

// JSON text of an nlohmann json value. Bytes that are not UTF-8 become U+FFFD: for output that
// people and programs read, not for bytes that must be read back unchanged.
template <class Json>
std::string JsonText(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace murmur
