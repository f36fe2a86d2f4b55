// How many calls there were, how they ended, and how long they took: by door and method, in the
// text format of Prometheus. Source: prometheus.io/docs/instrumenting/exposition_formats, version
// 0.0.4. Threads: Add before any other call; Note and AppendText by any. Note takes no lock.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "murmur/status.h"

namespace murmur {

class CallMetrics {
 public:
  // Of one method through one door.
  class Series {
   public:
    Series(std::string door, std::string method)
        : door_(std::move(door)), method_(std::move(method)) {}
    void Note(Code code, std::chrono::steady_clock::duration time) noexcept;

   private:
    friend class CallMetrics;
    static constexpr size_t kCodes = 17;
    static constexpr size_t kBounds = 14;

    const std::string door_;
    const std::string method_;
    std::array<std::atomic<uint64_t>, kCodes> by_code_{};
    std::array<std::atomic<uint64_t>, kBounds + 1> by_time_{};
    std::atomic<uint64_t> micros_{0};
  };

  // It lives as long as the metrics.
  Series* Add(std::string door, std::string method) {
    return &series_.emplace_back(std::move(door), std::move(method));
  }
  // Leaves out methods that nobody has called.
  void AppendText(std::string* text) const;

 private:
  std::deque<Series> series_;
};

// `value` as a label's, in quotes.
std::string MetricLabel(std::string_view value);

}  // namespace murmur
