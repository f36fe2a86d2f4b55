// The bytes of a value inside a state, in the format of a key part (murmur/key.h). Equal values
// have equal bytes whatever their kind, and memcmp orders them: bool, number, time, string. Each
// value marks its own end, so lists need no lengths. Null and objects are never stored.
#pragma once

#include <string>
#include <string_view>

#include "murmur/key.h"
#include "murmur/value.h"

namespace murmur {

// The first byte of a value, as of a key part.
namespace value_tag {
inline constexpr char kFalse = 2;
inline constexpr char kTrue = 3;
inline constexpr char kNumber = 4;
inline constexpr char kTime = 5;
inline constexpr char kText = 6;
}  // namespace value_tag

inline void AppendValue(const Cell& cell, std::string* out) { AppendKeyPart(cell, out); }

// Takes one value off the front of *in; false if there is none, or AppendValue does not write it.
bool ReadValue(std::string_view* in, std::string_view* value);

// Below, at or above 0 as a < b, a == b, a > b. Differs from memcmp only for decimals with the same
// nearest double: memcmp orders their text, this their value.
// REQUIRES: both as ReadValue returns them
int CompareValues(std::string_view a, std::string_view b);

// REQUIRES: as ReadValue returns it
Value DecodeValue(std::string_view value);

// What a set of more than `limit` values answers: {"overflow": true, "limit": 1000}.
Value OverflowValue(size_t limit);

}  // namespace murmur
