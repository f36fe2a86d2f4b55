#include "runtime/loop/usable.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/shown.h"
#include "fold/absent_fields.h"
#include "state/progress.h"

namespace murmur {
namespace {

std::string Reasons(const SplitProgress& sum) {
  std::string reasons;
  for (size_t i = 0; i < kDeadReasonCount; ++i) {
    if (sum.dead[i] == 0) continue;
    reasons += fmt::format("{}{} {}", reasons.empty() ? "" : ", ", sum.dead[i],
                           DeadReasonName(static_cast<DeadReason>(i)));
  }
  return reasons;
}

}  // namespace

Status CheckUsable(const Pipeline& pipeline, const std::map<std::string, SplitProgress>& progress) {
  const SplitProgress sum = TotalOf(progress).sum;
  const uint64_t dead = DeadCount(sum);
  if (dead > 0 && sum.records + sum.expired + sum.duplicates == 0) {
    return Status(Code::kFailedPrecondition,
                  fmt::format("no record could be counted: {}; see dead-letters.jsonl in {}",
                              Reasons(sum), StatePlace(pipeline.definition())));
  }
  if (sum.records == 0 || sum.filtered < sum.records || !sum.absent) return {};
  const auto needed = FieldsNeeded(pipeline.definition().where);
  for (const AbsentField& field : *sum.absent) {
    if (std::find(needed.begin(), needed.end(), field.name) == needed.end()) continue;
    return Status(
        Code::kFailedPrecondition,
        fmt::format("`where` refused {}: {}. Where records may do without it, say what then holds: "
                    "coalesce({}, …)",
                    sum.records == 1 ? "the one record" : "all " + Counted(sum.records, "record"),
                    DescribeAbsent(field, LookedAt(sum)), field.name));
  }
  return {};
}

std::vector<UnknownField> UnknownFieldsOf(const std::map<std::string, SplitProgress>& progress) {
  const SplitProgress sum = TotalOf(progress).sum;
  std::vector<UnknownField> fields;
  if (!sum.absent) return fields;
  for (const AbsentField& field : *sum.absent) {
    fields.push_back({.name = field.name, .records = LookedAt(sum), .did_you_mean = field.like});
  }
  return fields;
}

}  // namespace murmur
