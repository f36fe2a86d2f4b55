#include "runtime/verify/row_sketch.h"

#include <algorithm>
#include <deque>

// Includes its functions in this file: nothing to link, here or for users of the library.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "monoid/hash.h"

namespace murmur {
namespace {

constexpr uint64_t kPlaceSeed = 0x5be0cd19137e2179ull;
constexpr uint64_t kCheckSeed = 0x510e527fade682d1ull;
constexpr size_t kRowsMin = 1000;  // few cells hold less than their share
// Cells per row: with three parts, 1.23 suffice for many rows.
constexpr double kCellsPerRow = 1.4;

uint64_t CheckOf(const RowHash& row) noexcept {
  return hash_internal::Mix(row.high ^ kCheckSeed, row.low ^ kCheckSeed);
}

size_t PartCells(size_t rows, size_t parts) {
  return static_cast<size_t>(static_cast<double>(std::max(rows, kRowsMin)) * kCellsPerRow) / parts +
         1;
}

}  // namespace

RowHash HashRow(std::string_view key) noexcept {
  const XXH128_hash_t hash = XXH3_128bits(key.data(), key.size());
  return {.high = hash.high64, .low = hash.low64};
}

RowSketch::RowSketch(size_t rows)
    : part_cells_(PartCells(rows, kParts)),
      cells_(std::make_unique<Cell[]>(kParts * part_cells_)) {}

size_t RowSketch::CellOf(const RowHash& row, size_t part) const noexcept {
  const uint64_t mixed = hash_internal::Mix(row.low + part, row.high ^ kPlaceSeed);
  return part * part_cells_ + mixed % part_cells_;
}

void RowSketch::Put(const RowHash& row, int64_t times) noexcept {
  const uint64_t check = CheckOf(row);
  for (size_t part = 0; part < kParts; ++part) {
    Cell& cell = cells_[CellOf(row, part)];
    cell.rows.fetch_add(times, std::memory_order_relaxed);
    cell.high.fetch_xor(row.high, std::memory_order_relaxed);
    cell.low.fetch_xor(row.low, std::memory_order_relaxed);
    cell.check.fetch_xor(check, std::memory_order_relaxed);
  }
}

std::optional<RowHash> RowSketch::Lone(const Cell& cell) const noexcept {
  const int64_t rows = cell.rows;
  const RowHash row{.high = cell.high, .low = cell.low};
  if ((rows != 1 && rows != -1) || cell.check != CheckOf(row)) return std::nullopt;
  return row;
}

std::optional<std::vector<RowHash>> RowSketch::Take() {
  std::deque<size_t> lone;
  for (size_t i = 0; i < kParts * part_cells_; ++i) {
    if (Lone(cells_[i])) lone.push_back(i);
  }
  std::vector<RowHash> rows;
  for (; !lone.empty(); lone.pop_front()) {
    const Cell& cell = cells_[lone.front()];
    const auto row = Lone(cell);
    if (!row) continue;  // already taken through another cell
    const int64_t times = cell.rows;
    if (times > 0) rows.push_back(*row);
    Put(*row, -times);
    for (size_t part = 0; part < kParts; ++part) {
      const size_t i = CellOf(*row, part);
      if (Lone(cells_[i])) lone.push_back(i);
    }
  }
  const bool is_empty =
      std::all_of(cells_.get(), cells_.get() + kParts * part_cells_,
                  [](const Cell& cell) { return cell.rows == 0 && cell.check == 0; });
  if (!is_empty) return std::nullopt;
  return rows;
}

}  // namespace murmur
