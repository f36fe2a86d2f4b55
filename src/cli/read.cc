#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/shown.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "murmur/run.h"
#include "query/request_text.h"

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
    case Format::kArrow: return RowFormat::kArrowStream;
  }
  return json;
}

Result<QueryRequest> RequestOf(const ReadArguments& arguments) {
  QueryRequest request;
  for (const std::string& text : arguments.keys) {
    MURMUR_ASSIGN(request.keys.emplace_back(), ParseKey(text));
  }
  request.rollup = SplitNames(arguments.rollup);
  request.aggregates = SplitNames(arguments.aggregates);
  request.total = arguments.total;
  MURMUR_ASSIGN(
      request.range,
      ParseRange({.last = arguments.window,
                  .as_of = arguments.as_of,
                  .from = arguments.from,
                  .to = arguments.to},
                 {.last = "--window", .as_of = "--as-of", .from = "--from", .to = "--to"}));
  if (!arguments.trailing.empty()) {
    MURMUR_ASSIGN(request.trailing, ParseWindowLength(arguments.trailing, "--trailing"));
  }
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
    const bool is_text = format != RowFormat::kParquet && format != RowFormat::kArrowStream;
    if (!is_text && ::isatty(STDOUT_FILENO) == 1) {
      return Report(
          Status(Code::kInvalidArgument, "that format is not for a terminal: give --output FILE"));
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
