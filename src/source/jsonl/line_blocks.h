// Cuts a byte stream into blocks of whole lines, for one split of an object.
//
// A line belongs to the split that has its first byte: a split reads on after its end until its
// last line is complete. Memory: a block and one record; the bytes of longer records are skipped.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "decode/line_decoder.h"
#include "murmur/record.h"
#include "murmur/status.h"
#include "source/jsonl/byte_stream.h"

namespace murmur {

struct LineBlocksOptions {
  std::string object;  // for dead letters
  uint64_t begin = 0;  // lines that begin in [begin, end) are wanted
  uint64_t end = UINT64_MAX;
  bool begin_is_line_start = true;  // false: `begin` may lie within a line of the previous split
  uint64_t discard = 0;             // bytes before `begin` that the stream gives first
  uint64_t record_bytes_max = 16 << 20;
  size_t block_bytes = 512 << 10;  // read at once
};

// Threads: one at a time.
class LineBlocks {
 public:
  // `bytes` begins at begin - discard, or, if begin is no line start, one byte earlier.
  LineBlocks(std::unique_ptr<ByteStream> bytes, LineBlocksOptions options);

  struct Block {
    LineBlock lines;                 // empty at the end, and if there is only a dead letter
    uint64_t after = 0;              // offset after the lines and the dead letter
    bool last_line_open = false;     // the last line has no newline: the object ends there
    bool is_end = false;             // nothing follows
    std::optional<DeadLetter> dead;  // after the lines: a record too long, a damaged stream
  };
  // The next block; lines are valid until the next call. Errors: as ByteStream.
  Result<Block> Next(std::stop_token stop);

  // As ByteStream::source_bytes, without the discarded bytes.
  uint64_t source_bytes() const noexcept { return bytes_->source_bytes() - discarded_bytes_; }

 private:
  enum class State { kDiscarding, kSkippingLine, kLines, kEnd };

  Result<ByteRead> Fill(const std::stop_token& stop);
  Result<Block> SkipLine(const std::stop_token& stop);
  Result<Block> SkipTooLong(const std::stop_token& stop);
  Status Discard(const std::stop_token& stop);
  size_t WholeLines() const;
  Block TakeEnd(ByteRead read);
  Block End();
  void Drop(size_t bytes);

  std::unique_ptr<ByteStream> bytes_;
  LineBlocksOptions options_;
  State state_;
  std::vector<char> buffer_;  // [begin_, end_) is read and not given out
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t given_ = 0;  // bytes at begin_ that the last call gave to the caller
  uint64_t offset_;   // of buffer_[begin_] in the object
  uint64_t discarded_bytes_ = 0;
};

}  // namespace murmur
