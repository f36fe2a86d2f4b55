// The only access to the present time outside tests.
#pragma once

#include <chrono>
#include <cstdint>

namespace murmur {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t WallMicros() const = 0;                            // since the Unix epoch
  virtual std::chrono::steady_clock::time_point Steady() const = 0;  // for durations

  static const Clock& System();
};

}  // namespace murmur
