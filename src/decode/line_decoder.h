// A block of lines → rows of a batch: one record per line. Blank lines are skipped.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/attempt_backoff.h"
#include "murmur/record.h"
#include "murmur/status.h"

namespace murmur {

// The number of readable bytes that must follow a block's end.
inline constexpr size_t kBlockPadding = 64;

// Whole lines of an object. The byte at `end` is 0 if the last line has no newline.
struct LineBlock {
  const char* begin = nullptr;
  const char* end = nullptr;
  uint64_t offset = 0;  // of `begin` in the object
};

// Belongs to one stream. Threads: one at a time.
class LineDecoder {
 public:
  LineDecoder() = default;
  LineDecoder(const LineDecoder&) = delete;
  LineDecoder& operator=(const LineDecoder&) = delete;
  virtual ~LineDecoder() = default;

  // Fills an empty batch from the front of `block`: rows, offsets, raw, cells, kinds and dead
  // letters. Returns the first byte not taken: `block.end` unless the batch is full (kBatchRows
  // rows, or as many dead letters). Cells point into the block, or live until the next call.
  const char* Decode(const LineBlock& block, RecordBatch* batch);

 protected:
  explicit LineDecoder(uint64_t record_bytes_max) : record_bytes_max_(record_bytes_max) {}

  virtual void BeginBatch(RecordBatch* batch) = 0;
  // Tries to read the record in a usual way; false: use DecodeLine.
  virtual bool DecodeUsual(std::string_view line, uint32_t row) = 0;
  // The same for JsonReader::kTogether records, which is faster.
  virtual bool DecodeTogether(const std::string_view* /*lines*/, uint32_t /*row*/) { return false; }
  virtual bool DecodeLine(std::string_view line, uint32_t row, RecordBatch* batch,
                          DeadLetter* dead) = 0;

 private:
  bool TakeTogether(std::span<const std::string_view> lines, uint64_t offset, RecordBatch* batch);
  void TakeLine(std::string_view line, uint64_t offset, RecordBatch* batch);
  static void KeepLine(std::string_view line, uint64_t offset, RecordBatch* batch);

  uint64_t record_bytes_max_;
  AttemptBackoff together_{1, 2, 64};  // groups of lines, after one could not be decoded together
};

// The upper limit of max_record_bytes: the length of a cell has 32 bits.
inline constexpr uint64_t kRecordBytesLimit = 1ull << 30;

// A dead letter for a record of more than `record_bytes_max` bytes. `raw` is what is at hand of it,
// cut to that limit and to kDeadLetterRawBytes, so the result does not depend on the blocks.
DeadLetter MakeTooLong(std::string_view object, uint64_t offset, uint64_t record_bytes_max,
                       std::string_view raw);

// `format`: "json", or a format known to RegisterDecoder. Errors: as MakeDecoder.
Result<std::unique_ptr<LineDecoder>> MakeLineDecoder(std::string_view format,
                                                     const Projection& projection,
                                                     uint64_t record_bytes_max);

}  // namespace murmur
