// The rows of a file of an export: lines of {"Item": {…}}.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "decode/json_scanner.h"
#include "murmur/source.h"
#include "source/dynamodb/dynamo_client.h"
#include "source/dynamodb/dynamo_rows.h"
#include "source/jsonl/line_blocks.h"

namespace murmur {

struct DynamoExportFile {
  std::string name;
  uint64_t items = 0;  // that it must have
};

// Positions are those of SlicePosition: "<items so far>/o=<offset in the decompressed lines>". An
// export is whole, or it is none: whatever is wrong with a file is an error.
class DynamoExportStream final : public RecordStream {
 public:
  // `blocks` begins at the line after the first `items_before`.
  DynamoExportStream(const DynamoPlace& place, std::vector<DynamoKeyAttribute> key,
                     DynamoExportFile file, std::unique_ptr<LineBlocks> blocks,
                     uint64_t items_before, const Projection& projection, uint64_t row_bytes_max)
      : file_(std::move(file)),
        blocks_(std::move(blocks)),
        items_(items_before),
        rows_(place, std::move(key), projection, row_bytes_max) {}

  // Errors: kDataLoss (names the file).
  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override;

 private:
  bool HasLines() const { return block_.lines.begin != block_.lines.end; }
  Status TakeLines(RecordBatch* batch);
  Status TakeLine(std::string_view line);
  Status Damaged(std::string_view what) const;

  const DynamoExportFile file_;
  const std::unique_ptr<LineBlocks> blocks_;
  LineBlocks::Block block_;  // what is left of it
  uint64_t items_;
  uint64_t source_bytes_ = 0;  // reported in batches so far
  DynamoRows rows_;
  JsonScanner scanner_{/*newline_is_space=*/false};
};

}  // namespace murmur
