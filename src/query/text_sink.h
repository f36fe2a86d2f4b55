// A formatter of text that writes one row after the other.
#pragma once

#include <string>
#include <utility>

#include "murmur/query.h"
#include "query/answer.h"

namespace murmur {

// Gathers rows of text, and writes them in pieces of about kWriteBytes.
class TextSink : public RowSink {
 public:
  explicit TextSink(WriteText write) : write_(std::move(write)) {}

  Status Begin(const AnswerSchema& schema) final {
    schema_ = &schema;
    AppendHeader(&buffer_);
    return {};
  }
  Status Add(const Row& row) final {
    AppendRow(row, &buffer_);
    return buffer_.size() < kWriteBytes ? Status() : Flush();
  }
  Status End() final { return Flush(); }

 protected:
  const AnswerSchema& schema() const { return *schema_; }
  virtual void AppendHeader(std::string* /*text*/) {}
  virtual void AppendRow(const Row& row, std::string* text) = 0;

 private:
  static constexpr size_t kWriteBytes = 64 << 10;

  Status Flush() {
    Status status = write_(buffer_);
    buffer_.clear();
    return status;
  }

  const WriteText write_;
  const AnswerSchema* schema_ = nullptr;
  std::string buffer_;
};

}  // namespace murmur
