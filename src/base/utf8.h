// Whether text is UTF-8, for names and definitions. (Records are checked by the decoders, faster.)
#pragma once

#include <string_view>

namespace murmur {

bool IsUtf8(std::string_view text) noexcept;

}  // namespace murmur
