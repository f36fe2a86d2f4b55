#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/shown.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/serving.h"
#include "cli/signals.h"
#include "fold/absent_fields.h"
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

ordered_json UnknownFields(const RunSummary& summary) {
  ordered_json list = ordered_json::array();
  for (const UnknownField& field : summary.unknown_fields) {
    ordered_json one = {{"name", field.name}, {"records", field.records}};
    if (!field.did_you_mean.empty()) one["did_you_mean"] = field.did_you_mean;
    list.push_back(std::move(one));
  }
  return list;
}

void NoteUnknownFields(const Definition& definition, const RunSummary& summary) {
  for (const UnknownField& field : summary.unknown_fields) {
    Note("  WARNING: " +
         DescribeAbsent({.name = field.name, .like = field.did_you_mean}, field.records));
  }
  const uint64_t records = summary.progress.records;
  const bool may_lie_outside = !summary.range.empty();  // such records are filtered too
  if (records > 0 && summary.filtered == records && !may_lie_outside) {
    Note(fmt::format("  WARNING: `where: {}` refused {}: the answer is empty", definition.where,
                     records == 1 ? "the one record" : "all " + Counted(records, "record")));
  }
}

std::string SummaryAsJson(const RunSummary& summary, const Status& status) {
  const RunProgress& p = summary.progress;
  ordered_json json = {
      {"status", status.ok()                         ? "complete"
                 : status.code() == Code::kCancelled ? "stopped"
                                                     : "failed"},
      {"version", summary.version},
      {"records", p.records},
      {"range", summary.range.empty() ? "all" : summary.range},
      {"swapped", summary.swapped},
      {"filtered", summary.filtered},
      {"expired", summary.expired},
      {"duplicates", summary.duplicates},
      {"dead_letters", p.dead_letters},
      {"dead_letters_by_reason", DeadByReason(summary)},
      {"records_this_run", p.records_this_run},
      {"bytes_this_run", p.bytes_this_run},
      {"commits_this_run", p.commits_this_run},
      {"seconds", p.seconds},
  };
  if (!summary.inexact.empty()) json["at_least_once"] = summary.inexact;
  if (!summary.notes.empty()) json["notes"] = summary.notes;
  if (!summary.unknown_fields.empty()) json["unknown_fields"] = UnknownFields(summary);
  if (!status.ok()) json["failure"] = status.message();
  return JsonText(json) + "\n";
}

void NoteSummary(const Definition& definition, const RunSummary& summary, const Status& status) {
  const RunProgress& p = summary.progress;
  const std::string counted = fmt::format(
      "version {}{}: {}, {}", summary.version, summary.range.empty() ? "" : ", " + summary.range,
      Counted(p.records, "record"), Counted(p.dead_letters, "dead letter"));
  if (summary.already_complete) {
    Note("COMPLETE already: " + counted);
  } else if (status.ok()) {
    Note(fmt::format("COMPLETE {}; read {} in {:.2f} s ({} records)", counted,
                     Bytes(p.bytes_this_run), p.seconds,
                     Rate(static_cast<double>(p.records_this_run) / std::max(p.seconds, 1e-9))));
  } else {
    Note((status.code() == Code::kCancelled ? "STOPPED " : "FAILED ") + counted);
  }
  NoteUnknownFields(definition, summary);
  for (const std::string& note : summary.notes) Note("  " + note);
  if (!summary.inexact.empty()) Note("  at least once: " + summary.inexact);
  if (summary.swapped && summary.replaced) {
    Note(fmt::format("  version {} serves now, instead of {}", summary.version, *summary.replaced));
  }
  for (const uint64_t number : summary.dropped) Note(fmt::format("  version {} dropped", number));
  if (summary.duplicates > 0) {
    Note(
        fmt::format("  {} had an id that was read already", Counted(summary.duplicates, "record")));
  }
  if (p.dead_letters > 0) {
    const ordered_json reasons = DeadByReason(summary);
    for (const auto& [reason, count] : reasons.items()) {
      Note(fmt::format("  {} {}", Grouped(count.get<uint64_t>()), reason));
    }
    Note("  see dead-letters.jsonl in " + StatePlace(definition));
  }
}

}  // namespace

namespace {

std::string CommandOf(const char* label, const RunArguments& arguments) {
  std::string command = fmt::format("murmur {} {}", label, arguments.file);
  if (arguments.until_caught_up) command += " --until-caught-up";
  if (arguments.fresh) command += " --fresh";
  if (!arguments.from.empty()) command += " --from " + arguments.from;
  if (!arguments.to.empty()) command += " --to " + arguments.to;
  if (arguments.no_swap) command += " --no-swap";
  if (arguments.partial) command += " --partial";
  return command;
}

// The same command succeeds if the cause has passed; otherwise the error names what must change.
std::string HowToGoOn(Code code, bool too_many_dead, const std::string& command) {
  switch (code) {
    case Code::kCancelled:
    case Code::kAborted:
    case Code::kUnavailable: return "go on with: " + command;
    case Code::kNotFound:
    case Code::kPermissionDenied:
    case Code::kResourceExhausted: return "when that is mended, go on with: " + command;
    case Code::kFailedPrecondition:
      if (!too_many_dead) break;
      return "to leave such records out, go on with: " + command + " --max-errors unlimited";
    default: break;
  }
  return "the same command fails again until that is mended";
}

// Whether this run or an earlier one is known to have committed something of the version. What a
// run has read may not be committed.
bool HasCommitted(const RunProgress& p) {
  return p.commits_this_run > 0 || p.records > p.records_this_run || p.bytes > p.bytes_this_run;
}

std::string AfterFailure(const RunProgress& p, std::string how_to_go_on) {
  if (HasCommitted(p)) return "What was committed is good; " + how_to_go_on;
  how_to_go_on[0] = static_cast<char>(std::toupper(how_to_go_on[0]));
  return how_to_go_on;
}

// Shared by bootstrap and replay: run, progress, summary.
template <class Options, class Run>
int BuildVerb(const RunArguments& arguments, const Definition& definition, const char* label,
              Options options, Run&& run) {
  const auto max_errors = ParseMaxErrors(arguments.max_errors);
  if (!max_errors.ok()) return ReportUsage(max_errors.status());
  ProgressLine line(label + (" " + definition.name), arguments.quiet);
  options.run.threads = arguments.threads;
  options.run.max_errors = *max_errors;
  options.run.on_progress = [&line](const RunProgress& progress) { line.Show(progress); };
  options.run.on_note = [&](const std::string& note) {
    line.Finish();
    if (!arguments.quiet) Note(note);
  };
  RunSummary summary;
  const Status status = run(definition, options, &summary);
  line.Finish();
  const bool began = summary.version != 0;
  if (began && !arguments.quiet) NoteSummary(definition, summary, status);
  if (began && arguments.format == Format::kJson) {
    if (const auto written = WriteStdout(SummaryAsJson(summary, status)); !written.ok()) {
      return Report(written);
    }
  }
  const int code = Report(status);
  if (!status.ok() && began && !arguments.quiet) {
    const bool live = summary.progress.lag_records.has_value();
    const uint64_t allowed =
        max_errors->value_or(definition.max_errors.value_or(live ? kUnlimited : 0));
    // If no record counts, advice to leave out the others does not help.
    const RunProgress& p = summary.progress;
    Note(AfterFailure(p, HowToGoOn(status.code(), p.dead_letters > allowed && p.records > 0,
                                   CommandOf(label, arguments))));
  }
  return code;
}

}  // namespace

int BootstrapVerb(const RunArguments& arguments) {
  const std::stop_token stop = StopOnSignals();
  const auto definition = LoadDefinition(arguments.file);
  if (!definition.ok()) return ReportUsage(definition.status());
  const bool live_alone = definition->live && !definition->bootstrap;
  if (!definition->bootstrap && !definition->source && !(live_alone && arguments.fresh)) {
    return Report(Status(Code::kInvalidArgument,
                         arguments.file + ": no `bootstrap:` or `source:` to read from" +
                             (live_alone ? "; murmur run follows `live:`, and with --fresh an "
                                           "empty version begins where its `start:` says"
                                         : "")));
  }
  BootstrapOptions options;
  options.run.stop = stop;
  options.fresh = arguments.fresh;
  return BuildVerb(arguments, *definition, "bootstrap", options, murmur::Bootstrap);
}

int ReplayVerb(const RunArguments& arguments) {
  const std::stop_token stop = StopOnSignals();
  const auto definition = LoadDefinition(arguments.file);
  if (!definition.ok()) return ReportUsage(definition.status());
  ReplayOptions options;
  options.run.stop = stop;
  options.from = arguments.from;
  options.to = arguments.to;
  options.swap = !arguments.no_swap;
  options.partial = arguments.partial;
  return BuildVerb(arguments, *definition, "replay", options, murmur::Replay);
}

int RunVerb(const RunArguments& arguments) {
  const std::stop_token stop = StopOnSignals();
  const auto definition = LoadDefinition(arguments.file);
  if (!definition.ok()) return ReportUsage(definition.status());
  if (!HasLive(*definition) && !definition->bootstrap) {
    return Report(
        Status(Code::kInvalidArgument, arguments.file + ": no `bootstrap:`, `live:` or `source:`"));
  }
  LiveOptions options;
  options.run.stop = stop;
  options.until_caught_up = arguments.until_caught_up;
  ServedState served;
  std::unique_ptr<Server> server;
  if (!arguments.serve.http.empty() || !arguments.serve.grpc.empty()) {
    options.run.served = &served;
    auto started = StartServer(PipelinesOfRun(*definition, &served), arguments.serve);
    if (!started.ok()) return Report(started.status());
    server = std::move(started).value();
  }
  return BuildVerb(arguments, *definition, "run", options, murmur::Run);
}

}  // namespace murmur::cli
