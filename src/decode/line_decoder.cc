#include "decode/line_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "decode/json_reader.h"
#include "murmur/decoder.h"

namespace murmur {
namespace {

static_assert(kBlockPadding >= kJsonPadding);

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool IsBlank(std::string_view line) { return line.find_first_not_of(" \t\r") == line.npos; }

class JsonLineDecoder final : public LineDecoder {
 public:
  JsonLineDecoder(const Projection& projection, uint64_t record_bytes_max)
      : LineDecoder(record_bytes_max), reader_(projection, JsonReader::Framing::kLine) {}

 private:
  void BeginBatch(RecordBatch* batch) override { reader_.BeginBatch(batch->columns.data()); }
  const char* DecodeFast(const char* begin, const char* limit, uint32_t row) override {
    return reader_.ReadShape(begin, limit, row);
  }
  bool DecodeLine(std::string_view line, uint32_t row, RecordBatch* /*batch*/,
                  DeadLetter* dead) override {
    return reader_.Walk(line.data(), line.data() + line.size(), row, &dead->reason, &dead->detail);
  }

  JsonReader reader_;
};

// Lines of a registered format.
class CustomLineDecoder final : public LineDecoder {
 public:
  CustomLineDecoder(std::unique_ptr<RecordDecoder> decoder, uint64_t record_bytes_max)
      : LineDecoder(record_bytes_max), decoder_(std::move(decoder)) {}

 private:
  void BeginBatch(RecordBatch* /*batch*/) override { decoder_->BeginBatch(); }
  const char* DecodeFast(const char* /*begin*/, const char* /*limit*/, uint32_t /*row*/) override {
    return nullptr;
  }
  bool DecodeLine(std::string_view line, uint32_t row, RecordBatch* batch,
                  DeadLetter* dead) override {
    if (line.ends_with('\r')) line.remove_suffix(1);
    return decoder_->Decode(line, row, &batch->columns, dead);
  }

  std::unique_ptr<RecordDecoder> decoder_;
};

}  // namespace

const char* LineDecoder::Decode(const LineBlock& block, RecordBatch* batch) {
  const char* line = block.begin;
  BeginBatch(batch);
  while (line < block.end && batch->rows < kBatchRows && batch->dead_letters.size() < kBatchRows) {
    const char* end = TakeLine(line, block, batch);
    line = end < block.end ? end + 1 : end;
  }
  for (Column& column : batch->columns) column.SetTypeFromCells(batch->rows);
  return line;
}

// Returns the line's end: its newline, or the block's end.
const char* LineDecoder::TakeLine(const char* line, const LineBlock& block, RecordBatch* batch) {
  const uint32_t row = batch->rows;
  const uint64_t offset = block.offset + static_cast<uint64_t>(line - block.begin);
  const char* end = DecodeFast(line, block.end, row);
  const bool taken = end != nullptr;
  if (!taken) {
    // In a concatenation of files, each may begin with a byte order mark.
    const char* text = line;
    while (std::string_view(text, block.end).starts_with(kByteOrderMark)) {
      text += kByteOrderMark.size();
    }
    if (text != line) return TakeLine(text, block, batch);
    end = static_cast<const char*>(std::memchr(line, '\n', static_cast<size_t>(block.end - line)));
    if (end == nullptr) end = block.end;
  }
  const std::string_view raw(line, static_cast<size_t>(end - line));
  if (raw.size() > record_bytes_max_) [[unlikely]] {
    batch->dead_letters.push_back(MakeTooLong(batch->object, offset, record_bytes_max_, raw));
    return end;
  }
  if (!taken) {
    if (IsBlank(raw)) return end;
    DeadLetter dead;
    if (!DecodeLine(raw, row, batch, &dead)) {
      dead.object = batch->object;
      dead.offset = offset;
      dead.raw = raw.substr(0, kDeadLetterRawBytes);
      batch->dead_letters.push_back(std::move(dead));
      return end;
    }
  }
  batch->offsets[row] = offset;
  batch->raw[row] = raw.ends_with('\r') ? raw.substr(0, raw.size() - 1) : raw;
  ++batch->rows;
  return end;
}

DeadLetter MakeTooLong(std::string_view object, uint64_t offset, uint64_t record_bytes_max,
                       std::string_view raw) {
  return {
      .object = std::string(object),
      .offset = offset,
      .reason = DeadReason::kTooLong,
      .detail = fmt::format("the record is longer than max_record_bytes ({})", record_bytes_max),
      .raw = std::string(raw.substr(0, std::min<uint64_t>(kDeadLetterRawBytes, record_bytes_max)))};
}

Result<std::unique_ptr<LineDecoder>> MakeLineDecoder(std::string_view format,
                                                     const Projection& projection,
                                                     uint64_t record_bytes_max) {
  record_bytes_max = std::min(record_bytes_max, kRecordBytesLimit);
  if (format == "json") {
    return std::unique_ptr<LineDecoder>(
        std::make_unique<JsonLineDecoder>(projection, record_bytes_max));
  }
  MURMUR_ASSIGN(auto decoder, MakeDecoder(format, projection));
  return std::unique_ptr<LineDecoder>(
      std::make_unique<CustomLineDecoder>(std::move(decoder), record_bytes_max));
}

}  // namespace murmur
