#include "source/dynamodb/dynamo_export_stream.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "base/shown.h"
#include "source/jsonl/jsonl_stream.h"

namespace murmur {

Result<ReadState> DynamoExportStream::Read(std::stop_token stop, RecordBatch* batch) {
  rows_.Begin(batch);
  if (stop.stop_requested()) return Status(Code::kCancelled, file_.name);
  if (!HasLines() && !block_.is_end) {
    MURMUR_ASSIGN(block_, blocks_->Next(stop));
  }
  MURMUR_TRY(TakeLines(batch));
  if (!HasLines() && block_.dead) return Damaged(block_.dead->detail);
  rows_.Finish();
  if (batch->rows == 0 && block_.is_end) {
    if (items_ == file_.items) return ReadState::kEnd;
    return Damaged(
        fmt::format("has {}, but the export's manifest says {}: the export, or this "
                    "copy of it, is not whole",
                    Counted(items_, "item"), Grouped(file_.items)));
  }
  const uint64_t source_bytes = blocks_->source_bytes();
  batch->bytes = source_bytes - std::exchange(source_bytes_, source_bytes);
  batch->after = fmt::format("{}/{}", items_, FormatOffset(block_.lines.offset));
  return batch->rows == 0 ? ReadState::kIdle : ReadState::kRecords;
}

Status DynamoExportStream::TakeLines(RecordBatch* batch) {
  LineBlock& lines = block_.lines;
  while (HasLines() && batch->rows < kBatchRows) {
    const auto size = static_cast<size_t>(lines.end - lines.begin);
    const auto* const newline =
        static_cast<const char*>(std::memchr(lines.begin, '\n', size));  // none: the last line
    const char* const end = newline == nullptr ? lines.end : newline;
    const char* const next = newline == nullptr ? lines.end : newline + 1;
    MURMUR_TRY(TakeLine({lines.begin, static_cast<size_t>(end - lines.begin)}));
    lines.offset += static_cast<uint64_t>(next - lines.begin);
    lines.begin = next;
  }
  return {};
}

Status DynamoExportStream::TakeLine(std::string_view line) {
  std::string_view item;
  const auto member = [&](std::string_view name, bool, const char* at) -> const char* {
    const char* const after = scanner_.SkipValue(at, 1);
    if (name == "Item" && *at == '{' && after != nullptr) {
      item = {at, static_cast<size_t>(after - at)};
    }
    return after;
  };
  const char* const begin = scanner_.SkipSpace(line.data());
  const char* const end = *begin == '{' ? scanner_.WalkObject(begin, member) : nullptr;
  const bool is_one = end != nullptr && scanner_.SkipSpace(end) == line.data() + line.size();
  if (!is_one || item.empty()) {
    return Damaged(fmt::format("line {} is no item of an export", Grouped(items_ + 1)));
  }
  if (const Status put = rows_.Put(item); !put.ok()) return Damaged(put.message());
  ++items_;
  return {};
}

Status DynamoExportStream::Damaged(std::string_view what) const {
  return Status(Code::kDataLoss, fmt::format("{}: {}", file_.name, what));
}

}  // namespace murmur
