#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/shown.h"
#include "base/time_text.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "definition/units.h"
#include "murmur/run.h"

namespace murmur::cli {
namespace {

// `auto` is a table for people, JSON for programs.
RowFormat RowFormatOf(Format format, RowFormat json) {
  switch (format) {
    case Format::kAuto: return ::isatty(STDOUT_FILENO) == 1 ? RowFormat::kTable : json;
    case Format::kTable: return RowFormat::kTable;
    case Format::kJson:
    case Format::kJsonLines: return json;
    case Format::kCsv: return RowFormat::kCsv;
    case Format::kParquet: return RowFormat::kParquet;
  }
  return json;
}

Status ParseBorder(const char* option, const std::string& text, std::optional<TimeBorder>* border) {
  if (text.empty()) return {};
  const auto micros = ParseEventTime(text);
  if (!micros) {
    return Status(Code::kInvalidArgument,
                  fmt::format("{} '{}': is no time: {}", option, text, WhyNoTime(text)));
  }
  *border = {.micros = *micros, .local = !SaysZone(text)};
  return {};
}

Result<QueryRequest> RequestOf(const ReadArguments& arguments) {
  QueryRequest request{.keys = {},
                       .rollup = {},
                       .window = {},
                       .as_of = {},
                       .from = {},
                       .until = {},
                       .total = arguments.total};
  for (const std::string& text : arguments.keys) {
    MURMUR_ASSIGN(request.keys.emplace_back(), ParseKey(text));
  }
  for (size_t at = 0; at < arguments.rollup.size();) {
    const size_t comma = std::min(arguments.rollup.find(',', at), arguments.rollup.size());
    request.rollup.push_back(arguments.rollup.substr(at, comma - at));
    at = comma + 1;
  }
  if (!arguments.window.empty()) {
    request.window = ParseTimeLength(arguments.window);
    if (!request.window || *request.window == TimeLength()) {
      return Status(Code::kInvalidArgument, "--window '" + arguments.window +
                                                "': expected a length of time such as 7d, 12h or "
                                                "3mo");
    }
  }
  MURMUR_TRY(ParseBorder("--as-of", arguments.as_of, &request.as_of));
  MURMUR_TRY(ParseBorder("--from", arguments.from, &request.from));
  MURMUR_TRY(ParseBorder("--to", arguments.to, &request.until));
  return request;
}

// The status of a version, for people: "bootstrapping 43 %".
std::string ShownStatus(const nlohmann::ordered_json& json) {
  const auto status = json.at("status").get<std::string>();
  if (!json.contains("percent")) return status;
  const int percent = static_cast<int>(json["percent"].get<double>());
  if (status == "failed") return fmt::format("failed at {} %", percent);
  const bool replays = json.at("mode").get<std::string>() == "replay";
  return fmt::format("{} {} %", replays ? "replaying" : "bootstrapping", percent);
}

std::string ShownUnknown(const nlohmann::ordered_json& fields) {
  std::string text;
  for (const auto& field : fields) {
    text += fmt::format(
        "{}{} (no value in {}{})", text.empty() ? "" : ", ", field.at("name").get<std::string>(),
        Counted(field.at("records").get<uint64_t>(), "record"),
        field.contains("did_you_mean")
            ? fmt::format("; did you mean '{}'?", field["did_you_mean"].get<std::string>())
            : "");
  }
  return text;
}

// A file that appears whole or not at all: written under another name, then renamed.
class OutputFile {
 public:
  explicit OutputFile(std::string path) : path_(std::move(path)), partial_(path_ + ".partial") {}
  ~OutputFile() {
    if (fd_ >= 0) ::close(fd_);
    if (!done_) ::unlink(partial_.c_str());
  }

  Status Write(std::string_view text) {
    if (fd_ < 0) fd_ = ::open(partial_.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
    if (fd_ < 0) return Error();
    while (!text.empty()) {
      const ssize_t written = ::write(fd_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return Error();
      text.remove_prefix(static_cast<size_t>(written));
    }
    return {};
  }
  Status Finish() {
    MURMUR_TRY(Write(""));
    if (::fsync(fd_) != 0 || ::rename(partial_.c_str(), path_.c_str()) != 0) return Error();
    done_ = true;
    return {};
  }

 private:
  Status Error() const { return Status(Code::kUnavailable, path_ + ": " + std::strerror(errno)); }
  const std::string path_;
  const std::string partial_;
  int fd_ = -1;
  bool done_ = false;
};

}  // namespace

int QueryVerb(const ReadArguments& arguments) {
  const auto definition = LoadDefinition(arguments.file);
  if (!definition.ok()) return ReportUsage(definition.status());
  const auto request = RequestOf(arguments);
  if (!request.ok()) return ReportUsage(request.status());
  return Report(murmur::Query(*definition, *request,
                              RowFormatOf(arguments.format, RowFormat::kJsonWithTag), WriteStdout));
}

int DumpVerb(const ReadArguments& arguments) {
  const auto definition = LoadDefinition(arguments.file);
  if (!definition.ok()) return ReportUsage(definition.status());
  const RowFormat format = RowFormatOf(arguments.format, RowFormat::kJsonLines);
  if (arguments.output.empty()) {
    if (format == RowFormat::kParquet && ::isatty(STDOUT_FILENO) == 1) {
      return Report(
          Status(Code::kInvalidArgument, "Parquet is not for a terminal: give --output FILE"));
    }
    return Report(murmur::Dump(*definition, format, WriteStdout));
  }
  OutputFile file(arguments.output);
  const auto status = murmur::Dump(*definition, format,
                                   [&file](std::string_view text) { return file.Write(text); });
  return Report(status.ok() ? file.Finish() : status);
}

int StatusVerb(const ReadArguments& arguments) {
  const auto definition = LoadDefinition(arguments.file);
  if (!definition.ok()) return ReportUsage(definition.status());
  const auto text = StateStatus(*definition);
  if (!text.ok()) return Report(text.status());
  if (arguments.format == Format::kJson || arguments.format == Format::kJsonLines) {
    return Report(WriteStdout(*text));
  }
  const auto json = nlohmann::ordered_json::parse(*text);
  std::string lines;
  for (const auto& [name, value] : json.items()) {
    if (value.is_null() || (value.is_object() && value.empty()) || name == "percent") continue;
    const std::string shown = name == "status"           ? ShownStatus(json)
                              : name == "unknown_fields" ? ShownUnknown(value)
                              : value.is_string()        ? value.get<std::string>()
                                                         : JsonText(value);
    lines += fmt::format("{:<24}{}\n", name, shown);
  }
  return Report(WriteStdout(lines));
}

}  // namespace murmur::cli
