#include "cli/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/shown.h"
#include "cli/commands.h"
#include "cli/signals.h"

namespace murmur::cli {

Status WriteStdout(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      return Status(Code::kUnavailable,
                    std::string("writing to standard output: ") + std::strerror(errno));
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

bool StderrIsTerminal() { return ::isatty(STDERR_FILENO) == 1; }

namespace {

// Messages contain file names and record values; none may send control characters to a terminal.
std::string Printable(std::string_view text) {
  std::string out;
  for (;;) {
    const size_t end = text.find('\n');
    out += Escaped(text.substr(0, end));
    if (end == text.npos) return out;
    out += '\n';
    text.remove_prefix(end + 1);
  }
}

void WriteStderr(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stderr); }

}  // namespace

void Note(std::string_view line) { WriteStderr(Printable(line) + "\n"); }

int Report(const Status& status) {
  if (status.ok()) return kExitDone;
  if (status.code() == Code::kCancelled && SignalReceived() != 0) return 128 + SignalReceived();
  const bool colour = StderrIsTerminal() && std::getenv("NO_COLOR") == nullptr;
  WriteStderr(fmt::format("{}murmur:{} {}\n", colour ? "\x1b[31m" : "", colour ? "\x1b[0m" : "",
                          Printable(status.message())));
  return status.code() == Code::kInvalidArgument ? kExitUsage : kExitFailed;
}

int ReportUsage(const Status& status) {
  Report(status);
  return kExitUsage;
}

namespace {

std::string Scaled(double n, std::string_view space) {
  static constexpr const char* kPrefixes[] = {"", "k", "M", "G", "T", "P"};
  size_t i = 0;
  for (; n >= 1000 && i + 1 < std::size(kPrefixes); ++i) n /= 1000;
  return fmt::format("{:.{}f}{}{}", n,
                     n < 10 && i > 0    ? 2
                     : n < 100 && i > 0 ? 1
                                        : 0,
                     space, kPrefixes[i]);
}

}  // namespace

std::string Bytes(uint64_t n) { return Scaled(static_cast<double>(n), " ") + "B"; }

std::string Rate(double per_second) { return Scaled(per_second, " ") + "/s"; }

std::string Duration(double seconds) {
  const auto total = static_cast<uint64_t>(seconds + 0.5);
  if (total < 3600) return fmt::format("{}:{:02}", total / 60, total % 60);
  return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
}

}  // namespace murmur::cli
