// The keys of a batch's rows for one rollup: bytes and hashes, column by column.
// Threads: one worker.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/key.h"
#include "murmur/record.h"

namespace murmur {

class KeyBuilder {
 public:
  KeyBuilder();

  // Starts `rows` keys with the rollup's byte.
  void Start(uint32_t rollup, uint32_t rows);
  void AppendColumn(const Column& column);
  void AppendBuckets(const int64_t* buckets);
  void Finish();  // hashes

  // As GroupTable::Find wants them.
  std::string_view key(uint32_t row) const noexcept {
    return lengths_[row] <= kRowBytes
               ? std::string_view(rows_.data() + row * kRowStride, lengths_[row])
               : std::string_view(long_keys_[row]);
  }
  uint64_t hash(uint32_t row) const noexcept { return hashes_[row]; }

 private:
  static constexpr uint32_t kRowBytes = 48;   // the longest key that is built in place
  static constexpr uint32_t kRowStride = 80;  // plus room for a 16-byte store after it

  void AppendCell(uint32_t row, const Cell& cell);
  void AppendBytes(uint32_t row, std::string_view bytes);
  bool AppendInt(uint32_t row, int64_t v);
  bool AppendShortString(uint32_t row, std::string_view text);

  uint32_t count_ = 0;
  std::vector<char> rows_;
  std::vector<uint32_t> lengths_;
  std::vector<uint64_t> hashes_;
  std::vector<std::string> long_keys_;  // of rows whose key is longer than kRowBytes
  std::string part_;
};

}  // namespace murmur
