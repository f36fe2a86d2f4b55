// A file some of whose ranges are fetched in parallel, one thread each, for a store where each
// request costs a round trip. Internal.
#pragma once

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/result.h>
#include <arrow/util/future.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace murmur::parquet_source {

// Threads: reads by position from many at once. A range's bytes are kept as long as the file.
class FetchedFile final : public arrow::io::RandomAccessFile {
 public:
  // Starts fetching. If fetching a range fails, reading it returns the error.
  FetchedFile(std::shared_ptr<arrow::io::RandomAccessFile> file,
              const std::vector<arrow::io::ReadRange>& ranges)
      : file_(std::move(file)) {
    set_mode(arrow::io::FileMode::READ);
    for (const arrow::io::ReadRange& range : ranges) {
      fetched_.push_back(
          {range, file_->ReadAsync(file_->io_context(), range.offset, range.length)});
    }
  }

  arrow::Status Close() override { return file_->Close(); }
  bool closed() const override { return file_->closed(); }
  arrow::Result<int64_t> Tell() const override { return file_->Tell(); }
  arrow::Status Seek(int64_t position) override { return file_->Seek(position); }
  arrow::Result<int64_t> GetSize() override { return file_->GetSize(); }
  arrow::Result<int64_t> Read(int64_t bytes, void* out) override { return file_->Read(bytes, out); }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t bytes) override {
    return file_->Read(bytes);
  }
  arrow::Result<int64_t> ReadAt(int64_t position, int64_t bytes, void* out) override {
    return file_->ReadAt(position, bytes, out);
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t bytes) override {
    for (const Fetched& fetched : fetched_) {
      if (!fetched.range.Contains({position, bytes})) continue;
      ARROW_ASSIGN_OR_RAISE(const auto buffer, fetched.bytes.result());
      const int64_t begin = std::min(position - fetched.range.offset, buffer->size());
      return arrow::SliceBuffer(buffer, begin, std::min(bytes, buffer->size() - begin));
    }
    return file_->ReadAt(position, bytes);
  }

 private:
  struct Fetched {
    arrow::io::ReadRange range;
    arrow::Future<std::shared_ptr<arrow::Buffer>> bytes;
  };

  std::shared_ptr<arrow::io::RandomAccessFile> file_;
  std::vector<Fetched> fetched_;
};

}  // namespace murmur::parquet_source
