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
  // Of a source that tells times; else empty.
  std::optional<double> kept_seconds;     // how far the log reaches back
  std::optional<double> behind_seconds;   // how far live lags
  std::optional<double> lost_in_seconds;  // until the log forgets what live must read, at the
                                          // present growth of the lag; empty: live keeps up
  std::optional<double> scan_seconds;     // until the scan ends; empty: there is none, or unknown
  // Of a source that tells sizes; else empty.
  std::optional<uint64_t> kept_bytes;  // of the log, for live
  std::optional<uint64_t> left_bytes;  // until the log forgets what live must read; empty: never
  std::string warning;                 // the danger and the remedy; empty: none

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
  void NoteTimes(const LogReach& reach, LogForecast* now);
  static void NoteBytes(const LogReach& reach, LogForecast* now);
  // By how many seconds the lag grows per second, recently; 0: it doesn't grow.
  double Growth() const;

  std::deque<Sample> samples_;  // of the last minute
  std::optional<int64_t> first_oldest_;
  std::optional<LogForecast> forecast_;
};

}  // namespace murmur
