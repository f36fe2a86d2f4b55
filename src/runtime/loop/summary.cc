#include "runtime/loop/summary.h"

#include "runtime/loop/usable.h"
#include "state/progress.h"

namespace murmur {

Status FillSummary(const StateTable& table, RunSummary* summary) {
  MURMUR_ASSIGN(const VersionInfo info, table.Info());
  summary->inexact = info.inexact;
  MURMUR_ASSIGN(const auto snapshot, table.Snapshot());
  MURMUR_ASSIGN(const auto progress, snapshot->Progress());
  summary->unknown_fields = UnknownFieldsOf(progress);
  const SplitProgress sum = TotalOf(progress).sum;
  summary->progress.records = sum.records;
  summary->progress.dead_letters = DeadCount(sum);
  summary->filtered = sum.filtered;
  summary->expired = sum.expired;
  summary->duplicates = sum.duplicates;
  summary->dead_letters_by_reason = sum.dead;
  return {};
}

}  // namespace murmur
