#include "cli/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/shown.h"
#include "cli/output.h"

namespace murmur::cli {
namespace {

constexpr double kPlainEverySeconds = 5;

}  // namespace

ProgressLine::ProgressLine(std::string label, bool quiet)
    : label_(std::move(label)),
      quiet_(quiet),
      terminal_(StderrIsTerminal()),
      next_plain_seconds_(kPlainEverySeconds) {}

std::string ProgressLine::Text(const RunProgress& p) const {
  std::string text = label_;
  if (p.bytes_total > 0) {
    // Sizes are estimates for some sources; never more than all.
    const uint64_t bytes = std::min(p.bytes, p.bytes_total);
    text += fmt::format("  {:3d} %  {} of {}", bytes * 100 / p.bytes_total, Bytes(bytes),
                        Bytes(p.bytes_total));
  }
  text += "  " + Counted(p.records, "record");
  if (p.seconds > 0) {
    text += "  " + Rate(static_cast<double>(p.records_this_run) / p.seconds);
  }
  const double bytes_rate = static_cast<double>(p.bytes_this_run) / std::max(p.seconds, 1e-9);
  if (p.bytes_total > p.bytes && bytes_rate > 0) {
    text += "  ETA " + Duration(static_cast<double>(p.bytes_total - p.bytes) / bytes_rate);
  }
  if (p.lag_records) text += fmt::format("  {} behind", Grouped(*p.lag_records));
  if (p.dead_letters > 0) text += "  " + Counted(p.dead_letters, "dead letter");
  return text;
}

void ProgressLine::Show(const RunProgress& progress) {
  if (quiet_) return;
  if (terminal_) {
    const std::string text = "\r\x1b[K" + Text(progress);
    std::fwrite(text.data(), 1, text.size(), stderr);
    shown_ = true;
  } else if (progress.seconds >= next_plain_seconds_) {
    next_plain_seconds_ = progress.seconds + kPlainEverySeconds;
    Note(Text(progress));
  }
}

void ProgressLine::Finish() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
  shown_ = false;
}

}  // namespace murmur::cli
