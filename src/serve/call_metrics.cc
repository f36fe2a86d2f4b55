#include "serve/call_metrics.h"

#include <fmt/format.h>

#include <algorithm>

#include "serve/error_codes.h"

namespace murmur {
namespace {

// Upper bounds in µs, 50 µs to 10 s.
constexpr std::array<int64_t, 14> kBoundMicros = {50,      100,       250,       500,       1'000,
                                                  2'500,   5'000,     10'000,    50'000,    100'000,
                                                  500'000, 1'000'000, 5'000'000, 10'000'000};

}  // namespace

void CallMetrics::Series::Note(Code code, std::chrono::steady_clock::duration time) noexcept {
  static_assert(kBoundMicros.size() == kBounds);
  const int64_t micros = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  const auto bound = std::lower_bound(kBoundMicros.begin(), kBoundMicros.end(), micros);
  constexpr auto kRelaxed = std::memory_order_relaxed;
  by_time_[static_cast<size_t>(bound - kBoundMicros.begin())].fetch_add(1, kRelaxed);
  by_code_[static_cast<size_t>(code)].fetch_add(1, kRelaxed);
  micros_.fetch_add(static_cast<uint64_t>(std::max<int64_t>(micros, 0)), kRelaxed);
}

void CallMetrics::AppendText(std::string* text) const {
  std::string counts;
  std::string times;
  for (const Series& one : series_) {
    const std::string labels =
        fmt::format("door={},method={}", MetricLabel(one.door_), MetricLabel(one.method_));
    uint64_t calls = 0;
    for (size_t i = 0; i < one.by_time_.size(); ++i) {
      calls += one.by_time_[i].load();
      const std::string bound = i < kBoundMicros.size()
                                    ? fmt::format("{}", static_cast<double>(kBoundMicros[i]) / 1e6)
                                    : "+Inf";
      times += fmt::format("murmur_call_seconds_bucket{{{},le=\"{}\"}} {}\n", labels, bound, calls);
    }
    times += fmt::format("murmur_call_seconds_sum{{{}}} {}\nmurmur_call_seconds_count{{{}}} {}\n",
                         labels, static_cast<double>(one.micros_.load()) / 1e6, labels, calls);
    for (size_t code = 0; code < one.by_code_.size(); ++code) {
      const uint64_t count = one.by_code_[code].load();
      if (count == 0) continue;
      counts += fmt::format("murmur_calls_total{{{},code=\"{}\"}} {}\n", labels,
                            ConnectCodeName(static_cast<Code>(code)), count);
    }
  }
  *text +=
      "# HELP murmur_calls_total Calls that have ended, by how.\n"
      "# TYPE murmur_calls_total counter\n" +
      counts +
      "# HELP murmur_call_seconds How long calls took.\n"
      "# TYPE murmur_call_seconds histogram\n" +
      times;
}

std::string MetricLabel(std::string_view value) {
  std::string label = "\"";
  for (const char c : value) {
    if (c == '\n') {
      label += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') label += '\\';
    label += c;
  }
  return label + '"';
}

}  // namespace murmur
