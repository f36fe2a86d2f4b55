// Whether a log of changes will still have what live has to read: of a source that forgets, whoever
// falls too far behind loses what it can't be exact without.
#pragma once

#include <cstdint>
#include <deque>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "murmur/source.h"

namespace murmur {

struct LogForecast {
  double kept_seconds = 0;                // how far the log reaches back
  double behind_seconds = 0;              // how far live is
  std::optional<double> lost_in_seconds;  // until the log forgets what live has to read, if live
                                          // goes on as it did; empty: it keeps up
  std::optional<double> scan_seconds;     // until the scan beside it ends; empty: none, or unknown
  std::string warning;                    // what to fear and what to do; empty: nothing

  nlohmann::ordered_json ToJson() const;
};

class LogWatch {
 public:
  // As `reach` says now. `scan_seconds`: as in the forecast.
  const LogForecast& Note(const LogReach& reach, std::optional<double> scan_seconds);
  const std::optional<LogForecast>& forecast() const noexcept { return forecast_; }

 private:
  struct Sample {
    int64_t at = 0;  // µs
    int64_t behind = 0;
  };
  // Seconds that live falls behind in a second, lately; 0: it doesn't.
  double Growth() const;

  std::deque<Sample> samples_;  // of the last minute
  std::optional<int64_t> first_oldest_;
  std::optional<LogForecast> forecast_;
};

}  // namespace murmur
