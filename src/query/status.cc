#include "query/status.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/civil_time.h"
#include "base/zone_database.h"
#include "murmur/key.h"
#include "state/progress.h"

namespace murmur {
namespace {

using nlohmann::ordered_json;

// With one decimal, rounded down: 100 means all.
double PercentRead(const std::optional<ScanPlan>& plan,
                   const std::map<std::string, SplitProgress>& progress) {
  return plan ? std::floor(ShareRead(*plan, progress) * 1000) / 10 : 0;
}

ordered_json AbsentAsJson(const SplitProgress& sum) {
  ordered_json list = ordered_json::array();
  for (const AbsentField& field : *sum.absent) {
    ordered_json one = {{"name", field.name}, {"records", LookedAt(sum)}};
    if (!field.like.empty()) one["did_you_mean"] = field.like;
    list.push_back(std::move(one));
  }
  return list;
}

std::map<std::string, std::string> ChangedZones(const Pipeline& pipeline) {
  std::map<std::string, std::string> changed;
  for (const auto& [name, zone] : pipeline.zones()) {
    const auto system = SystemZone(name);
    if (!system.ok()) {
      changed[name] = "the system: " + std::string(system.status().message());
      continue;
    }
    const int64_t from = kEventTimeMin / kMicrosPerSecond;
    const int64_t until = kEventTimeMax / kMicrosPerSecond;
    const int64_t second = zone->FirstDifference(**system, from, until);
    if (second == until) continue;
    changed[name] = "counted by the rules that the version began with; the system's differ from " +
                    FormatTime(second * kMicrosPerSecond) +
                    " on, and murmur bootstrap FILE --fresh takes those";
  }
  return changed;
}

}  // namespace

Result<VersionReport> ReadReport(const Pipeline& pipeline, const StateTable& table) {
  VersionReport report;
  MURMUR_ASSIGN(report.info, table.Info());
  MURMUR_ASSIGN(report.plan, table.Plan());
  MURMUR_ASSIGN(report.token, table.Token());
  MURMUR_ASSIGN(const auto snapshot, table.Snapshot());
  MURMUR_ASSIGN(report.progress, snapshot->Progress());
  report.undamaged = table.Undamaged();
  report.changed_zones = ChangedZones(pipeline);
  return report;
}

ordered_json ReportAsJson(const VersionReport& report) {
  const auto& [info, plan, token, progress, undamaged, changed_zones] = report;
  const SplitProgress sum = TotalOf(progress).sum;
  const int64_t newest = sum.newest_time;
  uint64_t bytes_total = 0;
  uint64_t done = 0;
  const auto splits = plan ? plan->splits : std::vector<Split>();
  for (const Split& split : splits) {
    bytes_total += split.bytes;
    const auto it = progress.find(split.id);
    done += it != progress.end() && it->second.done ? 1 : 0;
  }
  // The splits of a complete scan are done; those of a live source never are.
  ordered_json live = ordered_json::object();
  for (const auto& [split, one] : progress) {
    if (!one.done) live[split] = {{"committed", one.position}};
  }
  static constexpr const char* kStatus[] = {"building", "complete", "failed"};
  ordered_json dead = ordered_json::object();
  for (size_t i = 0; i < kDeadReasonCount; ++i) {
    if (sum.dead[i] > 0)
      dead[std::string(DeadReasonName(static_cast<DeadReason>(i)))] = sum.dead[i];
  }
  ordered_json json = {
      {"version", info.number},
      {"status", kStatus[static_cast<size_t>(info.status)]},
      {"mode", info.mode},
      {"source", plan ? ordered_json(plan->source) : ordered_json()},
      {"handoff", token && !token->streams.empty() ? ordered_json(token->streams) : ordered_json()},
      {"bytes", sum.bytes},
      {"bytes_total", bytes_total},
      {"splits_done", done},
      {"splits_total", splits.size()},
      {"records", sum.records},
      {"filtered", sum.filtered},
      {"expired", sum.expired},
      {"duplicates", sum.duplicates},
      {"dead_letters", DeadCount(sum)},
      {"dead_letters_by_reason", dead},
      {"newest_event_time",
       newest == INT64_MIN ? ordered_json() : ordered_json(FormatTime(newest))},
  };
  if (info.status != VersionStatus::kComplete) json["percent"] = PercentRead(plan, progress);
  if (info.status == VersionStatus::kComplete && !live.empty()) json["live"] = {{"splits", live}};
  if (plan && plan->method == TableMethod::kCut) json["method"] = "cut";
  if (sum.absent && !sum.absent->empty()) json["unknown_fields"] = AbsentAsJson(sum);
  if (!info.range.empty()) json["range"] = info.range;
  if (!info.inexact.empty()) json["at_least_once"] = info.inexact;
  if (!info.assumed_ends.empty()) json["assumed"] = true;
  if (!info.failure.empty()) json["failure"] = info.failure;
  if (!undamaged.ok()) json["damaged"] = undamaged.message();
  if (!changed_zones.empty()) json["time_zones"] = changed_zones;
  return json;
}

}  // namespace murmur
