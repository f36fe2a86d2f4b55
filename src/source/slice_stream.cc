#include "source/slice_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace murmur {
namespace {

// Numbers ascend, so what is kept is one stretch [first, last) of them.
struct Stretch {
  uint32_t first;
  uint32_t last;
};
Stretch Inside(const std::vector<uint64_t>& numbers, const RecordSlice& slice) {
  const auto first = std::lower_bound(numbers.begin(), numbers.end(), slice.begin);
  const auto last = std::lower_bound(first, numbers.end(), slice.end);
  return {static_cast<uint32_t>(first - numbers.begin()),
          static_cast<uint32_t>(last - numbers.begin())};
}

template <class T>
void KeepStretch(std::vector<T>* values, const Stretch& kept) {
  std::move(values->begin() + kept.first, values->begin() + kept.last, values->begin());
}

}  // namespace

// Rows and dead letters are in order of offset, each by itself: merged, they are the records.
void SliceStream::Number(const RecordBatch& batch) {
  row_numbers_.resize(batch.rows);
  dead_numbers_.resize(batch.dead_letters.size());
  size_t dead = 0;
  uint32_t row = 0;
  while (row < batch.rows || dead < batch.dead_letters.size()) {
    const bool row_next =
        dead == batch.dead_letters.size() ||
        (row < batch.rows && batch.offsets[row] < batch.dead_letters[dead].offset);
    const uint64_t offset = row_next ? batch.offsets[row] : batch.dead_letters[dead].offset;
    const uint64_t number = by_offset_ ? offset : count_;
    (row_next ? row_numbers_[row++] : dead_numbers_[dead++]) = number;
    ++count_;
  }
}

void SliceStream::Keep(RecordBatch* batch) const {
  const Stretch rows = Inside(row_numbers_, slice_);
  if (rows.last - rows.first < batch->rows) {
    for (Column& column : batch->columns) {
      if (column.dictionary_id != 0) {
        KeepStretch(&column.indices, rows);
      } else {
        KeepStretch(&column.cells, rows);
      }
    }
    KeepStretch(&batch->offsets, rows);
    KeepStretch(&batch->raw, rows);
    batch->rows = rows.last - rows.first;
  }
  const Stretch dead = Inside(dead_numbers_, slice_);
  KeepStretch(&batch->dead_letters, dead);
  batch->dead_letters.resize(dead.last - dead.first);
}

Result<ReadState> SliceStream::Read(std::stop_token stop, RecordBatch* batch) {
  MURMUR_ASSIGN(const ReadState state, inner_->Read(std::move(stop), batch));
  if (state != ReadState::kRecords) return state;
  Number(*batch);
  Keep(batch);
  batch->after = fmt::format("{}/{}", count_, batch->after);
  return state;
}

Result<SlicePosition> ParseSlicePosition(const Position& position) {
  SlicePosition parsed;
  if (position.empty()) return parsed;
  const char* end = position.data() + position.size();
  const auto [rest, error] = std::from_chars(position.data(), end, parsed.count);
  if (error != std::errc() || rest == end || *rest != '/') {
    return Status(Code::kInvalidArgument, "'" + position + "' is no position in an archive");
  }
  parsed.inner = Position(rest + 1, end);
  return parsed;
}

}  // namespace murmur
