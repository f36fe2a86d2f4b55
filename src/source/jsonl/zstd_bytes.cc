#include "source/jsonl/zstd_bytes.h"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

namespace murmur {
namespace {

constexpr size_t kInputBytes = 256 << 10;
constexpr size_t kHeaderBytesMax = 18;
constexpr size_t kMagicSize = 4;
constexpr uint64_t kMebibyte = 1 << 20;

uint64_t LittleEndian(const unsigned char* bytes, size_t size) {
  uint64_t value = 0;
  for (size_t i = size; i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

// The window of the frame that begins with `header`; 0 if it is not a frame of data.
// Source: RFC 8878, 3.1.1.1
uint64_t WindowOf(const char* header, size_t size) {
  constexpr uint64_t kMagic = 0xFD2FB528;
  const auto* const bytes = reinterpret_cast<const unsigned char*>(header);
  if (size < kMagicSize + 2 || LittleEndian(bytes, kMagicSize) != kMagic) return 0;
  const unsigned char descriptor = bytes[kMagicSize];
  const bool single_segment = (descriptor & 0x20) != 0;
  const unsigned char* at = bytes + kMagicSize + 1;
  if (!single_segment) {
    const uint64_t base = 1ull << (10 + (*at >> 3));
    return base + base / 8 * (*at & 7);
  }
  constexpr size_t kIdBytes[] = {0, 1, 2, 4};
  constexpr size_t kContentBytes[] = {1, 2, 4, 8};
  const size_t content_bytes = kContentBytes[descriptor >> 6];
  at += kIdBytes[descriptor & 3];
  if (at + content_bytes > bytes + size) return 0;
  return LittleEndian(at, content_bytes) + (content_bytes == 2 ? 256 : 0);
}

class ZstdBytes final : public ByteStream {
 public:
  ZstdBytes(std::unique_ptr<ByteStream> compressed, uint64_t window_bytes_max)
      : compressed_(std::move(compressed)),
        window_bytes_max_(window_bytes_max),
        context_(ZSTD_createDCtx()),
        input_(kInputBytes) {
    // The limit is checked here: the library only knows powers of two.
    ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax,
                           ZSTD_dParam_getBounds(ZSTD_d_windowLogMax).upperBound);
  }

  Result<ByteRead> Read(std::stop_token stop, char* out, size_t size) override {
    ByteRead whole;
    while (whole.size < size && !last_) {
      MURMUR_ASSIGN(const size_t written, Step(stop, out + whole.size, size - whole.size));
      whole.size += written;
    }
    return whole.size > 0 ? whole : *last_;
  }

  uint64_t source_bytes() const noexcept override { return compressed_->source_bytes(); }

 private:
  // Returns how many bytes it wrote; sets last_ at the end, or at damage.
  Result<size_t> Step(const std::stop_token& stop, char* out, size_t size) {
    if (!in_frame_) {
      MURMUR_TRY(Fill(stop, kHeaderBytesMax));
      if (begin_ == end_) {
        last_ = end_of_input_;
        return size_t{0};
      }
      MURMUR_TRY(CheckWindow());
      in_frame_ = true;
    } else if (begin_ == end_ && !full_) {
      MURMUR_TRY(Fill(stop, 1));
      if (begin_ == end_) {
        last_ = end_of_input_->damaged ? *end_of_input_ : Truncated();
        return size_t{0};
      }
    }
    ZSTD_inBuffer from{&input_[begin_], end_ - begin_, 0};
    ZSTD_outBuffer to{out, size, 0};
    const size_t code = ZSTD_decompressStream(context_.get(), &to, &from);
    begin_ += from.pos;
    consumed_ += from.pos;
    if (ZSTD_isError(code) != 0) {
      last_ = Corrupt(ZSTD_getErrorName(code));
    } else if (code == 0) {
      in_frame_ = false;
    } else if (from.pos == 0 && to.pos == 0 && begin_ < end_) {
      last_ = Corrupt("no progress");
    }
    full_ = code != 0 && to.pos == size;
    return to.pos;
  }

  // Reads until `wanted` bytes are there, or the stream ends.
  Status Fill(const std::stop_token& stop, size_t wanted) {
    if (end_ - begin_ >= wanted) return {};
    std::memmove(input_.data(), &input_[begin_], end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    while (end_ < wanted && !end_of_input_) {
      MURMUR_ASSIGN(ByteRead read, compressed_->Read(stop, &input_[end_], input_.size() - end_));
      end_ += read.size;
      if (read.size == 0) end_of_input_ = std::move(read);
    }
    return {};
  }

  Status CheckWindow() const {
    const uint64_t window = WindowOf(&input_[begin_], end_ - begin_);
    if (window <= window_bytes_max_) return {};
    return Status(
        Code::kResourceExhausted,
        fmt::format("its zstd frame takes a window of {} MiB to decompress (zstd --long), "
                    "and `memory` allows {} MiB: say memory: {}MiB, or compress it without "
                    "--long",
                    (window + kMebibyte - 1) / kMebibyte, window_bytes_max_ / kMebibyte,
                    (window + kMebibyte - 1) / kMebibyte * kWindowShare));
  }

  ByteRead Truncated() const {
    return {.damaged = true,
            .reason = DeadReason::kTruncated,
            .detail = fmt::format("truncated zstd stream after {} bytes", consumed_)};
  }
  ByteRead Corrupt(std::string_view why) const {
    return {.damaged = true,
            .reason = DeadReason::kCorrupt,
            .detail = fmt::format("corrupt zstd stream at byte {}: {}", consumed_, why)};
  }

  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };

  std::unique_ptr<ByteStream> compressed_;
  uint64_t consumed_ = 0;  // compressed bytes, for messages
  const uint64_t window_bytes_max_;
  std::unique_ptr<ZSTD_DCtx, Free> context_;
  std::vector<char> input_;
  size_t begin_ = 0;
  size_t end_ = 0;
  std::optional<ByteRead> end_of_input_;
  std::optional<ByteRead> last_;  // the end, or damage, once it is met
  bool in_frame_ = false;         // a frame has begun and is not finished
  bool full_ = false;             // the last step filled the output: there may be more
};

}  // namespace

std::unique_ptr<ByteStream> ReadZstd(std::unique_ptr<ByteStream> compressed,
                                     uint64_t window_bytes_max) {
  return std::make_unique<ZstdBytes>(std::move(compressed), window_bytes_max);
}

}  // namespace murmur
