// Finds what is in one set of rows and not in another, without holding either: an invertible Bloom
// lookup table. Each row lies in three cells, chosen by its hash. A cell holds the number of its
// rows and the exclusive or of their hashes. A row that is added and removed leaves no trace, so
// the difference remains, and a cell with one row gives its hash.
// Source: Eppstein, Goodrich, Uyeda, Varghese: What's the Difference? (SIGCOMM 2011).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace murmur {

// A 128-bit hash of all bytes of a key, so that no two rows of a table share one. It is never
// stored. Source: XXH3 (Yann Collet), seed 0.
struct RowHash {
  uint64_t high = 0;
  uint64_t low = 0;
  bool operator==(const RowHash&) const = default;
  struct Hasher {
    size_t operator()(const RowHash& hash) const noexcept { return hash.low; }
  };
};
RowHash HashRow(std::string_view key) noexcept;

// Threads: Add and Remove from many at once; Take alone.
class RowSketch {
 public:
  // Can find differences of up to `rows`.
  explicit RowSketch(size_t rows);

  void Add(const RowHash& row) noexcept { Put(row, 1); }
  void Remove(const RowHash& row) noexcept { Put(row, -1); }

  // The rows that were added and not removed; none: there are too many. Empties the sketch.
  std::optional<std::vector<RowHash>> Take();

  static constexpr size_t kBytesPerRow = 48;

 private:
  static constexpr size_t kParts = 3;  // of the cells; a row lies in one cell of each part
  struct Cell {
    std::atomic<int64_t> rows{0};
    std::atomic<uint64_t> high{0};
    std::atomic<uint64_t> low{0};
    std::atomic<uint64_t> check{0};
  };

  size_t CellOf(const RowHash& row, size_t part) const noexcept;
  void Put(const RowHash& row, int64_t times) noexcept;
  // The only row in the cell; -1: that row was removed and never added.
  std::optional<RowHash> Lone(const Cell& cell) const noexcept;

  const size_t part_cells_;
  const std::unique_ptr<Cell[]> cells_;
};

}  // namespace murmur
