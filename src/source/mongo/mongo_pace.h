// How much of a collection is one split, and how much of that is read at one cluster time. The
// server forgets old times, by default after five minutes, and a read at a forgotten time breaks
// off. So reads are small, and become smaller after such a failure.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace murmur {

// About what one worker reads; small enough that all threads have work until the end.
struct MongoSplitSize {
  uint64_t rows = 50'000;
  uint64_t bytes = 64 << 20;
};

struct MongoPaceLimits {
  // Far shorter than a server remembers a time.
  std::chrono::milliseconds time{10'000};
  uint64_t rows = 200'000;
  uint64_t bytes = 64 << 20;
};

class MongoPace {
 public:
  explicit MongoPace(const MongoPaceLimits& limits) : limits_(limits), rows_(limits.rows) {}

  // The most rows that the next read should ask for, at least one.
  uint64_t rows() const noexcept { return rows_; }
  // Whether a read that gave this much and began this long ago should end now. Time passes even
  // while nobody takes the rows.
  bool IsEnough(uint64_t bytes, std::chrono::steady_clock::duration since) const noexcept {
    return bytes >= limits_.bytes || since >= limits_.time;
  }
  // A read came to its end.
  void NoteRead() noexcept { rows_ = std::min(2 * rows_, limits_.rows); }
  // A read broke off after `rows`, since its time was forgotten.
  void NoteTooOld(uint64_t rows) noexcept {
    rows_ = std::max<uint64_t>(1, std::min(rows, rows_) / 2);
  }

 private:
  const MongoPaceLimits limits_;
  uint64_t rows_;
};

}  // namespace murmur
