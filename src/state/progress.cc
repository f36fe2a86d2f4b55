#include "state/progress.h"

#include <algorithm>
#include <numeric>

#include "definition/units.h"

namespace murmur {

uint64_t DeadCount(const SplitProgress& progress) {
  return std::accumulate(progress.dead.begin(), progress.dead.end(), uint64_t{0});
}

uint64_t LookedAt(const SplitProgress& progress) {
  uint64_t records = progress.records + progress.expired + progress.duplicates;
  for (const DeadReason reason :
       {DeadReason::kMissingKey, DeadReason::kWrongType, DeadReason::kBadTime,
        DeadReason::kFutureTime, DeadReason::kExpression, DeadReason::kChanged}) {
    records += progress.dead[static_cast<size_t>(reason)];
  }
  return records;
}

namespace {

void KeepAbsentInBoth(const std::vector<AbsentField>& other, std::vector<AbsentField>* fields) {
  std::erase_if(*fields, [&other](AbsentField& field) {
    const auto same = std::find_if(other.begin(), other.end(),
                                   [&field](const auto& one) { return one.name == field.name; });
    if (same == other.end()) return true;
    if (field.like.empty()) field.like = same->like;
    return false;
  });
}

}  // namespace

TotalProgress TotalOf(const std::map<std::string, SplitProgress>& progress) {
  TotalProgress total;
  for (const auto& [split, p] : progress) {
    total.sum.bytes += p.bytes;
    total.sum.records += p.records;
    total.sum.filtered += p.filtered;
    total.sum.expired += p.expired;
    total.sum.duplicates += p.duplicates;
    for (size_t i = 0; i < kDeadReasonCount; ++i) total.sum.dead[i] += p.dead[i];
    total.sum.newest_time = std::max(total.sum.newest_time, p.newest_time);
    total.splits_done += p.done && p.role != SplitRole::kMark ? 1 : 0;
    if (!p.absent) continue;
    if (!total.sum.absent) {
      total.sum.absent = p.absent;
    } else {
      KeepAbsentInBoth(*p.absent, &*total.sum.absent);
    }
  }
  return total;
}

double ShareRead(const ScanPlan& plan, const std::map<std::string, SplitProgress>& progress) {
  double all = 0;
  double read = 0;
  for (const Split& split : plan.splits) {
    all += static_cast<double>(std::max<uint64_t>(1, split.bytes));
    const auto it = progress.find(split.id);
    if (it == progress.end()) continue;
    read += static_cast<double>(it->second.done ? std::max<uint64_t>(1, split.bytes)
                                                : std::min(it->second.bytes, split.bytes));
  }
  return all > 0 ? read / all : 1;
}

Result<SplitMove> NextOfMark(std::string_view mark, const StateTable& table) {
  MURMUR_ASSIGN(const auto snapshot, table.Snapshot());
  MURMUR_ASSIGN(const auto progress, snapshot->Progress());
  SplitMove move;
  move.split = mark;
  if (const auto it = progress.find(move.split); it != progress.end()) {
    move.from = it->second.position;
  }
  const uint64_t number = ParseUnsigned(move.from).value_or(0);
  move.to = {.position = std::to_string(number + 1), .role = SplitRole::kMark, .done = true};
  return move;
}

}  // namespace murmur
