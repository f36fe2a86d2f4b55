#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "murmur/run.h"

namespace murmur::cli {
namespace {

using nlohmann::ordered_json;

Result<std::optional<uint64_t>> ParseMaxErrors(const std::optional<std::string>& text) {
  if (!text) return std::optional<uint64_t>();
  if (*text == "unlimited") return std::optional<uint64_t>(kUnlimited);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error == std::errc() && end == text->data() + text->size()) {
    return std::optional<uint64_t>(value);
  }
  return Status(Code::kInvalidArgument,
                "--max-errors " + *text + ": expected a number or 'unlimited'");
}

ordered_json DeadByReason(const RunSummary& summary) {
  ordered_json reasons = ordered_json::object();
  for (size_t i = 0; i < kDeadReasonCount; ++i) {
    const uint64_t count = summary.dead_letters_by_reason[i];
    if (count > 0) reasons[std::string(DeadReasonName(static_cast<DeadReason>(i)))] = count;
  }
  return reasons;
}

std::string SummaryAsJson(const RunSummary& summary, const Status& status) {
  const RunProgress& p = summary.progress;
  ordered_json json = {
      {"status", status.ok()                         ? "complete"
                 : status.code() == Code::kCancelled ? "stopped"
                                                     : "failed"},
      {"version", summary.version},
      {"records", p.records},
      {"filtered", summary.filtered},
      {"expired", summary.expired},
      {"dead_letters", p.dead_letters},
      {"dead_letters_by_reason", DeadByReason(summary)},
      {"records_this_run", p.records_this_run},
      {"bytes_this_run", p.bytes_this_run},
      {"commits_this_run", p.commits_this_run},
      {"seconds", p.seconds},
  };
  if (!status.ok()) json["failure"] = status.message();
  return json.dump() + "\n";
}

void NoteSummary(const Definition& definition, const RunSummary& summary, const Status& status) {
  const RunProgress& p = summary.progress;
  const std::string counted =
      fmt::format("version {}: {} records, {} dead letters", summary.version, WithCommas(p.records),
                  WithCommas(p.dead_letters));
  if (summary.already_complete) {
    Note("COMPLETE already: " + counted);
  } else if (status.ok()) {
    Note(fmt::format("COMPLETE {}; read {} in {:.2f} s ({} records)", counted,
                     Bytes(p.bytes_this_run), p.seconds,
                     Rate(static_cast<double>(p.records_this_run) / std::max(p.seconds, 1e-9))));
  } else {
    Note((status.code() == Code::kCancelled ? "STOPPED " : "FAILED ") + counted);
  }
  if (p.dead_letters > 0) {
    const ordered_json reasons = DeadByReason(summary);
    for (const auto& [reason, count] : reasons.items()) {
      Note(fmt::format("  {} {}", WithCommas(count.get<uint64_t>()), reason));
    }
    Note("  see dead-letters.jsonl in " + definition.state_path);
  }
}

}  // namespace

int BootstrapVerb(const RunArguments& arguments) {
  const std::stop_token stop = StopOnSignals();
  auto definition = LoadDefinition(arguments.file);
  if (!definition.ok()) return ReportUsage(definition.status());
  if (!definition->bootstrap) {
    return Report(
        Status(Code::kInvalidArgument, arguments.file + ": no `bootstrap:` to read from"));
  }
  const auto max_errors = ParseMaxErrors(arguments.max_errors);
  if (!max_errors.ok()) return ReportUsage(max_errors.status());

  ProgressLine line("bootstrap " + definition->name, arguments.quiet);
  RunSummary summary;
  const Status status = murmur::Bootstrap(
      *definition,
      {.threads = arguments.threads,
       .max_errors = *max_errors,
       .stop = stop,
       .on_progress = [&line](const RunProgress& progress) { line.Show(progress); }},
      &summary);
  line.Finish();
  const bool began = summary.version != 0;
  if (began && !arguments.quiet) NoteSummary(*definition, summary, status);
  if (began && arguments.format == Format::kJson) {
    if (const auto written = WriteStdout(SummaryAsJson(summary, status)); !written.ok()) {
      return Report(written);
    }
  }
  if (!status.ok() && began && !arguments.quiet) {
    Note("What was committed is good; go on with: murmur bootstrap " + arguments.file);
  }
  return Report(status);
}

int RunVerb(const RunArguments& arguments) {
  const auto definition = LoadDefinition(arguments.file);
  if (!definition.ok()) return ReportUsage(definition.status());
  if (definition->live) {
    return Report(
        Status(Code::kUnimplemented, "live: " + definition->live->kind +
                                         ": this version of murmur has no live sources; murmur "
                                         "bootstrap reads the `bootstrap:` part"));
  }
  return BootstrapVerb(arguments);
}

}  // namespace murmur::cli
