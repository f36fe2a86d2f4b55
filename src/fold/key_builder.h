// The keys of some of a batch's rows for one rollup: bytes and hashes, column by column.
// Threads: one worker.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/key.h"
#include "murmur/record.h"

namespace murmur {

class KeyBuilder {
 public:
  KeyBuilder();

  // Starts a key with the rollup's byte for each of `rows`, which stay until Finish.
  void Start(uint32_t rollup, std::span<const uint32_t> rows);
  void AppendColumn(const Column& column);
  void AppendBuckets(const int64_t* buckets);  // of all rows of the batch
  void Finish();                               // hashes

  // Of the i-th of `rows`, as GroupTable::Find wants them.
  std::string_view key(uint32_t i) const noexcept {
    return lengths_[i] <= kRowBytes ? std::string_view(rows_.data() + i * kRowStride, lengths_[i])
                                    : std::string_view(long_keys_[i]);
  }
  uint64_t hash(uint32_t i) const noexcept { return hashes_[i]; }

 private:
  static constexpr uint32_t kRowBytes = 48;   // the longest key that is built in place
  static constexpr uint32_t kRowStride = 80;  // plus room for a 16-byte store after it

  void AppendCell(uint32_t row, const Cell& cell);
  void AppendBytes(uint32_t row, std::string_view bytes);
  bool AppendInt(uint32_t row, int64_t v);
  bool AppendShortString(uint32_t row, std::string_view text);

  std::span<const uint32_t> of_rows_;
  uint32_t count_ = 0;
  std::vector<char> rows_;
  std::vector<uint32_t> lengths_;
  std::vector<uint64_t> hashes_;
  std::vector<std::string> long_keys_;  // of rows whose key is longer than kRowBytes
  std::string part_;
};

}  // namespace murmur
