#include "runtime/loop/begin_anew.h"

namespace murmur {

Result<std::vector<SplitMove>> MovesToScanAnew(const StateTable& table) {
  MURMUR_ASSIGN(const auto snapshot, table.Snapshot());
  MURMUR_ASSIGN(const auto progress, snapshot->Progress());
  std::vector<SplitMove> moves;
  for (const auto& [split, read] : progress) {
    if (read.role != SplitRole::kScan) continue;
    moves.push_back({.split = split, .from = read.position, .to = {.role = SplitRole::kScan}});
  }
  return moves;
}

}  // namespace murmur
