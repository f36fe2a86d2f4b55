#include "source/jsonl/gzip_bytes.h"

#include <fmt/format.h>
#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

namespace murmur {
namespace {

constexpr size_t kOutputBytesMax = 1 << 30;  // of one step; ISA-L counts in 32 bits
constexpr uint32_t kCarefulBytes = 4;        // its fast loop wants 8

// The first bytes of a member: two of magic, the method, flags.
constexpr uint8_t kMagic[] = {0x1F, 0x8B};
constexpr size_t kMethodAt = 2;
constexpr uint8_t kDeflate = 8;
constexpr size_t kFlagsAt = 3;
constexpr uint8_t kReservedFlags = 0xE0;

// What is wrong with a member of which only `size` bytes came; empty: nothing. Like zlib, checks
// two bytes, then the next two.
std::string_view BadHeader(const uint8_t* bytes, size_t size) {
  if (size >= kMethodAt && std::memcmp(bytes, kMagic, sizeof(kMagic)) != 0) {
    return "no gzip header";
  }
  if (size > kFlagsAt && bytes[kMethodAt] != kDeflate) return "unknown compression method";
  return "";
}

std::string_view ErrorName(int code) {
  switch (code) {
    case ISAL_INVALID_BLOCK: return "invalid block";
    case ISAL_INVALID_SYMBOL: return "invalid symbol";
    case ISAL_INVALID_LOOKBACK: return "invalid distance";
    case ISAL_INVALID_WRAPPER: return "no gzip header";
    case ISAL_UNSUPPORTED_METHOD: return "unknown compression method";
    case ISAL_INCORRECT_CHECKSUM: return "checksum or length differ";
    default: return "unknown error";
  }
}

class GzipBytes final : public ByteStream {
 public:
  GzipBytes(std::unique_ptr<ByteStream> compressed, size_t input_bytes)
      : compressed_(std::move(compressed)), input_(input_bytes) {
    isal_inflate_init(&state_);
    state_.crc_flag = ISAL_GZIP;
  }

  Result<ByteRead> Read(std::stop_token stop, char* out, size_t size) override {
    ByteRead whole;
    while (whole.size < size && !last_) {
      if (state_.avail_in == 0 && !full_) MURMUR_TRY(Fill(stop));
      if (!last_) whole.size += Step(out + whole.size, size - whole.size);
    }
    if (last_) whole.size += TakeHeld(out + whole.size, size - whole.size);
    return whole.size > 0 ? whole : *last_;
  }

  uint64_t source_bytes() const noexcept override { return compressed_->source_bytes(); }

 private:
  // Fills the buffer completely: at the end of its input ISA-L may leave out a complete symbol or
  // two.
  Status Fill(const std::stop_token& stop) {
    size_t size = 0;
    while (size < input_.size()) {
      char* to = reinterpret_cast<char*>(input_.data()) + size;
      MURMUR_ASSIGN(const ByteRead read, compressed_->Read(stop, to, input_.size() - size));
      if (read.size == 0) {
        input_end_ = read;
        break;
      }
      size += read.size;
    }
    state_.next_in = input_.data();
    state_.avail_in = static_cast<uint32_t>(size);
    if (size == 0) End();
    return {};
  }

  // Returns how many bytes it wrote.
  size_t Step(char* out, size_t size) {
    const uint32_t room = static_cast<uint32_t>(std::min(size, kOutputBytesMax));
    const uint32_t before = state_.avail_in;
    if (before > 0 && !in_member_) BeginMember();
    const bool in_header = state_.wrapper_flag == 0;
    state_.next_out = reinterpret_cast<uint8_t*>(out);
    state_.avail_out = room;
    const int code = in_header ? ReadHeader() : Inflate();
    const uint32_t written = room - state_.avail_out;
    consumed_ += before - state_.avail_in;
    full_ = state_.avail_out == 0;
    if (code < 0) {
      Corrupt(ErrorName(code));
    } else if (state_.block_state == ISAL_BLOCK_FINISH) {
      in_member_ = full_ = false;
    } else if (before > 0 && state_.avail_in == before && written == 0) {
      Corrupt("no progress");
    }
    return written;
  }

  void BeginMember() {
    in_member_ = true;
    isal_inflate_reset(&state_);
    header_ = {};
  }

  // Not left to isal_inflate, which forgets a header's flags if the input ends within it.
  int ReadHeader() {
    const int code = isal_read_gzip_header(&state_, &header_);
    if (state_.wrapper_flag != 0 && (header_.flags & kReservedFlags) != 0) {
      return ISAL_INVALID_WRAPPER;
    }
    return code;
  }

  // If ISA-L meets damage in its fast loop, it counts output that it had not yet written. So the
  // same is done again with so little input at a time that it uses its careful loop.
  int Inflate() {
    before_ = state_;
    int code = isal_inflate(&state_);
    if (code >= 0 || code == ISAL_INCORRECT_CHECKSUM) return code;
    state_ = before_;
    const uint8_t* const end = state_.next_in + state_.avail_in;
    do {
      state_.avail_in = std::min(static_cast<uint32_t>(end - state_.next_in), kCarefulBytes);
      code = isal_inflate(&state_);
    } while (code >= 0 && state_.next_in < end && state_.avail_out > 0);
    state_.avail_in = static_cast<uint32_t>(end - state_.next_in);
    return code;
  }

  void End() {
    last_ = input_end_;  // after damage there, the rest is unknown
    if (!in_member_ || input_end_.damaged) return;
    if (state_.wrapper_flag == 0 && state_.block_state == ISAL_BLOCK_NEW_HDR) {
      const auto bad = BadHeader(state_.tmp_in_buffer, static_cast<size_t>(state_.tmp_in_size));
      if (!bad.empty()) return Corrupt(bad);
    }
    last_ = {.damaged = true,
             .reason = DeadReason::kTruncated,
             .detail = fmt::format("truncated gzip stream after {} bytes", consumed_)};
  }

  void Corrupt(std::string_view why) {
    last_ = {.damaged = true,
             .reason = DeadReason::kCorrupt,
             .detail = fmt::format("corrupt gzip stream at byte {}: {}", consumed_, why)};
  }

  // Bytes decoded before damage, for which there was no room when it was met.
  size_t TakeHeld(char* out, size_t size) {
    const auto held = static_cast<size_t>(state_.tmp_out_valid - state_.tmp_out_processed);
    size = std::min(size, held);
    std::memcpy(out, state_.tmp_out_buffer + state_.tmp_out_processed, size);
    state_.tmp_out_processed += static_cast<int32_t>(size);
    return size;
  }

  std::unique_ptr<ByteStream> compressed_;
  uint64_t consumed_ = 0;  // compressed bytes, for messages
  std::vector<uint8_t> input_;
  inflate_state state_;
  inflate_state before_;  // the last call
  isal_gzip_header header_{};
  ByteRead input_end_;
  std::optional<ByteRead> last_;  // the end, or damage, once it is met
  bool in_member_ = false;        // a member has begun and is not finished
  bool full_ = false;             // the last step filled the output: ISA-L may hold more
};

}  // namespace

std::unique_ptr<ByteStream> ReadGzip(std::unique_ptr<ByteStream> compressed, size_t input_bytes) {
  return std::make_unique<GzipBytes>(std::move(compressed), input_bytes);
}

}  // namespace murmur
