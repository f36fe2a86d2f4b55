#include "monoid/parameters.h"

#include <charconv>
#include <cmath>
#include <cstdio>

#include "base/civil_time.h"
#include "base/trim.h"
#include "monoid/numbers.h"

namespace murmur {
namespace {

Status Wrong(std::string_view name, std::string_view value, const std::string& expected) {
  return Status(Code::kInvalidArgument,
                std::string(name) + " is '" + std::string(value) + "'; expected " + expected);
}

Status Missing(std::string_view name, const std::string& expected) {
  return Status(Code::kInvalidArgument, std::string(name) + " is missing; expected " + expected);
}

template <class T>
bool Parse(std::string_view text, T* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size();
}

std::string_view Trimmed(std::string_view text) { return Trim(text, " \t\n"); }

}  // namespace

Result<int64_t> IntParameter(const MonoidParams& params, std::string_view name, IntRange range,
                             std::optional<int64_t> fallback) {
  const std::string expected =
      "a whole number from " + std::to_string(range.low) + " to " + std::to_string(range.high);
  const auto found = params.find(name);
  if (found == params.end()) {
    if (fallback) return *fallback;
    return Missing(name, expected);
  }
  int64_t value = 0;
  if (!Parse(Trimmed(found->second), &value) || value < range.low || value > range.high) {
    return Wrong(name, found->second, expected);
  }
  return value;
}

Result<double> FractionParameter(const MonoidParams& params, std::string_view name, double low,
                                 double high, double fallback) {
  const auto found = params.find(name);
  if (found == params.end()) return fallback;
  double value = 0;
  if (!Parse(Trimmed(found->second), &value) || !(value > low && value < high)) {
    return Wrong(name, found->second,
                 "a number between " + NumberText(low) + " and " + NumberText(high));
  }
  return value;
}

Result<int64_t> DurationParameter(const MonoidParams& params, std::string_view name,
                                  int64_t fallback) {
  constexpr std::string_view kUnits = "smhdw";
  constexpr int64_t kUnitSeconds[] = {1, 60, 3600, 86400, 604800};
  constexpr int64_t kSecondsMax = int64_t{1000} * 366 * 86400;
  const auto found = params.find(name);
  if (found == params.end()) return fallback;
  const std::string_view text = Trimmed(found->second);
  const size_t unit = text.empty() ? std::string_view::npos : kUnits.find(text.back());
  int64_t count = 0;
  if (unit == std::string_view::npos || !Parse(text.substr(0, text.size() - 1), &count) ||
      count < 1 || count > kSecondsMax / kUnitSeconds[unit]) {
    return Wrong(name, found->second, "a duration such as 90s, 15m, 12h, 1d or 2w");
  }
  return count * kUnitSeconds[unit] * kMicrosPerSecond;
}

Result<std::vector<double>> AscendingParameter(const MonoidParams& params, std::string_view name,
                                               size_t size_max) {
  const std::string expected =
      "a list of 1 to " + std::to_string(size_max) + " ascending numbers, as in [1, 2.5, 10]";
  const auto found = params.find(name);
  if (found == params.end()) return Missing(name, expected);
  std::string_view text = Trimmed(found->second);
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') {
    return Wrong(name, found->second, expected);
  }
  text = text.substr(1, text.size() - 2);
  std::vector<double> values;
  for (bool more = true; more;) {
    const size_t comma = text.find(',');
    double value = 0;
    if (!Parse(Trimmed(text.substr(0, comma)), &value) || !std::isfinite(value) ||
        (!values.empty() && !(value > values.back())) || values.size() == size_max) {
      return Wrong(name, found->second, expected);
    }
    values.push_back(value);
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
  }
  return values;
}

std::string PercentText(double fraction) {
  char text[32];
  const int size = std::snprintf(text, sizeof(text), "%.2g %%", 100 * fraction);
  return std::string(text, static_cast<size_t>(size));
}

}  // namespace murmur
