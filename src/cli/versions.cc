#include "murmur/versions.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/shown.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "murmur/definition.h"
#include "murmur/key.h"

namespace murmur::cli {
namespace {

using nlohmann::ordered_json;

constexpr const char* kStatusNames[] = {"building", "complete", "failed"};

std::string StatusOf(const VersionRow& row) {
  return kStatusNames[static_cast<size_t>(row.info.status)];
}

ordered_json AsJson(const VersionRow& row) {
  ordered_json json = {{"version", row.info.number},
                       {"serving", row.serving},
                       {"status", StatusOf(row)},
                       {"mode", row.info.mode},
                       {"source", row.info.source},
                       {"range", row.info.range.empty() ? "all" : row.info.range},
                       {"created", FormatTime(row.info.created)},
                       {"in_use", row.in_use},
                       {"records", row.records},
                       {"dead_letters", row.dead_letters},
                       {"splits_done", row.splits_done},
                       {"splits_total", row.splits_total}};
  if (row.newest_time != INT64_MIN) json["newest_event_time"] = FormatTime(row.newest_time);
  if (!row.info.inexact.empty()) json["at_least_once"] = row.info.inexact;
  if (!row.info.assumed_ends.empty()) json["assumed"] = true;
  if (!row.info.failure.empty()) json["failure"] = row.info.failure;
  if (row.log_let_go) json["log_let_go"] = true;
  if (!row.damaged.empty()) json["damaged"] = row.damaged;
  return json;
}

std::string AsLine(const VersionRow& row) {
  std::string line = fmt::format(
      "{} {:>3}  {:<9} {:<9} {:>15} {:<7}  {}  {}", row.serving ? "*" : " ", row.info.number,
      StatusOf(row), row.info.mode, Grouped(row.records), row.records == 1 ? "record" : "records",
      FormatTime(row.info.created), row.info.source);
  if (!row.info.range.empty()) line += "  " + row.info.range;
  if (row.dead_letters > 0) line += "  " + Counted(row.dead_letters, "dead letter");
  if (row.info.status != VersionStatus::kComplete) {
    line += fmt::format("  {} of {} splits", row.splits_done, row.splits_total);
  }
  if (row.in_use) line += "  in use";
  if (row.log_let_go) line += "  can't serve again (rollback_for)";
  if (!row.damaged.empty()) line += "  DAMAGED";
  return line + "\n";
}

int ReportSwap(const Result<SwapSummary>& swapped) {
  if (!swapped.ok()) return Report(swapped.status());
  Note(swapped->replaced ? fmt::format("version {} serves now, instead of {}", swapped->serving,
                                       *swapped->replaced)
                         : fmt::format("version {} serves", swapped->serving));
  for (const uint64_t number : swapped->dropped) Note(fmt::format("version {} dropped", number));
  for (const std::string& warning : swapped->warnings) Note("WARNING: " + warning);
  return kExitDone;
}

}  // namespace

int VersionsVerb(const VersionArguments& arguments) {
  const auto definition = LoadDefinition(arguments.file);
  if (!definition.ok()) return ReportUsage(definition.status());
  const auto rows = ListVersions(*definition);
  if (!rows.ok()) return Report(rows.status());
  std::string text;
  if (arguments.format == Format::kJson) {
    for (const VersionRow& row : *rows) text += JsonText(AsJson(row)) + "\n";
  } else {
    for (const VersionRow& row : *rows) text += AsLine(row);
  }
  return Report(WriteStdout(text));
}

int SwapVerb(const VersionArguments& arguments) {
  const auto definition = LoadDefinition(arguments.file);
  if (!definition.ok()) return ReportUsage(definition.status());
  return ReportSwap(SwapVersion(*definition, arguments.version));
}

int RollbackVerb(const VersionArguments& arguments) {
  const auto definition = LoadDefinition(arguments.file);
  if (!definition.ok()) return ReportUsage(definition.status());
  return ReportSwap(RollBack(*definition));
}

int DropVerb(const VersionArguments& arguments) {
  const auto definition = LoadDefinition(arguments.file);
  if (!definition.ok()) return ReportUsage(definition.status());
  const Status dropped = DropVersion(*definition, arguments.version);
  if (dropped.ok()) Note(fmt::format("version {} dropped", arguments.version));
  return Report(dropped);
}

int DiffVerb(const VersionArguments& arguments) {
  const auto definition = LoadDefinition(arguments.file);
  if (!definition.ok()) return ReportUsage(definition.status());
  return Report(DiffVersions(*definition, arguments.version, arguments.other, arguments.top,
                             arguments.format == Format::kJson, WriteStdout));
}

}  // namespace murmur::cli
