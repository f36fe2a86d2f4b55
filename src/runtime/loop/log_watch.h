// Watches whether a change log will still have what live must read. If live lags too far, the log
// may forget changes that an exact state needs.
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
  double behind_seconds = 0;              // how far live lags
  std::optional<double> lost_in_seconds;  // until the log forgets what live must read, at the
                                          // present growth of the lag; empty: live keeps up
  std::optional<double> scan_seconds;     // until the scan ends; empty: there is none, or unknown
  std::string warning;                    // the danger and the remedy; empty: none

  nlohmann::ordered_json ToJson() const;
};

class LogWatch {
 public:
  // Adds a sample. `scan_seconds`: as in the forecast.
  const LogForecast& Note(const LogReach& reach, std::optional<double> scan_seconds);
  const std::optional<LogForecast>& forecast() const noexcept { return forecast_; }

 private:
  struct Sample {
    int64_t at = 0;  // µs
    int64_t behind = 0;
  };
  // By how many seconds the lag grows per second, recently; 0: it doesn't grow.
  double Growth() const;

  std::deque<Sample> samples_;  // of the last minute
  std::optional<int64_t> first_oldest_;
  std::optional<LogForecast> forecast_;
};

}  // namespace murmur
