#include "runtime/loop/log_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/shown.h"

namespace murmur {
namespace {

constexpr double kMicros = 1e6;
constexpr double kBytesPerMb = 1e6;
constexpr int64_t kSampledMicros = 60'000'000;
constexpr int64_t kSampledMicrosMin = 10'000'000;  // a shorter time shows no trend
// Shares of the log. Lag beyond the first is close to the limit; beyond the second, a trend counts.
constexpr double kClose = 0.5;
constexpr double kNoticeable = 0.1;
constexpr double kHorizonSeconds = 3600;  // if there is no scan to wait for

std::string About(double seconds) {
  if (seconds >= 7200) return fmt::format("{:.0f} hours", seconds / 3600);
  if (seconds >= 120) return fmt::format("{:.0f} minutes", seconds / 60);
  return Counted(static_cast<uint64_t>(std::llrint(std::max(seconds, 0.0))), "second");
}

std::string Warning(const LogForecast& forecast, const std::string& remedy) {
  std::string text =
      fmt::format("live is {} behind, and the log of changes reaches back {}: what it has to read ",
                  About(*forecast.behind_seconds), About(*forecast.kept_seconds));
  text += forecast.lost_in_seconds
              ? fmt::format("may be gone in {}", About(*forecast.lost_in_seconds))
              : "may soon be gone";
  if (forecast.scan_seconds)
    text += fmt::format("; the scan ends in {}", About(*forecast.scan_seconds));
  return text + ". " + remedy;
}

}  // namespace

nlohmann::ordered_json LogForecast::ToJson() const {
  const auto or_null = [](const auto& value) {
    return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
  };
  auto json = nlohmann::ordered_json::object();
  if (kept_seconds) {
    json["kept_seconds"] = *kept_seconds;
    json["behind_seconds"] = or_null(behind_seconds);
    json["lost_in_seconds"] = or_null(lost_in_seconds);
    json["scan_ends_in_seconds"] = or_null(scan_seconds);
  }
  if (kept_bytes) {
    json["kept_bytes"] = *kept_bytes;
    json["left_bytes"] = or_null(left_bytes);
  }
  if (!warning.empty()) json["warning"] = warning;
  return json;
}

double LogWatch::Growth() const {
  const int64_t span = samples_.back().at - samples_.front().at;
  if (span < kSampledMicrosMin) return 0;
  const int64_t more = samples_.back().behind - samples_.front().behind;
  return std::max(0.0, static_cast<double>(more) / static_cast<double>(span));
}

const LogForecast& LogWatch::Note(const LogReach& reach, std::optional<double> scan_seconds) {
  LogForecast& now = forecast_.emplace();
  now.scan_seconds = scan_seconds;
  if (reach.times) NoteTimes(reach, &now);
  if (reach.bytes) NoteBytes(reach, &now);
  return now;
}

void LogWatch::NoteTimes(const LogReach& reach, LogForecast* now) {
  const LogReach::Times& times = *reach.times;
  const int64_t behind = std::max<int64_t>(0, times.now - times.read_up_to);
  samples_.push_back({.at = times.now, .behind = behind});
  while (samples_.front().at < times.now - kSampledMicros) samples_.pop_front();
  const double kept_seconds =
      static_cast<double>(std::max<int64_t>(0, times.now - times.oldest)) / kMicros;
  const double behind_seconds = static_cast<double>(behind) / kMicros;
  now->kept_seconds = kept_seconds;
  now->behind_seconds = behind_seconds;
  // A young log has not yet forgotten anything.
  if (!first_oldest_) first_oldest_ = times.oldest;
  if (times.oldest == *first_oldest_) return;
  const double left = std::max(0.0, kept_seconds - behind_seconds);
  const double growth = Growth();
  if (growth > 0 && behind_seconds > kNoticeable * kept_seconds) {
    now->lost_in_seconds = left / growth;
  }
  const bool is_close = behind_seconds > kClose * kept_seconds;
  const bool is_lost =
      now->lost_in_seconds && *now->lost_in_seconds < now->scan_seconds.value_or(kHorizonSeconds);
  if (is_close || is_lost) now->warning = Warning(*now, reach.remedy);
}

void LogWatch::NoteBytes(const LogReach& reach, LogForecast* now) {
  now->kept_bytes = reach.bytes->kept;
  now->left_bytes = reach.bytes->left;
  if (!now->left_bytes) return;
  const double kept = static_cast<double>(*now->kept_bytes);
  const double left = static_cast<double>(*now->left_bytes);
  if (kept <= kClose * (kept + left)) return;
  now->warning = fmt::format(
      "the server keeps {:.1f} MB of its log for what live has to read, and gives that up after "
      "{:.1f} MB more. {}",
      kept / kBytesPerMb, left / kBytesPerMb, reach.remedy);
}

}  // namespace murmur
