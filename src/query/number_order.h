// Orders the numbers of answers by their exact values.
#pragma once

#include <compare>

#include "murmur/value.h"

namespace murmur {

// Whether it is a number, absent excluded.
bool IsNumber(const Value& value) noexcept;
// Exact, except that what is compared with a double is taken for the nearest double. NaN is less
// than every number. REQUIRES: both are numbers
std::weak_ordering CompareNumbers(const Value& a, const Value& b);

}  // namespace murmur
