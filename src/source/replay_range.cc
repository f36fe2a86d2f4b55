#include "source/replay_range.h"

#include <fmt/format.h>

#include <charconv>

#include "base/time_text.h"
#include "murmur/key.h"

namespace murmur {
namespace {

bool ParseNumber(std::string_view text, int64_t* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size() && *value >= 0;
}

// "0:1500,1:1480"; false if it does not have this form.
bool ParseOffsets(std::string_view text, std::map<int64_t, int64_t>* offsets) {
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(one.size() + 1, text.size()));
    const size_t colon = one.find(':');
    int64_t partition = 0;
    int64_t offset = 0;
    if (colon == one.npos || !ParseNumber(one.substr(0, colon), &partition) ||
        !ParseNumber(one.substr(colon + 1), &offset) ||
        !offsets->emplace(partition, offset).second) {
      return false;
    }
  }
  return true;
}

// `open`: the text that stands for no border.
Status ParseBorder(const BucketRule& buckets, const char* option, std::string_view open,
                   std::string_view text, int64_t* time, std::map<int64_t, int64_t>* offsets) {
  if (text.empty() || text == open) return {};
  if (const auto micros = ParseEventTime(text)) {
    *time = buckets.InstantOf({.micros = *micros, .local = !SaysZone(text)});
    return {};
  }
  if (ParseOffsets(text, offsets)) return {};
  return Status(Code::kInvalidArgument,
                fmt::format("{} '{}': expected a time as RFC 3339, such as 2026-03-01T12:00:00Z, "
                            "offsets as partition:offset, such as 0:1500,1:1480, or {}",
                            option, text, open));
}

}  // namespace

std::string ReplayRange::ToString() const {
  if (by_offset()) {
    std::map<int64_t, std::pair<std::string, std::string>> borders;
    for (const auto& [partition, offset] : from_offsets) {
      borders[partition] = {std::to_string(offset), "end"};
    }
    for (const auto& [partition, offset] : until_offsets) {
      auto& [from, until] = borders[partition];
      if (from.empty()) from = "start";
      until = std::to_string(offset);
    }
    std::string text = "offsets";
    for (const auto& [partition, border] : borders) {
      text += fmt::format(" {}: [{}, {})", partition, border.first, border.second);
    }
    return text;
  }
  if (times.unbounded()) return "";
  return fmt::format("times [{}, {})", times.from == INT64_MIN ? "start" : FormatTime(times.from),
                     times.until == INT64_MAX ? "end" : FormatTime(times.until));
}

Result<ReplayRange> ParseReplayRange(const BucketRule& buckets, std::string_view from,
                                     std::string_view to) {
  ReplayRange range;
  MURMUR_TRY(
      ParseBorder(buckets, "--from", "earliest", from, &range.times.from, &range.from_offsets));
  MURMUR_TRY(ParseBorder(buckets, "--to", "now", to, &range.times.until, &range.until_offsets));
  if (range.by_offset() && !range.times.unbounded()) {
    return Status(Code::kInvalidArgument,
                  "--from and --to: give times for both, or offsets for both");
  }
  if (range.times.from >= range.times.until) {
    return Status(Code::kInvalidArgument, "--from is not before --to: nothing lies between them");
  }
  for (const auto& [partition, until] : range.until_offsets) {
    const auto it = range.from_offsets.find(partition);
    if (it != range.from_offsets.end() && it->second > until) {
      return Status(Code::kInvalidArgument, fmt::format("partition {}: --from {} is after --to {}",
                                                        partition, it->second, until));
    }
  }
  return range;
}

}  // namespace murmur
