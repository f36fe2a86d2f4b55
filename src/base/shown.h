// Values and counts as messages show them: short, on one line, valid UTF-8 whatever the bytes are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "murmur/record.h"

namespace murmur {

inline constexpr size_t kShownBytes = 60;  // of a value, before what is left out

// The longest start of `text` that is no longer than `bytes` and ends between characters. Bytes
// that are no UTF-8 count as characters.
std::string_view CutAtCharacter(std::string_view text, size_t bytes) noexcept;

// On one line: control characters, and bytes that are no UTF-8, as \n, \t, \xNN.
std::string Escaped(std::string_view text);

// 'text', escaped; of what is longer than kShownBytes its start and …
std::string Shown(std::string_view text);

// A value and what it is: 'abc', a string; 5, an integer; null.
std::string Shown(const Cell& cell);

// 1234567 → "1,234,567".
std::string Grouped(uint64_t n);
// "1 record", "2,000 records"; `many` where what is counted takes more than an s behind it.
std::string Counted(uint64_t n, std::string_view one);
std::string Counted(uint64_t n, std::string_view one, std::string_view many);

// JSON text of a json value of nlohmann's. Bytes that are no UTF-8 become U+FFFD: for people and
// programs that read, not for what is to be read back byte for byte.
template <class Json>
std::string JsonText(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace murmur
