#include "murmur/versions.h"

#include <algorithm>

#include "runtime/owner/switch_version.h"
#include "runtime/versions/state_access.h"
#include "runtime/versions/version_diff.h"
#include "state/progress.h"

namespace murmur {
namespace {

Result<std::unique_ptr<StateStore>> OpenStateForSwitching(const Definition& definition) {
  MURMUR_TRY(OpenStateForReading(definition));  // a missing state is not created
  return OpenStore(definition, Access::kWrite);
}

Status FillProgress(const StateTable& table, VersionRow* row) {
  MURMUR_ASSIGN(const auto plan, table.Plan());
  row->splits_total = plan ? plan->splits.size() : 0;
  MURMUR_ASSIGN(const auto snapshot, table.Snapshot());
  MURMUR_ASSIGN(const auto progress, snapshot->Progress());
  const TotalProgress total = TotalOf(progress);
  row->newest_time = total.sum.newest_time;
  row->records = total.sum.records;
  row->dead_letters = DeadCount(total.sum);
  row->splits_done = total.splits_done;
  row->damaged = table.Undamaged().message();
  return {};
}

}  // namespace

Result<std::vector<VersionRow>> ListVersions(const Definition& definition) {
  MURMUR_ASSIGN(const auto store, OpenStateForReading(definition));
  MURMUR_ASSIGN(const auto current, store->Current());
  MURMUR_ASSIGN(const auto numbers, store->Versions());
  std::vector<VersionRow> rows;
  for (const uint64_t number : numbers) {
    auto opened = OpenVersion(definition, *store, number, Access::kRead);
    if (!opened.ok() && opened.status().code() == Code::kNotFound) continue;  // dropped meanwhile
    MURMUR_TRY(opened);
    VersionRow& row = rows.emplace_back();
    row.info = opened->info;
    row.serving = current == number;
    row.in_use = store->HasOwner(number);
    MURMUR_ASSIGN(row.log_let_go, HasLetGo(*store, number));
    MURMUR_TRY(FillProgress(*opened->table, &row));
  }
  return rows;
}

Result<SwapSummary> SwapVersion(const Definition& definition, uint64_t number) {
  MURMUR_ASSIGN(const auto store, OpenStateForSwitching(definition));
  return SwitchTo(definition, store.get(), number);
}

Result<SwapSummary> RollBack(const Definition& definition) {
  MURMUR_ASSIGN(const auto store, OpenStateForSwitching(definition));
  MURMUR_ASSIGN(const auto served, store->Served());
  if (served.size() < 2) {
    return Status(Code::kNotFound, "no version that served before is kept: nothing to go back to");
  }
  return SwitchTo(definition, store.get(), served[1]);
}

Status DropVersion(const Definition& definition, uint64_t number) {
  MURMUR_ASSIGN(const auto store, OpenStateForSwitching(definition));
  return DropVersion(definition, store.get(), number);
}

Status DiffVersions(const Definition& definition, uint64_t a, uint64_t b, uint64_t top, bool json,
                    const WriteText& write) {
  MURMUR_ASSIGN(const auto store, OpenStateForReading(definition));
  MURMUR_ASSIGN(const auto before, OpenVersion(definition, *store, a, Access::kRead));
  MURMUR_ASSIGN(const auto after, OpenVersion(definition, *store, b, Access::kRead));
  return WriteDiff(before, after, top, json, write);
}

}  // namespace murmur
