#include "source/jsonl/jsonl_stream.h"

#include <fmt/format.h>

#include <charconv>

namespace murmur {

Position FormatOffset(uint64_t offset) { return fmt::format("o={}", offset); }

Result<uint64_t> ParseOffset(const Position& position) {
  uint64_t offset = 0;
  const char* end = position.data() + position.size();
  if (position.starts_with("o=")) {
    const auto parsed = std::from_chars(position.data() + 2, end, offset);
    if (parsed.ec == std::errc() && parsed.ptr == end) return offset;
  }
  return Status(
      Code::kInvalidArgument,
      fmt::format("'{}' is no position in a file of lines; expected o=<offset>", position));
}

Result<ReadState> JsonlStream::Read(std::stop_token stop, RecordBatch* batch) {
  batch->Clear();
  batch->object = object_;
  if (stop.stop_requested()) return Status(Code::kCancelled, object_);
  if (block_.lines.begin == block_.lines.end) {
    if (block_.is_end) return ReadState::kEnd;
    MURMUR_ASSIGN(block_, blocks_->Next(stop));
    const bool empty = block_.lines.begin == block_.lines.end && !block_.dead;
    if (empty && block_.is_end) return ReadState::kEnd;
  }
  const uint64_t before = block_.lines.offset;
  if (block_.lines.begin != block_.lines.end) DecodeLines(batch);
  batch->after = FormatOffset(block_.lines.offset);
  if (block_.lines.begin == block_.lines.end) {
    batch->after = block_.is_end ? Position(kEndPosition) : FormatOffset(block_.after);
    if (block_.dead) batch->dead_letters.push_back(*std::move(block_.dead));
    block_.dead.reset();
  }
  const uint64_t source_bytes = blocks_->source_bytes();
  batch->bytes = compressed_ ? source_bytes - source_bytes_ : block_.lines.offset - before;
  source_bytes_ = source_bytes;
  return ReadState::kRecords;
}

void JsonlStream::DecodeLines(RecordBatch* batch) {
  const char* rest = decoder_->Decode(block_.lines, batch);
  block_.lines.offset += static_cast<uint64_t>(rest - block_.lines.begin);
  block_.lines.begin = rest;
  for (DeadLetter& dead : batch->dead_letters) {
    if (dead.reason != DeadReason::kUndecodable && dead.reason != DeadReason::kInvalidUtf8)
      continue;
    // A file that is one list has its brackets on lines of their own, or is one line.
    const bool list = dead.raw.find_first_not_of(" \t\r") == dead.raw.find('[');
    if (list && dead.raw.find('[') != dead.raw.npos) {
      dead.detail += "; lists are no records: write one object a line, as jq -c '.[]' does";
    } else if (block_.last_line_open) {
      // The block is this one line. What can't be read of it was cut off.
      dead.reason = DeadReason::kTruncated;
      dead.detail += "; it is the last line, without a newline at its end";
    }
  }
}

Result<ReadState> EndedStream::Read(std::stop_token stop, RecordBatch* batch) {
  batch->Clear();
  if (stop.stop_requested()) return Status(Code::kCancelled, "the split has ended");
  return ReadState::kEnd;
}

}  // namespace murmur
