// Reads the parameters of an aggregate call. Errors: kInvalidArgument, naming the parameter, its
// value and the allowed values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "murmur/monoid.h"

namespace murmur {

struct IntRange {
  int64_t low;
  int64_t high;
};

// The parameter's value, or `fallback` if it is absent; without a fallback it is required.
Result<int64_t> IntParameter(const MonoidParams& params, std::string_view name, IntRange range,
                             std::optional<int64_t> fallback);
// A number strictly between low and high.
Result<double> FractionParameter(const MonoidParams& params, std::string_view name, double low,
                                 double high, double fallback);
// "90s", "15m", "12h", "1d", "2w"; in microseconds.
Result<int64_t> DurationParameter(const MonoidParams& params, std::string_view name,
                                  int64_t fallback);
// "[1, 2.5, 10]", ascending, 1 to `size_max` finite numbers. Required.
Result<std::vector<double>> AscendingParameter(const MonoidParams& params, std::string_view name,
                                               size_t size_max);

// 0.01625 → "1.6 %".
std::string PercentText(double fraction);

}  // namespace murmur
