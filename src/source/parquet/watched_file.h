// A file that remembers a read's error, since Parquet's reader does not distinguish a failing disk
// from damaged bytes. Internal.
#pragma once

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/result.h>

#include <memory>
#include <utility>

namespace murmur::parquet_source {

// Threads: as the file that it wraps; failure() after the reads.
class WatchedFile final : public arrow::io::RandomAccessFile {
 public:
  explicit WatchedFile(std::shared_ptr<arrow::io::RandomAccessFile> file)
      : file_(std::move(file)), size_(Watched(file_->GetSize()).ValueOr(0)) {
    set_mode(arrow::io::FileMode::READ);
  }

  // The first error of a read within the file; OK if all went well.
  const arrow::Status& failure() const noexcept { return failure_; }

  arrow::Status Close() override { return file_->Close(); }
  bool closed() const override { return file_->closed(); }
  arrow::Result<int64_t> Tell() const override { return file_->Tell(); }
  arrow::Status Seek(int64_t position) override { return file_->Seek(position); }
  arrow::Result<int64_t> GetSize() override { return Watched(file_->GetSize()); }

  using arrow::io::RandomAccessFile::ReadAt;
  arrow::Result<int64_t> Read(int64_t bytes, void* out) override {
    return Watched(file_->Read(bytes, out));
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t bytes) override {
    return Watched(file_->Read(bytes));
  }
  // A damaged footer may ask for bytes after the end; that is not a failure of the disk.
  arrow::Result<int64_t> ReadAt(int64_t position, int64_t bytes, void* out) override {
    auto result = file_->ReadAt(position, bytes, out);
    return IsInside(position, bytes) ? Watched(std::move(result)) : std::move(result);
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t bytes) override {
    auto result = file_->ReadAt(position, bytes);
    return IsInside(position, bytes) ? Watched(std::move(result)) : std::move(result);
  }

 private:
  bool IsInside(int64_t position, int64_t bytes) const noexcept {
    return position >= 0 && bytes >= 0 && position <= size_ && bytes <= size_ - position;
  }

  template <class T>
  arrow::Result<T> Watched(arrow::Result<T> result) {
    if (failure_.ok() && !result.ok()) failure_ = result.status();
    return result;
  }

  arrow::Status failure_;
  std::shared_ptr<arrow::io::RandomAccessFile> file_;
  const int64_t size_;
};

}  // namespace murmur::parquet_source
