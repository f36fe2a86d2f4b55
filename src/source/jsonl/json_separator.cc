#include "source/jsonl/json_separator.h"

#include <algorithm>
#include <string>

namespace murmur {
namespace {

class SeparatedBytes final : public ByteStream {
 public:
  explicit SeparatedBytes(std::unique_ptr<ByteStream> bytes)
      : bytes_(std::move(bytes)), input_(kInputBytes, '\0') {}

  Result<ByteRead> Read(std::stop_token stop, char* out, size_t size) override {
    ByteRead read;
    while (read.size == 0) {
      if (at_ == end_) {
        MURMUR_ASSIGN(ByteRead input, bytes_->Read(stop, input_.data(), input_.size()));
        if (input.size == 0) return input;
        source_bytes_ = bytes_->source_bytes();
        at_ = 0;
        end_ = input.size;
      }
      read.size = Separate(out, size);
    }
    return read;
  }

 private:
  static constexpr size_t kInputBytes = 256 << 10;

  // Moves what fits from the input to `out`.
  size_t Separate(char* out, size_t size) {
    size_t written = 0;
    while (at_ < end_ && written < size) {
      const char c = input_[at_];
      const bool value_begins =
          c == '{' && (depth_ == 0 || (after_newline_ && IsNoPlaceForValue()));
      if (value_begins && !line_empty_) {
        out[written++] = EndLine();
        continue;  // the same byte again, on its own line
      }
      if (value_begins) {
        depth_ = 0;
        in_string_ = false;
      }
      ++at_;
      if (IsOfByteOrderMark(c) && depth_ == 0 && !in_string_) continue;
      if (c == '\n' && depth_ == 0) {
        after_newline_ = true;
        if (!line_empty_) out[written++] = EndLine();
        continue;
      }
      Follow(c);
      out[written++] = c == '\n' ? ' ' : c;
      line_empty_ = false;
    }
    return written;
  }

  // Between values these bytes mean nothing.
  static bool IsOfByteOrderMark(char c) { return c == '\xEF' || c == '\xBB' || c == '\xBF'; }

  // Within a value: whether it was cut off before this byte.
  bool IsNoPlaceForValue() const {
    return in_string_ || (last_ != '[' && last_ != ',' && last_ != ':');
  }

  char EndLine() {
    line_empty_ = true;
    return '\n';
  }

  void Follow(char c) {
    after_newline_ = c == '\n';
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') last_ = c;
    if (in_string_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_string_ = false;
      }
    } else if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if ((c == '}' || c == ']') && depth_ > 0) {
      --depth_;
    }
  }

  std::unique_ptr<ByteStream> bytes_;
  std::string input_;
  size_t at_ = 0;
  size_t end_ = 0;
  bool line_empty_ = true;      // of the output
  bool after_newline_ = false;  // the previous byte was a newline
  char last_ = 0;               // the last byte that is not white space
  uint32_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

}  // namespace

std::unique_ptr<ByteStream> SeparateJson(std::unique_ptr<ByteStream> bytes) {
  return std::make_unique<SeparatedBytes>(std::move(bytes));
}

}  // namespace murmur
