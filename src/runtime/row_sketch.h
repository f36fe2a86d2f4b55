// What is in one set of rows and not in another, without holding either: an invertible Bloom lookup
// table. Each row lies in three cells, by its hash; a cell holds how many rows lie in it and what
// their hashes come to by exclusive or. What is added and removed leaves no trace, so what remains
// is the difference, and a cell with one row tells which.
// Source: Eppstein, Goodrich, Uyeda, Varghese: What's the Difference? (SIGCOMM 2011).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace murmur {

// 128 bits that every byte of a key goes into, so that no two rows of a table have the same. It is
// stored nowhere. Source: XXH3 (Yann Collet), seed 0.
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
  // Tells differences of up to `rows`.
  explicit RowSketch(size_t rows);

  void Add(const RowHash& row) noexcept { Put(row, 1); }
  void Remove(const RowHash& row) noexcept { Put(row, -1); }

  // The rows that were added and not removed; none: they are too many. Empties the sketch.
  std::optional<std::vector<RowHash>> Take();

  static constexpr size_t kBytesPerRow = 48;

 private:
  static constexpr size_t kParts = 3;  // of the cells: a row lies in one of each
  struct Cell {
    std::atomic<int64_t> rows{0};
    std::atomic<uint64_t> high{0};
    std::atomic<uint64_t> low{0};
    std::atomic<uint64_t> check{0};
  };

  size_t CellOf(const RowHash& row, size_t part) const noexcept;
  void Put(const RowHash& row, int64_t times) noexcept;
  // The row that lies alone in the cell; -1: it was removed and never added.
  std::optional<RowHash> Lone(const Cell& cell) const noexcept;

  const size_t part_cells_;
  const std::unique_ptr<Cell[]> cells_;
};

}  // namespace murmur
