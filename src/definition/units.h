// Durations and sizes as people write them: "90d", "1h30m", "512MB".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "murmur/window.h"

namespace murmur {

// One or more whole numbers, each with its unit (w, d, h, m, s, ms), largest first: "1h30m". Empty
// if it is not a duration or does not fit.
std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text);
std::string FormatDuration(std::chrono::milliseconds duration);  // "1d", "1h30m", "0s"

// A length of time: a duration, with calendar months (mo) and years (y) allowed before it: "13mo",
// "1y", "90d". Empty if it is none, has a fraction of a second, or does not fit.
std::optional<TimeLength> ParseTimeLength(std::string_view text);
std::string FormatTimeLength(const TimeLength& length);  // "13mo", "1y", "90d"

// A whole number of bytes followed by kB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB (powers
// of 1024), B or nothing.
std::optional<uint64_t> ParseBytes(std::string_view text);
std::string FormatBytes(uint64_t bytes);  // "512MiB", "1500B"

// Decimal digits only.
std::optional<uint64_t> ParseUnsigned(std::string_view text);

}  // namespace murmur
