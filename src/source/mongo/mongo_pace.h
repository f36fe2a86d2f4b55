// How much of a collection is read as one split, and of that how much at one cluster time. The
// server forgets old times, after five minutes if it is not told otherwise, and a read at a time
// that it has forgotten breaks off: so reads are small, and smaller where that did not suffice.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace murmur {

// What one worker reads, about; little enough that all threads have some to read to the end.
struct MongoSplitSize {
  uint64_t rows = 50'000;
  uint64_t bytes = 64 << 20;
};

struct MongoPaceLimits {
  // Far below the time that a server remembers.
  std::chrono::milliseconds time{10'000};
  uint64_t rows = 200'000;
  uint64_t bytes = 64 << 20;
};

class MongoPace {
 public:
  explicit MongoPace(const MongoPaceLimits& limits) : limits_(limits), rows_(limits.rows) {}

  // The most rows that the next read is to ask for, one at least.
  uint64_t rows() const noexcept { return rows_; }
  // Is a read that gave so much, and began so long ago, to be ended where it is? Time passes also
  // where nobody takes the rows.
  bool IsEnough(uint64_t bytes, std::chrono::steady_clock::duration since) const noexcept {
    return bytes >= limits_.bytes || since >= limits_.time;
  }
  // A read came to its end.
  void NoteRead() noexcept { rows_ = std::min(2 * rows_, limits_.rows); }
  // A read broke off behind `rows`, as its time was forgotten.
  void NoteTooOld(uint64_t rows) noexcept {
    rows_ = std::max<uint64_t>(1, std::min(rows, rows_) / 2);
  }

 private:
  const MongoPaceLimits limits_;
  uint64_t rows_;
};

}  // namespace murmur
