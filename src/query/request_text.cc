#include "query/request_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/shown.h"
#include "base/time_text.h"
#include "definition/units.h"

namespace murmur {
namespace {

Status ParseBorder(const char* name, const std::string& text, std::optional<TimeBorder>* border) {
  if (text.empty()) return {};
  const auto micros = ParseEventTime(text);
  if (!micros) {
    return Status(Code::kInvalidArgument,
                  fmt::format("{} {}: is no time: {}", name, Shown(text), WhyNoTime(text)));
  }
  *border = {.micros = *micros, .local = !SaysZone(text)};
  return {};
}

}  // namespace

Result<TimeLength> ParseWindowLength(std::string_view text, std::string_view name) {
  const auto length = ParseTimeLength(text);
  if (length && *length != TimeLength()) return *length;
  return Status(
      Code::kInvalidArgument,
      fmt::format("{} {}: expected a length of time such as 7d, 12h or 3mo", name, Shown(text)));
}

Result<WindowRange> ParseRange(const RangeText& text, const RangeNames& names) {
  WindowRange range;
  if (!text.last.empty()) {
    MURMUR_ASSIGN(range.last, ParseWindowLength(text.last, names.last));
  }
  MURMUR_TRY(ParseBorder(names.as_of, text.as_of, &range.as_of));
  MURMUR_TRY(ParseBorder(names.from, text.from, &range.from));
  MURMUR_TRY(ParseBorder(names.to, text.to, &range.until));
  return range;
}

std::vector<std::string> SplitNames(std::string_view text) {
  std::vector<std::string> names;
  for (size_t at = 0; at < text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    names.emplace_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return names;
}

}  // namespace murmur
