#include "runtime/table/handoff_after.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "base/waiting.h"

namespace murmur {
namespace {

constexpr std::chrono::milliseconds kAskAgainEvery{100};
constexpr int kAsksMax = 100;

}  // namespace

bool HasReached(const LiveSource& changes, const LiveSource::PositionMap& positions,
                const LiveSource::PositionMap& reached) {
  return std::all_of(reached.begin(), reached.end(), [&](const auto& one) {
    const auto it = positions.find(one.first);
    return it != positions.end() && changes.Distance(it->second, one.second) == 0;
  });
}

Result<HandoffToken> HandoffAfter(SnapshotSource* rows, LiveSource* changes,
                                  const LiveSource::PositionMap& reached, std::stop_token stop) {
  MURMUR_ASSIGN(const auto splits, changes->Splits(stop));
  for (int asked = 0; asked < kAsksMax && !stop.stop_requested(); ++asked) {
    MURMUR_ASSIGN(HandoffToken token, rows->HandoffNow(stop));
    MURMUR_ASSIGN(const auto begin, changes->Begin(splits, token, stop));
    if (HasReached(*changes, begin, reached)) return token;
    (void)SleepUnlessStopped(kAskAgainEvery, stop);
  }
  if (stop.stop_requested()) return Status(Code::kCancelled, "stopped");
  return Status(Code::kUnavailable, std::string(rows->Name()) +
                                        ": what answers lags behind what was read of it before");
}

}  // namespace murmur
