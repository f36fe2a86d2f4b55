// One pass over the rows of a table: finds where they differ from the ledger of a state.
//
// The source is read while rows change, and the ledger is that of one moment. The caller knows
// which rows have changed meanwhile, and ignores their differences.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "fold/pipeline.h"
#include "murmur/source.h"
#include "murmur/state.h"
#include "murmur/status.h"
#include "runtime/verify/row_sketch.h"

namespace murmur {

// A row whose content differs from its ledger entry.
struct RowDifference {
  std::string text;                  // names it, for people
  std::optional<std::string> entry;  // the ledger's entry
  std::optional<std::string> cells;  // those that count; none: it is gone, or does not count
};
using RowDifferences = std::map<std::string, RowDifference, std::less<>>;  // by row key

struct RowCheckOptions {
  uint32_t threads = 1;
  std::chrono::seconds max_ahead{86400};
  uint64_t difference_bytes = 64ull << 20;  // limit of the differences
  size_t unseen_max = 100'000;  // limit of the ledger's rows that the source does not have
  const Clock* clock = &Clock::System();
  // Checks only these rows; null: all. Outlives the check.
  const RowDifferences* only = nullptr;
  // Reports now and then how much has been read; from any thread, one call at a time.
  std::function<void(uint64_t rows, uint64_t bytes, uint64_t bytes_total)> on_progress;
};

class RowCheck {
 public:
  // All outlive it. `snapshot` is of `table`; nobody writes `table` meanwhile.
  RowCheck(std::shared_ptr<const Pipeline> pipeline, SnapshotSource* source,
           const StateTable* table, const StateSnapshot* snapshot, RowCheckOptions options);
  ~RowCheck();

  // REQUIRES: source->HandoffNow has succeeded.
  // Errors: kCancelled, kResourceExhausted (too much differs), kDataLoss, those of the source.
  Status Run(std::stop_token stop);

  const RowDifferences& differences() const { return differences_; }
  uint64_t rows() const { return rows_; }                // rows of the source
  uint64_t ledger_rows() const { return ledger_rows_; }  // that count; not with `only`

 private:
  class Worker;

  Status ReadSplits(const std::vector<Split>& splits, std::stop_token stop);
  Status AddLater(std::stop_token stop);
  Status ReadSplit(Worker* worker, const Split& split, const std::stop_token& stop);
  Status FindUnseen(const std::stop_token& stop);
  Status FindUnseenOfOnly();
  // Called by the reading threads.
  void NoteSeen(std::string_view key);
  Status NoteDifference(std::string_view key, RowDifference difference);
  void NoteRead(uint64_t rows, uint64_t bytes);

  const std::shared_ptr<const Pipeline> pipeline_;
  SnapshotSource* const source_;
  const StateTable* const table_;
  const StateSnapshot* const snapshot_;
  const RowCheckOptions options_;
  const int64_t first_bucket_;
  std::optional<RowSketch> unseen_;  // rows that count by the ledger, minus those that were seen
  ScanPlan plan_;
  uint64_t ledger_rows_ = 0;

  std::mutex mutex_;
  // Under mutex_.
  RowDifferences differences_;
  uint64_t difference_bytes_ = 0;
  std::set<std::string, std::less<>> seen_;  // of `only`
  SnapshotSource::ProgressMap progress_;
  uint64_t rows_ = 0;
  uint64_t bytes_ = 0;
  uint64_t bytes_total_ = 0;
  std::chrono::steady_clock::time_point reported_;
};

}  // namespace murmur
