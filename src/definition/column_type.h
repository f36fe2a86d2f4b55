// The types of `columns:`, as text: "decimal(12,2)", "time", "time(us)".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "murmur/record.h"

namespace murmur {

inline constexpr std::string_view kColumnTypeUsage =
    "decimal(precision,scale) with a precision of 1 to 38, time, or {time: s, ms, us, ns or d}";

// Empty if it is not a type.
std::optional<DeclaredType> ParseColumnType(std::string_view text);
std::string FormatColumnType(const DeclaredType& type);

}  // namespace murmur
