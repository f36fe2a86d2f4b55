// Whether text is UTF-8, for names and definitions. (Records are checked by the decoders, faster.)
#pragma once

#include <cstddef>
#include <string_view>

namespace murmur {

bool IsUtf8(std::string_view text) noexcept;
// At most `bytes` bytes from the front, cut between characters.
std::string_view CutUtf8(std::string_view text, size_t bytes) noexcept;

}  // namespace murmur
