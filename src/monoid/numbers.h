// Numbers of cells as integers, and doubles as JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/decimal.h"
#include "murmur/record.h"

namespace murmur {

// Whether the decimal is a 64-bit integer; sets *integer.
bool DecimalToInteger(const Cell& cell, int64_t* integer);

// The shortest text that reads back as `v`: "2", "0.1", "1e+22".
std::string NumberText(double v);
// "[0.5,2]"
std::string ListText(const std::vector<double>& values);

// NumberText, with a point or an exponent ("2.0"); null for NaN and the infinities, which JSON does
// not have.
void AppendJsonDouble(double v, std::string* json);

// `text`, in which bytes that are not UTF-8 become U+FFFD.
void AppendUtf8(std::string_view text, std::string* out);

// A string literal of JSON. Bytes that are not UTF-8 become U+FFFD.
void AppendJsonString(std::string_view text, std::string* json);

}  // namespace murmur
