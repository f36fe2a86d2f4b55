// Cuts a byte stream into blocks of whole lines, for one split of an object.
//
// A line belongs to the split in which its first byte lies: a split reads on behind its end until
// its last line is whole. Memory is a block and one record: of a longer record the bytes are
// skipped as they come.
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
  bool begin_is_line_start = true;  // false: `begin` may lie within a line of the split before
  uint64_t discard = 0;             // bytes in front of `begin` that the stream gives first
  uint64_t record_bytes_max = 16 << 20;
  size_t block_bytes = 512 << 10;  // read at once
};

// Threads: one at a time.
class LineBlocks {
 public:
  // `bytes` begins at begin - discard, or, if begin is no line start, one byte before it.
  LineBlocks(std::unique_ptr<ByteStream> bytes, LineBlocksOptions options);

  struct Block {
    LineBlock lines;                 // empty at the end, and where only a dead letter came
    uint64_t after = 0;              // offset behind the lines and the dead letter
    bool last_line_open = false;     // the last line has no newline: the object ends there
    bool is_end = false;             // nothing follows
    std::optional<DeadLetter> dead;  // behind the lines: a record too long, a damaged stream
  };
  // The next block; lines are valid until the next call. Errors: as ByteStream.
  Result<Block> Next(std::stop_token stop);

  // As ByteStream::source_bytes, without what was read to be discarded.
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
  size_t given_ = 0;  // bytes at begin_ that the caller has from the last call
  uint64_t offset_;   // of buffer_[begin_] in the object
  uint64_t discarded_bytes_ = 0;
};

}  // namespace murmur
