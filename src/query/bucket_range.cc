#include "query/bucket_range.h"

#include <algorithm>
#include <chrono>

namespace murmur {

Status CheckWindowLength(const BucketRule& rule, const TimeLength& length,
                         const std::string& what) {
  const bool whole_days = length.rest % std::chrono::days(1) == std::chrono::seconds(0);
  if (!rule.calendar() || whole_days) return {};
  return Status(Code::kInvalidArgument,
                "the windows are of the calendar (" + std::string(CalendarUnitName(rule.unit)) +
                    "): " + what + " takes days, weeks, months or years, such as 7d or 3mo");
}

Result<BucketRange> BucketsOf(const Pipeline& pipeline, const StateSnapshot& snapshot,
                              const WindowRange& asked) {
  const BucketRule& rule = pipeline.buckets();
  BucketRange range;
  if (!rule.windowed()) {
    if (asked.last || asked.from || asked.until) {
      return Status(Code::kInvalidArgument,
                    "the definition has no window: leave out `window`, `from` and `to`");
    }
    return range;
  }
  const BucketRange all;
  if (asked.last) {
    MURMUR_TRY(CheckWindowLength(rule, *asked.last, "`window`"));
    MURMUR_ASSIGN(int64_t end, snapshot.NewestTime());
    if (end == INT64_MIN && !asked.as_of) {
      return Status(Code::kNotFound, "nothing is counted yet");
    }
    if (asked.as_of) end = rule.InstantOf(*asked.as_of);
    const int64_t last = rule.Bucket(end);
    range = {.from = rule.FirstOfLast(*asked.last, last, end), .until = last + 1};
  }
  if (asked.from) range.from = std::max(range.from, rule.BucketFrom(*asked.from));
  if (asked.until) range.until = std::min(range.until, rule.BucketUntil(*asked.until));
  return BucketRange{.from = std::clamp(range.from, all.from, all.until),
                     .until = std::clamp(range.until, all.from, all.until)};
}

}  // namespace murmur
