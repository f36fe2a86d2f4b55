#include "state/state_schema.h"

#include <algorithm>

namespace murmur {
namespace {

std::string Described(const BucketRule& rule) {
  if (!rule.windowed()) return "no window";
  if (rule.calendar()) return std::string(CalendarUnitName(rule.unit));
  return std::to_string(rule.every) + " s from " + std::to_string(rule.offset) + " s";
}

}  // namespace

Status CheckSchema(const StateSchema& schema, const VersionInfo& info,
                   const RetentionRecord& stored) {
  std::string differences;
  const std::vector<std::string> names = schema.MonoidNames();
  for (size_t i = 0; i < std::max(names.size(), info.monoids.size()); ++i) {
    const std::string before = i < info.monoids.size() ? info.monoids[i] : "nothing";
    const std::string now = i < names.size() ? names[i] : "nothing";
    if (before != now) {
      differences += "\n  aggregate " + std::to_string(i + 1) + ": " + before + " → " + now;
    }
  }
  const BucketRule& rule = schema.buckets;
  if (!rule.SameBuckets(stored.rule)) {
    differences += "\n  window: " + Described(stored.rule) + " → " + Described(rule);
  }
  if (differences.empty()) return Status();
  return Status(
      Code::kFailedPrecondition,
      "version " + std::to_string(info.number) +
          " was built by another definition; build a new version for this one:" + differences);
}

RetentionRecord Reopened(const RetentionRecord& stored, const BucketRule& rule, int64_t newest) {
  RetentionRecord before = stored;
  before.rule.zone = rule.zone;
  return {.rule = rule, .floor = FirstVisible(before, newest)};
}

int64_t FirstVisible(const RetentionRecord& record, int64_t newest) noexcept {
  if (!record.rule.windowed()) return INT64_MIN;
  return std::max(record.floor, record.rule.FirstKept(newest));
}

Status LogIsLetGo(uint64_t number) {
  return Status(Code::kFailedPrecondition,
                "version " + std::to_string(number) +
                    " can't serve again: it served no more for longer than rollback_for, and let " +
                    "go of its log, which may lack changes by now. Build what it counts anew, " +
                    "from its own definition: murmur bootstrap FILE --fresh. A longer " +
                    "rollback_for keeps the way back open, and the log, for longer");
}

Status CheckHasMoves(const Commit& commit) {
  if (!commit.moves.empty()) return {};
  return Status(Code::kInvalidArgument, "a commit without a move: nothing would fence it");
}

Status IdIsStored(std::string_view id) {
  return Status(Code::kAborted,
                "a record with the id '" + std::string(id) + "' is counted already");
}

}  // namespace murmur
