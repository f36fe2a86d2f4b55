// Records which rows of a table change while something else runs. Follows the table's changes in
// its own thread, and remembers the rows, but not their content.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/waiting.h"
#include "murmur/record.h"
#include "murmur/source.h"
#include "murmur/status.h"
#include "runtime/verify/row_sketch.h"

namespace murmur {

// Threads: one caller, besides its own thread.
class ChangeFollower {
 public:
  // `source` outlives it. Reach fails if more than `rows_max` rows change.
  ChangeFollower(LiveSource* source, Projection projection, size_t rows_max);
  ~ChangeFollower();

  // Follows `splits` from these positions on; splits without a position from their start.
  void Start(const std::vector<Split>& splits, const LiveSource::PositionMap& from);

  // Returns when all changes up to `ends` are known. New splits are followed from their start.
  // Errors: kCancelled, kResourceExhausted (too many rows), and those of the source.
  Status Reach(const std::vector<Split>& splits, const LiveSource::PositionMap& ends,
               std::stop_token stop);

  // Begins the next span. It has all changes after the source's ends at a later moment, and perhaps
  // some from before them.
  void NextSpan();
  // Whether the row changed in this span or a later one. Spans are counted from 1.
  bool ChangedSince(const RowHash& row, uint32_t span) const;

  static constexpr size_t kBytesPerRow = 64;

 private:
  struct Reading {
    std::string split;
    std::unique_ptr<RecordStream> stream;
  };

  Status Follow(const std::stop_token& stop);
  Status OpenAdded(const std::stop_token& stop);
  Status Note(const std::string& split, const RecordBatch& batch);
  bool HasReached(const LiveSource::PositionMap& ends) const;

  LiveSource* const source_;
  const Projection projection_;
  const size_t rows_max_;
  // Shared with the streams' callbacks, the last of which may come late.
  const std::shared_ptr<Wakeup> wakeup_ = std::make_shared<Wakeup>();
  std::vector<Reading> readings_;  // used by the thread

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  // Under mutex_.
  std::vector<Split> added_;
  LiveSource::PositionMap positions_;
  std::unordered_map<RowHash, uint32_t, RowHash::Hasher> rows_;  // → the last span it changed in
  uint32_t span_ = 1;
  Status failure_;

  std::jthread thread_;  // last: it ends before the other members are destroyed
};

}  // namespace murmur
