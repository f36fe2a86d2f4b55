#include "definition/units.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace murmur {
namespace {

struct Unit {
  std::string_view name;
  uint64_t size;
};
constexpr auto kDurations = std::to_array<Unit>(
    {{"w", 604800000}, {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}});
constexpr uint64_t kMonthsPerYear = 12;
constexpr auto kCalendar = std::to_array<Unit>({{"y", kMonthsPerYear}, {"mo", 1}});
constexpr auto kSizes = std::to_array<Unit>({{"TiB", uint64_t{1} << 40},
                                             {"GiB", uint64_t{1} << 30},
                                             {"MiB", uint64_t{1} << 20},
                                             {"KiB", uint64_t{1} << 10},
                                             {"TB", 1000000000000},
                                             {"GB", 1000000000},
                                             {"MB", 1000000},
                                             {"kB", 1000},
                                             {"KB", 1000},
                                             {"B", 1},
                                             {"", 1}});
constexpr uint64_t kDurationMaxMillis = uint64_t{1} << 52;  // 140,000 years
constexpr uint64_t kMonthsMax = 140'000 * kMonthsPerYear;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes digits, then a word up to the next digit, off the front.
bool TakeQuantity(std::string_view* text, uint64_t* number, std::string_view* unit) {
  const auto digits_end = std::find_if_not(text->begin(), text->end(), IsDigit);
  const auto unit_end = std::find_if(digits_end, text->end(), IsDigit);
  const auto value = ParseUnsigned(std::string_view(text->begin(), digits_end));
  if (!value) return false;
  *number = *value;
  *unit = std::string_view(digits_end, unit_end);
  text->remove_prefix(static_cast<size_t>(unit_end - text->begin()));
  return true;
}

// Takes quantities of the units, largest first, off the front. Empty: there are none, or more than
// `most`; quantities of other units stay.
template <size_t n>
std::optional<uint64_t> TakeSum(const std::array<Unit, n>& units, uint64_t most,
                                std::string_view* text) {
  uint64_t total = 0;
  auto next = units.begin();
  do {
    std::string_view rest = *text;
    uint64_t number = 0;
    std::string_view name;
    const bool taken = TakeQuantity(&rest, &number, &name);
    const auto unit = std::find_if(next, units.end(),
                                   [&](const Unit& candidate) { return candidate.name == name; });
    if (!taken || unit == units.end()) {
      if (next == units.begin()) return std::nullopt;
      break;
    }
    next = unit + 1;
    if (number > most / unit->size) return std::nullopt;
    total += number * unit->size;
    *text = rest;
  } while (!text->empty());
  return total <= most ? std::optional(total) : std::nullopt;
}

}  // namespace

std::optional<uint64_t> ParseUnsigned(std::string_view text) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (text.empty() || read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return value;
}

std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  const auto total = TakeSum(kDurations, kDurationMaxMillis, &text);
  if (!total || !text.empty()) return std::nullopt;
  return std::chrono::milliseconds(*total);
}

std::optional<TimeLength> ParseTimeLength(std::string_view text) {
  TimeLength length;
  const auto months = TakeSum(kCalendar, kMonthsMax, &text);
  if (months) length.months = static_cast<int64_t>(*months);
  if (months && text.empty()) return length;
  const auto rest = ParseDuration(text);
  if (!rest || rest->count() % 1000 != 0) return std::nullopt;
  length.rest = std::chrono::duration_cast<std::chrono::seconds>(*rest);
  return length;
}

std::string FormatTimeLength(const TimeLength& length) {
  if (length.months == 0) return FormatDuration(length.rest);
  const auto months = static_cast<uint64_t>(length.months);
  std::string out = months % kMonthsPerYear == 0 ? std::to_string(months / kMonthsPerYear) + "y"
                                                 : std::to_string(months) + "mo";
  return length.rest.count() == 0 ? out : out + FormatDuration(length.rest);
}

std::string FormatDuration(std::chrono::milliseconds duration) {
  auto rest = static_cast<uint64_t>(duration.count());
  std::string out;
  for (const Unit& unit : kDurations) {
    if (unit.name == "w" || rest < unit.size) continue;
    out += std::to_string(rest / unit.size);
    out += unit.name;
    rest %= unit.size;
  }
  return out.empty() ? "0s" : out;
}

std::optional<uint64_t> ParseBytes(std::string_view text) {
  uint64_t number = 0;
  std::string_view name;
  if (!TakeQuantity(&text, &number, &name) || !text.empty()) return std::nullopt;
  while (name.starts_with(' ')) name.remove_prefix(1);
  for (const Unit& unit : kSizes) {
    if (unit.name != name) continue;
    if (number > UINT64_MAX / unit.size) return std::nullopt;
    return number * unit.size;
  }
  return std::nullopt;
}

std::string FormatBytes(uint64_t bytes) {
  for (const Unit& unit : kSizes) {
    if (unit.size == 1 || bytes == 0 || bytes % unit.size != 0) continue;
    return std::to_string(bytes / unit.size).append(unit.name);
  }
  return std::to_string(bytes) + "B";
}

}  // namespace murmur
