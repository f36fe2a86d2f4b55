// The record stream of one split of lines: blocks of lines, decoded.
#pragma once

#include <memory>
#include <string>

#include "decode/line_decoder.h"
#include "murmur/source.h"
#include "source/jsonl/line_blocks.h"

namespace murmur {

inline constexpr std::string_view kEndPosition = "end";

// "o=1234". Errors: kInvalidArgument.
Position FormatOffset(uint64_t offset);
Result<uint64_t> ParseOffset(const Position& position);

class JsonlStream final : public RecordStream {
 public:
  // `compressed`: progress counts source bytes, not decompressed ones.
  JsonlStream(std::string object, bool compressed, std::unique_ptr<LineBlocks> blocks,
              std::unique_ptr<LineDecoder> decoder)
      : object_(std::move(object)),
        compressed_(compressed),
        blocks_(std::move(blocks)),
        decoder_(std::move(decoder)) {}

  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override;

 private:
  void DecodeLines(RecordBatch* batch);

  std::string object_;
  bool compressed_;
  std::unique_ptr<LineBlocks> blocks_;
  std::unique_ptr<LineDecoder> decoder_;
  LineBlocks::Block block_;    // what is left of it
  uint64_t source_bytes_ = 0;  // reported in batches so far
};

// A stream at the end of its split.
class EndedStream final : public RecordStream {
 public:
  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override;
};

}  // namespace murmur
