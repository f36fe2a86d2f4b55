// A batch of a table's rows while it is filled, whatever the rows are made of: their keys, and what
// is said of each.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monoid/hash.h"
#include "murmur/record.h"

namespace murmur {

// Belongs to one stream. Threads: one at a time.
class TableBatch {
 public:
  // `object` is the rows' object.
  explicit TableBatch(std::string object) : object_(std::move(object)) {}

  const std::string& object() const noexcept { return object_; }
  std::vector<Column>* columns() noexcept { return &batch_->columns; }

  // Starts a batch; views of the last one become invalid. *batch stays until Finish.
  void Begin(RecordBatch* batch) {
    batch_ = batch;
    batch->Clear();
    batch->object = object_;
    TableRows& table = batch->AsTable();
    table.row_keys.clear();
    table.changes.clear();
    table.cleared = false;
    table.places.clear();
    table.read_point.clear();
    table.watermark.clear();
    batch->describe = nullptr;
    keys_.clear();
    key_ends_.clear();
  }

  // The number of the row that is added next. REQUIRES: the batch is not full
  uint32_t next() const noexcept { return batch_->rows; }
  // The key of the next row is to be appended to it.
  std::string* key() noexcept { return &keys_; }
  // Adds the row whose key was appended; `bytes` is its size. The caller fills its cells.
  void Add(RowChange change, uint64_t bytes) {
    const size_t begin = key_ends_.empty() ? 0 : key_ends_.back();
    key_ends_.push_back(keys_.size());
    const uint32_t row = batch_->rows++;
    batch_->table->changes.push_back(change);
    batch_->offsets[row] = HashBytes(std::string_view(keys_).substr(begin), kStringSeed);
    batch_->raw[row] = {};
    batch_->bytes += bytes;
  }
  void SetNull(uint32_t row) {
    for (Column& column : batch_->columns) column.cells[row] = Cell::Null();
  }
  // The row has no content that can be read, and is treated as deleted.
  void Refuse(uint32_t row) {
    batch_->table->changes[row] = RowChange::kDelete;
    SetNull(row);
  }
  void AddDeadLetter(uint32_t row, DeadLetter letter) {
    letter.object = object_;
    letter.offset = batch_->offsets[row];
    batch_->dead_letters.push_back(std::move(letter));
  }
  void Clear() { batch_->table->cleared = true; }
  // Sets the place in the change log of the rows since the last call.
  void SetPlace(const std::string& place) { batch_->table->places.resize(batch_->rows, place); }

  void Finish(std::function<void(uint32_t, DeadLetter*)> describe) {
    for (Column& column : batch_->columns) column.SetTypeFromCells(batch_->rows);
    size_t begin = 0;
    for (const size_t end : key_ends_) {
      batch_->table->row_keys.push_back(std::string_view(keys_).substr(begin, end - begin));
      begin = end;
    }
    batch_->describe = std::move(describe);
  }

 private:
  std::string object_;
  RecordBatch* batch_ = nullptr;
  std::string keys_;  // of all rows
  std::vector<size_t> key_ends_;
};

}  // namespace murmur
