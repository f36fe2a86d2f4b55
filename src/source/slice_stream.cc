#include "source/slice_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <string>
#include <string_view>

namespace murmur {
namespace {

// Numbers ascend, so what is kept is one range [first, last) of them.
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

uint64_t Hash(std::string_view bytes) { return std::hash<std::string_view>()(bytes); }

// Equal cells give equal bytes; different ones hardly ever do.
void AppendCell(const Cell& cell, std::string* text) {
  const auto append = [text](const auto& value) {
    text->append(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  append(cell.kind);
  if (cell.kind == Kind::kString || cell.kind == Kind::kJson) {
    append(cell.len);
    text->append(cell.text());
  } else if (cell.kind == Kind::kDecimal) {
    append(cell.scale);
    append(cell.decimal());
  } else if (!cell.is_null()) {
    append(cell.i);
  }
}

RecordMark MarkOfDead(const DeadLetter& letter) {
  return letter.raw.empty() ? RecordMark() : Hash(letter.raw);
}

template <class T>
void KeepStretch(std::vector<T>* values, const Stretch& kept) {
  if (kept.first == 0) return;  // moving a value to its own place may lose it
  std::move(values->begin() + kept.first, values->begin() + kept.last, values->begin());
}

}  // namespace

// Rows and dead letters are each in order of offset; merged, they are the records.
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
    const uint64_t number = by_offset_ ? offset : position_.count;
    if (wanted_) {
      Look(row_next ? MarkOfRow(batch, row) : MarkOfDead(batch.dead_letters[dead]), number);
    }
    (row_next ? row_numbers_[row++] : dead_numbers_[dead++]) = number;
    ++position_.count;
  }
}

void SliceStream::Look(const RecordMark& mark, uint64_t number) {
  if (mark && *wanted_ && *mark != **wanted_) return;
  if (position_.found) {
    position_.found_more = true;
  } else {
    position_.found = number;
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
  const std::string found =
      position_.found ? fmt::format("@{}{}", *position_.found, position_.found_more ? "+" : "")
                      : "";
  batch->after = fmt::format("{}{}/{}", position_.count, found, batch->after);
  return state;
}

Result<SlicePosition> ParseSlicePosition(const Position& position) {
  SlicePosition parsed;
  if (position.empty()) return parsed;
  const Status unknown(Code::kInvalidArgument, "'" + position + "' is no position in an archive");
  const char* const end = position.data() + position.size();
  const char* at = position.data();
  const auto take_number = [&](uint64_t* number) {
    const auto [rest, error] = std::from_chars(at, end, *number);
    at = rest;
    return error == std::errc();
  };
  if (!take_number(&parsed.count)) return unknown;
  if (at != end && *at == '@') {
    ++at;
    if (!take_number(&parsed.found.emplace())) return unknown;
    parsed.found_more = at != end && *at == '+';
    if (parsed.found_more) ++at;
  }
  if (at == end || *at != '/') return unknown;
  parsed.inner = Position(at + 1, end);
  return parsed;
}

RecordMark MarkOfRow(const RecordBatch& batch, uint32_t row) {
  if (!batch.raw[row].empty()) return Hash(batch.raw[row]);
  std::string text;
  for (const Column& column : batch.columns) {
    const bool coded = column.dictionary_id != 0;
    AppendCell(coded ? column.dictionary[column.indices[row]] : column.cells[row], &text);
  }
  return Hash(text);
}

RecordMark FirstMark(const RecordBatch& batch) {
  const bool dead_first =
      batch.rows == 0 ||
      (!batch.dead_letters.empty() && batch.dead_letters.front().offset < batch.offsets.front());
  return dead_first ? MarkOfDead(batch.dead_letters.front()) : MarkOfRow(batch, 0);
}

}  // namespace murmur
