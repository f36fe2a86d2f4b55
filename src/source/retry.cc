#include "source/retry.h"

#include <arrow/buffer.h>
#include <arrow/util/io_util.h>

#include <algorithm>

#include "base/waiting.h"

namespace murmur {
namespace {

constexpr int kAttempts = 10;
constexpr std::chrono::milliseconds kLongestWait{4000};

class OurStatus final : public arrow::StatusDetail {
 public:
  explicit OurStatus(Status status) : status_(std::move(status)) {}
  const char* type_id() const override { return "murmur::Status"; }
  std::string ToString() const override { return status_.ToString(); }
  const Status& status() const noexcept { return status_; }

 private:
  Status status_;
};

class RetryingFile final : public arrow::io::RandomAccessFile {
 public:
  RetryingFile(std::shared_ptr<arrow::io::RandomAccessFile> file,
               std::shared_ptr<const ObjectStore> store)
      : file_(std::move(file)), store_(std::move(store)) {
    set_mode(arrow::io::FileMode::READ);
  }

  arrow::Status Close() override { return file_->Close(); }
  bool closed() const override { return file_->closed(); }
  arrow::Result<int64_t> Tell() const override { return file_->Tell(); }
  arrow::Status Seek(int64_t position) override { return file_->Seek(position); }
  arrow::Result<int64_t> GetSize() override { return file_->GetSize(); }

  // Only by position: after a failed sequential read, the position is unknown.
  arrow::Result<int64_t> Read(int64_t bytes, void* out) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t position, file_->Tell());
    ARROW_ASSIGN_OR_RAISE(const int64_t read, ReadAt(position, bytes, out));
    ARROW_RETURN_NOT_OK(file_->Seek(position + read));
    return read;
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t bytes) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t position, file_->Tell());
    ARROW_ASSIGN_OR_RAISE(auto buffer, ReadAt(position, bytes));
    ARROW_RETURN_NOT_OK(file_->Seek(position + buffer->size()));
    return buffer;
  }
  arrow::Result<int64_t> ReadAt(int64_t position, int64_t bytes, void* out) override {
    return Retried(store_->interruption().token(),
                   [&] { return file_->ReadAt(position, bytes, out); });
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t bytes) override {
    return Retried(store_->interruption().token(), [&] { return file_->ReadAt(position, bytes); });
  }

 private:
  const std::shared_ptr<arrow::io::RandomAccessFile> file_;
  const std::shared_ptr<const ObjectStore> store_;
};

}  // namespace

bool Backoff::TryAgain(const arrow::Status& error) {
  if (const Status* ours = OursIn(error)) return TryAgain(*ours);
  // With an error number, the store's answer is definite: the object is not there.
  return error.IsIOError() && arrow::internal::ErrnoFromStatus(error) == 0 && Wait();
}

bool Backoff::TryAgain(const Status& error) { return error.code() == Code::kUnavailable && Wait(); }

bool Backoff::Wait() {
  if (attempts_ == kAttempts) return false;
  ++attempts_;
  const bool waited = SleepUnlessStopped(wait_, stop_);
  wait_ = std::min(2 * wait_, kLongestWait);
  return waited;
}

arrow::Status ToArrow(const Status& status) {
  if (status.ok()) return arrow::Status::OK();
  return arrow::Status(arrow::StatusCode::IOError, std::string(status.message()),
                       std::make_shared<OurStatus>(status));
}

const Status* OursIn(const arrow::Status& status) {
  const auto* ours = dynamic_cast<const OurStatus*>(status.detail().get());
  return ours == nullptr ? nullptr : &ours->status();
}

std::shared_ptr<arrow::io::RandomAccessFile> RetryReads(
    std::shared_ptr<arrow::io::RandomAccessFile> file, std::shared_ptr<const ObjectStore> store) {
  return std::make_shared<RetryingFile>(std::move(file), std::move(store));
}

}  // namespace murmur
