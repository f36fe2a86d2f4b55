#include "decode/line_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "decode/json_reader.h"
#include "murmur/decoder.h"

namespace murmur {
namespace {

static_assert(kBlockPadding >= kJsonPadding);

constexpr size_t kTogether = JsonReader::kTogether;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Takes a line off the front; returns what follows its newline, or `end`.
const char* TakeFrom(const char* begin, const char* end, std::string_view* line) {
  const void* newline = std::memchr(begin, '\n', static_cast<size_t>(end - begin));
  const char* stop = newline == nullptr ? end : static_cast<const char*>(newline);
  *line = {begin, static_cast<size_t>(stop - begin)};
  return stop < end ? stop + 1 : end;
}

bool IsBlank(std::string_view line) { return line.find_first_not_of(" \t\r") == line.npos; }

class JsonLineDecoder final : public LineDecoder {
 public:
  JsonLineDecoder(const Projection& projection, uint64_t record_bytes_max)
      : LineDecoder(record_bytes_max), reader_(projection, JsonReader::Framing::kLine) {}

 private:
  void BeginBatch(RecordBatch* batch) override { reader_.BeginBatch(batch->columns.data()); }
  bool DecodeUsual(std::string_view line, uint32_t row) override {
    return reader_.ReadShape(line, row);
  }
  bool DecodeTogether(const std::string_view* lines, uint32_t row) override {
    return reader_.ReadTogether(lines, row);
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
  bool DecodeUsual(std::string_view /*line*/, uint32_t /*row*/) override { return false; }
  bool DecodeLine(std::string_view line, uint32_t row, RecordBatch* batch,
                  DeadLetter* dead) override {
    if (line.ends_with('\r')) line.remove_suffix(1);
    return decoder_->Decode(line, row, &batch->columns, dead);
  }

  std::unique_ptr<RecordDecoder> decoder_;
};

}  // namespace

const char* LineDecoder::Decode(const LineBlock& block, RecordBatch* batch) {
  const char* begin = block.begin;
  BeginBatch(batch);
  std::array<std::string_view, kTogether> lines;
  const auto offset_of = [&block](std::string_view line) {
    return block.offset + static_cast<uint64_t>(line.data() - block.begin);
  };
  while (begin < block.end && batch->rows < kBatchRows && batch->dead_letters.size() < kBatchRows) {
    const size_t room = kBatchRows - std::max<size_t>(batch->rows, batch->dead_letters.size());
    const size_t wanted = room < kTogether ? 1 : kTogether;
    size_t count = 0;
    while (count < wanted && begin < block.end) begin = TakeFrom(begin, block.end, &lines[count++]);
    if (count == kTogether && TakeTogether({lines.data(), count}, offset_of(lines[0]), batch))
      continue;
    for (size_t i = 0; i < count; ++i) TakeLine(lines[i], offset_of(lines[i]), batch);
  }
  for (Column& column : batch->columns) column.SetTypeFromCells(batch->rows);
  return begin;
}

// True if it took all lines. Where that fails it is tried more and more seldom.
bool LineDecoder::TakeTogether(std::span<const std::string_view> lines, uint64_t offset,
                               RecordBatch* batch) {
  if (!together_.Try()) return false;
  const bool too_long = std::any_of(lines.begin(), lines.end(), [this](std::string_view line) {
    return line.size() > record_bytes_max_;
  });
  if (too_long || !DecodeTogether(lines.data(), batch->rows)) {
    together_.Failed();
    return false;
  }
  together_.Succeeded();
  for (const std::string_view line : lines) {
    KeepLine(line, offset + static_cast<uint64_t>(line.data() - lines[0].data()), batch);
  }
  return true;
}

void LineDecoder::TakeLine(std::string_view line, uint64_t offset, RecordBatch* batch) {
  const bool decoded = DecodeUsual(line, batch->rows);
  if (!decoded && line.starts_with(kByteOrderMark)) {
    // In a concatenation of files, each may begin with one.
    return TakeLine(line.substr(kByteOrderMark.size()), offset + kByteOrderMark.size(), batch);
  }
  if (line.size() > record_bytes_max_) [[unlikely]] {
    batch->dead_letters.push_back(MakeTooLong(batch->object, offset, record_bytes_max_, line));
    return;
  }
  if (!decoded) {
    if (IsBlank(line)) return;
    DeadLetter dead;
    if (!DecodeLine(line, batch->rows, batch, &dead)) {
      dead.object = batch->object;
      dead.offset = offset;
      dead.raw = line.substr(0, kDeadLetterRawBytes);
      batch->dead_letters.push_back(std::move(dead));
      return;
    }
  }
  KeepLine(line, offset, batch);
}

void LineDecoder::KeepLine(std::string_view line, uint64_t offset, RecordBatch* batch) {
  batch->offsets[batch->rows] = offset;
  batch->raw[batch->rows] = line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
  ++batch->rows;
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
