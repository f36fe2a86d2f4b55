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

}  // namespace

std::optional<uint64_t> ParseUnsigned(std::string_view text) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (text.empty() || read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return value;
}

std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  uint64_t total = 0;
  const Unit* last = nullptr;
  do {
    uint64_t number = 0;
    std::string_view name;
    if (!TakeQuantity(&text, &number, &name)) return std::nullopt;
    const auto* unit = std::find_if(kDurations.begin(), kDurations.end(),
                                    [&](const Unit& candidate) { return candidate.name == name; });
    if (unit == kDurations.end() || (last != nullptr && unit <= last)) return std::nullopt;
    last = unit;
    if (number > kDurationMaxMillis / unit->size) return std::nullopt;
    total += number * unit->size;
  } while (!text.empty());
  if (total > kDurationMaxMillis) return std::nullopt;
  return std::chrono::milliseconds(total);
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
