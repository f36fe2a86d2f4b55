#include "source/jsonl/line_blocks.h"

#include <algorithm>
#include <cstring>

namespace murmur {
namespace {

// After a split's end only the rest of one line is needed.
constexpr size_t kTailBytes = 64 << 10;

}  // namespace

LineBlocks::LineBlocks(std::unique_ptr<ByteStream> bytes, LineBlocksOptions options)
    : bytes_(std::move(bytes)), options_(std::move(options)) {
  if (options_.discard > 0) {
    state_ = State::kDiscarding;
    offset_ = options_.begin - options_.discard;
  } else {
    state_ = options_.begin_is_line_start ? State::kLines : State::kSkippingLine;
    offset_ = options_.begin - (options_.begin_is_line_start ? 0 : 1);
  }
}

Result<LineBlocks::Block> LineBlocks::Next(std::stop_token stop) {
  Drop(given_);
  given_ = 0;
  if (state_ == State::kDiscarding) MURMUR_TRY(Discard(stop));
  if (state_ == State::kSkippingLine) {
    MURMUR_ASSIGN(Block block, SkipLine(stop));
    if (block.is_end) return block;
  }
  while (state_ == State::kLines && offset_ < options_.end) {
    given_ = WholeLines();
    if (given_ > 0) {
      const char* begin = buffer_.data() + begin_;
      return Block{
          .lines = {begin, begin + given_, offset_}, .after = offset_ + given_, .dead = {}};
    }
    if (end_ - begin_ > options_.record_bytes_max) return SkipTooLong(stop);
    MURMUR_ASSIGN(ByteRead read, Fill(stop));
    if (read.size == 0) return TakeEnd(std::move(read));
  }
  return End();
}

// Reads once, at end_.
Result<ByteRead> LineBlocks::Fill(const std::stop_token& stop) {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const uint64_t next = offset_ + end_;
  const size_t wanted = next < options_.end
                            ? std::min<uint64_t>(options_.block_bytes, options_.end - next)
                            : std::min(options_.block_bytes, kTailBytes);
  if (buffer_.size() < end_ + wanted + kBlockPadding) buffer_.resize(end_ + wanted + kBlockPadding);
  MURMUR_ASSIGN(ByteRead read, bytes_->Read(stop, buffer_.data() + end_, wanted));
  end_ += read.size;
  std::memset(buffer_.data() + end_, 0, kBlockPadding);
  return read;
}

void LineBlocks::Drop(size_t bytes) {
  begin_ += bytes;
  offset_ += bytes;
}

// How many bytes at begin_ are whole lines that begin before the split's end.
size_t LineBlocks::WholeLines() const {
  const char* begin = buffer_.data() + begin_;
  const size_t size = end_ - begin_;
  // The line with the split's last byte is the last one wanted.
  const uint64_t last = options_.end - 1 - offset_;
  size_t searched = size;
  if (last < size) {
    const void* newline = std::memchr(begin + last, '\n', size - last);
    if (newline != nullptr) {
      return static_cast<size_t>(static_cast<const char*>(newline) - begin) + 1;
    }
    searched = last;
  }
  const void* newline = searched == 0 ? nullptr : memrchr(begin, '\n', searched);
  return newline == nullptr ? 0
                            : static_cast<size_t>(static_cast<const char*>(newline) - begin) + 1;
}

// If the stream ends or is damaged within the discarded bytes, the next read shows it again.
Status LineBlocks::Discard(const std::stop_token& stop) {
  while (offset_ < options_.begin) {
    MURMUR_ASSIGN(const ByteRead read, Fill(stop));
    if (read.size == 0) break;
    Drop(std::min<uint64_t>(end_ - begin_, options_.begin - offset_));
  }
  discarded_bytes_ = bytes_->source_bytes();
  state_ = State::kLines;
  return Status();
}

// Drops the line at begin_. is_end: no line of the split follows.
Result<LineBlocks::Block> LineBlocks::SkipLine(const std::stop_token& stop) {
  for (;;) {
    const char* begin = buffer_.data() + begin_;
    const void* newline = begin_ == end_ ? nullptr : std::memchr(begin, '\n', end_ - begin_);
    if (newline != nullptr) {
      Drop(static_cast<size_t>(static_cast<const char*>(newline) - begin) + 1);
      state_ = State::kLines;
      return Block();
    }
    Drop(end_ - begin_);
    if (offset_ >= options_.end) break;
    MURMUR_ASSIGN(ByteRead read, Fill(stop));
    if (read.size == 0) return TakeEnd(std::move(read));
  }
  return End();
}

Result<LineBlocks::Block> LineBlocks::SkipTooLong(const std::stop_token& stop) {
  DeadLetter dead = MakeTooLong(options_.object, offset_, options_.record_bytes_max,
                                {buffer_.data() + begin_, end_ - begin_});
  state_ = State::kSkippingLine;
  MURMUR_ASSIGN(Block block, SkipLine(stop));
  // Damage within the line is reported in the line's dead letter.
  if (block.dead) dead.detail += "; " + block.dead->detail;
  block.dead = std::move(dead);
  block.after = offset_;
  return block;
}

LineBlocks::Block LineBlocks::End() {
  state_ = State::kEnd;
  Block block;
  block.after = offset_;
  block.is_end = true;
  return block;
}

// What is left at the end of the stream: the start of a record before damage, or the last line.
LineBlocks::Block LineBlocks::TakeEnd(ByteRead read) {
  const char* begin = buffer_.data() + begin_;
  const size_t size = end_ - begin_;
  Block block = End();
  if (read.damaged) {
    block.dead = DeadLetter{.object = options_.object,
                            .offset = offset_,
                            .reason = read.reason,
                            .detail = std::move(read.detail),
                            .raw = std::string(begin, std::min(size, kDeadLetterRawBytes))};
  } else if (size > 0) {
    given_ = size;
    block.lines = {begin, begin + size, offset_};
    block.after = offset_ + size;
    block.last_line_open = true;
    block.is_end = false;
  }
  return block;
}

}  // namespace murmur
