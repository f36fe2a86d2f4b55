#include "murmur/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/shown.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/signals.h"

namespace murmur::cli {
namespace {

using nlohmann::ordered_json;

constexpr uint64_t kFindingsShown = 100;

bool IsOfRow(size_t kind) { return kind <= static_cast<size_t>(VerifyFinding::Kind::kGhostRow); }

// "2 missing rows, 1 wrong key": the kinds that were found.
std::string CountsAsText(const VerifyCounts& counts) {
  std::string text;
  for (size_t kind = 0; kind < kVerifyFindingKinds; ++kind) {
    if (counts.findings[kind] == 0) continue;
    std::string name(VerifyFindingName(static_cast<VerifyFinding::Kind>(kind)));
    std::replace(name.begin(), name.end(), '_', ' ');
    text += (text.empty() ? "" : ", ") + Counted(counts.findings[kind], name);
  }
  return text;
}

ordered_json CountsAsJson(const VerifyCounts& counts) {
  ordered_json json = ordered_json::object();
  for (size_t kind = 0; kind < kVerifyFindingKinds; ++kind) {
    const auto name = VerifyFindingName(static_cast<VerifyFinding::Kind>(kind));
    json[std::string(name) + "s"] = counts.findings[kind];
  }
  return json;
}

ordered_json AsJson(const std::vector<std::string>& objects) {
  ordered_json json = ordered_json::array();
  for (const std::string& object : objects) json.push_back(ordered_json::parse(object));
  return json;
}

std::string AsJson(const VerifyFinding& finding) {
  ordered_json json = {{"finding", VerifyFindingName(finding.kind)}};
  if (IsOfRow(static_cast<size_t>(finding.kind))) json["row"] = finding.row;
  json["state"] = AsJson(finding.state);
  json["expected"] = AsJson(finding.expected);
  return JsonText(json) + "\n";
}

std::string Joined(const std::vector<std::string>& objects) {
  std::string text;
  for (const std::string& object : objects) text += (text.empty() ? "" : ", ") + object;
  return text.empty() ? "nothing" : text;
}

std::string AsLine(const VerifyFinding& finding) {
  std::string name(VerifyFindingName(finding.kind));
  std::replace(name.begin(), name.end(), '_', ' ');
  if (!finding.row.empty()) name += " " + finding.row;
  return fmt::format("{}: is {}; should be {}\n", name, Joined(finding.state),
                     Joined(finding.expected));
}

std::string SummaryAsJson(const VerifySummary& summary) {
  ordered_json json = {{"agrees", summary.agrees()},
                       {"version", summary.version},
                       {"keys", summary.keys},
                       {"found", CountsAsJson(summary.found)},
                       {"repaired", summary.repaired}};
  if (summary.repaired) json["left"] = CountsAsJson(summary.left);
  if (summary.rows_checked) {
    json["rows"] = summary.rows;
  }
  if (summary.rows_checked && summary.rows_compared) {
    json["rows_counted"] = summary.rows_counted;
    json["rows_not_compared"] = summary.unsure_rows;
  }
  json["seconds"] = summary.progress.seconds;
  if (!summary.notes.empty()) json["notes"] = summary.notes;
  return JsonText(json) + "\n";
}

std::string SummaryAsText(const VerifySummary& summary) {
  std::string text = fmt::format("version {}: {}", summary.version, Counted(summary.keys, "key"));
  if (summary.rows_checked) {
    text += fmt::format(", {}", Counted(summary.rows, "row"));
    if (summary.rows_compared) {
      text += fmt::format(", {} of them counted", Grouped(summary.rows_counted));
    }
  }
  const std::string found = CountsAsText(summary.found);
  text += found.empty() ? ": all agree" : ": " + found;
  if (summary.repaired) {
    const std::string left = CountsAsText(summary.left);
    text += left.empty() ? "; repaired, all agree now" : "; repaired, but there still are " + left;
  }
  text += "\n";
  if (summary.unsure_rows > 0) {
    text += fmt::format("{} could not be compared: they changed each time\n",
                        Counted(summary.unsure_rows, "row"));
  }
  for (const std::string& note : summary.notes) text += note + "\n";
  return text;
}

Status Write(const VerifySummary& summary, Format format) {
  std::string text;
  for (const VerifyFinding& finding : summary.findings) {
    text += format == Format::kJson ? AsJson(finding) : AsLine(finding);
  }
  const uint64_t not_shown = summary.found.total() - summary.findings.size();
  if (not_shown > 0 && format != Format::kJson) {
    text += fmt::format("… and {} more; --all shows them\n", Grouped(not_shown));
  }
  text += format == Format::kJson ? SummaryAsJson(summary) : SummaryAsText(summary);
  return WriteStdout(text);
}

}  // namespace

int VerifyVerb(const VerifyArguments& arguments) {
  const std::stop_token stop = StopOnSignals();
  const auto definition = LoadDefinition(arguments.file);
  if (!definition.ok()) return ReportUsage(definition.status());
  ProgressLine line("verify " + definition->name, arguments.quiet);
  VerifyOptions options;
  options.run.stop = stop;
  options.run.threads = arguments.threads;
  options.repair = arguments.repair;
  options.findings_max = arguments.all ? UINT64_MAX : kFindingsShown;
  options.run.on_progress = [&line](const RunProgress& progress) { line.Show(progress); };
  options.run.on_note = [&](const std::string& note) {
    line.Finish();
    if (!arguments.quiet) Note(note);
  };
  VerifySummary summary;
  const Status status = murmur::Verify(*definition, options, &summary);
  line.Finish();
  if (!status.ok()) return Report(status);
  if (const Status written = Write(summary, arguments.format); !written.ok()) {
    return Report(written);
  }
  return summary.agrees() ? kExitDone : kExitFailed;
}

}  // namespace murmur::cli
