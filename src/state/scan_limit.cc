#include "murmur/state.h"

namespace murmur {

Status ScanLimit::Check() const {
  if (stop.stop_requested()) return Status(Code::kCancelled, "reading was stopped");
  const bool has_deadline = deadline != std::chrono::steady_clock::time_point::max();
  if (!has_deadline || std::chrono::steady_clock::now() < deadline) return {};
  return Status(Code::kDeadlineExceeded,
                "reading took longer than its time limit: ask for less, or give it more time");
}

}  // namespace murmur
