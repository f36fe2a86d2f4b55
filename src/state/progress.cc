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
    total.splits_done += IsReadToEnd(p) ? 1 : 0;
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

SplitMove MoveOfMark(std::string mark, Position from, Position to) {
  return {.split = std::move(mark),
          .from = std::move(from),
          .to = {.position = std::move(to), .role = SplitRole::kMark, .done = true}};
}

Result<SplitMove> NextOfMark(std::string_view mark, const StateTable& table) {
  MURMUR_ASSIGN(const auto snapshot, table.Snapshot());
  MURMUR_ASSIGN(const auto progress, snapshot->Progress());
  const auto it = progress.find(std::string(mark));
  const Position from = it == progress.end() ? Position() : it->second.position;
  const uint64_t number = ParseUnsigned(from).value_or(0);
  return MoveOfMark(std::string(mark), from, std::to_string(number + 1));
}

}  // namespace murmur
