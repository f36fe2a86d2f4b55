#include "runtime/loop/log_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/shown.h"

namespace murmur {
namespace {

constexpr double kMicros = 1e6;
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
                  About(forecast.behind_seconds), About(forecast.kept_seconds));
  text += forecast.lost_in_seconds
              ? fmt::format("may be gone in {}", About(*forecast.lost_in_seconds))
              : "may soon be gone";
  if (forecast.scan_seconds)
    text += fmt::format("; the scan ends in {}", About(*forecast.scan_seconds));
  return text + ". " + remedy;
}

}  // namespace

nlohmann::ordered_json LogForecast::ToJson() const {
  const auto or_null = [](const std::optional<double>& seconds) {
    return seconds ? nlohmann::ordered_json(*seconds) : nlohmann::ordered_json();
  };
  nlohmann::ordered_json json = {{"kept_seconds", kept_seconds},
                                 {"behind_seconds", behind_seconds},
                                 {"lost_in_seconds", or_null(lost_in_seconds)},
                                 {"scan_ends_in_seconds", or_null(scan_seconds)}};
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
  const int64_t behind = std::max<int64_t>(0, reach.now - reach.read_up_to);
  samples_.push_back({.at = reach.now, .behind = behind});
  while (samples_.front().at < reach.now - kSampledMicros) samples_.pop_front();
  LogForecast& now = forecast_.emplace();
  now.kept_seconds = static_cast<double>(std::max<int64_t>(0, reach.now - reach.oldest)) / kMicros;
  now.behind_seconds = static_cast<double>(behind) / kMicros;
  now.scan_seconds = scan_seconds;
  // A young log has not yet forgotten anything.
  if (!first_oldest_) first_oldest_ = reach.oldest;
  if (reach.oldest == *first_oldest_) return now;
  const double left = std::max(0.0, now.kept_seconds - now.behind_seconds);
  const double growth = Growth();
  if (growth > 0 && now.behind_seconds > kNoticeable * now.kept_seconds) {
    now.lost_in_seconds = left / growth;
  }
  const bool is_close = now.behind_seconds > kClose * now.kept_seconds;
  const bool is_lost =
      now.lost_in_seconds && *now.lost_in_seconds < scan_seconds.value_or(kHorizonSeconds);
  if (is_close || is_lost) now.warning = Warning(now, reach.remedy);
  return now;
}

}  // namespace murmur
