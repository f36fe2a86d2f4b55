#include "source/parquet/snappy.h"

#include <tmmintrin.h>

#include <array>
#include <cstring>

namespace murmur::parquet_source {
namespace {

constexpr uint32_t kRegisterBytes = 16;
// While so many bytes of input are left, an element's tag, offset and short literal can be read
// without a look at the end.
constexpr size_t kInputSlopBytes = 64;
static_assert(kSnappySlopBytes >= 64);  // the longest copy

void Copy16(const uint8_t* from, uint8_t* to) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to),
                   _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}

// For each distance below 16: which of the bytes before the output are its next 16.
constexpr auto kRepeat = [] {
  std::array<std::array<uint8_t, kRegisterBytes>, kRegisterBytes> repeat{};
  for (uint32_t distance = 1; distance < kRegisterBytes; ++distance) {
    for (uint32_t i = 0; i < kRegisterBytes; ++i) {
      repeat[distance][i] = static_cast<uint8_t>(i % distance);
    }
  }
  return repeat;
}();

// Repeats the `distance` bytes before `out`. Writes up to 64 bytes.
void Repeat(uint32_t distance, uint32_t size, uint8_t* out) {
  const __m128i shuffle =
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(kRepeat[distance].data()));
  const __m128i before = _mm_loadu_si128(reinterpret_cast<const __m128i*>(out - distance));
  const __m128i bytes = _mm_shuffle_epi8(before, shuffle);
  const uint32_t step = kRegisterBytes - kRegisterBytes % distance;
  uint8_t* const end = out + size;
  do {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bytes);
    out += step;
  } while (out < end);
}

struct Preamble {
  uint64_t size = 0;  // of the output
  size_t bytes = 0;   // of the preamble; 0: it is damaged
};

Preamble ReadPreamble(const uint8_t* in, size_t in_size) {
  constexpr size_t kBytesMax = 5;
  Preamble preamble;
  for (size_t i = 0; i < in_size && i < kBytesMax; ++i) {
    preamble.size |= uint64_t{in[i] & 0x7Fu} << 7 * i;
    if ((in[i] & 0x80) != 0) continue;
    preamble.bytes = preamble.size <= UINT32_MAX ? i + 1 : 0;
    break;
  }
  return preamble;
}

// What follows the preamble.
class Decompressor {
 public:
  Decompressor(const uint8_t* in, size_t in_size, uint8_t* out, size_t out_size)
      : in_(in), in_end_(in + in_size), begin_(out), out_(out), out_end_(out + out_size) {}

  bool Run() {
    while (in_ < in_end_) {
      const size_t left = static_cast<size_t>(in_end_ - in_);
      if (left > kInputSlopBytes && !RunFast(in_end_ - kInputSlopBytes)) return false;
      if (in_ < in_end_ && !Element()) return false;
    }
    return out_ == out_end_;
  }

 private:
  // Elements that begin before `fast_end`, up to one that needs more care.
  bool RunFast(const uint8_t* fast_end) {
    const uint8_t* in = in_;
    uint8_t* out = out_;
    while (in < fast_end) {
      const uint32_t tag = *in;
      const uint32_t size = (tag >> 2) + 1;
      if ((tag & 3) == kLiteral) {
        if (size > kInlineSizeMax || size > static_cast<size_t>(out_end_ - out)) break;
        Copy16(in + 1, out);
        if (size > kRegisterBytes) {
          for (uint32_t i = kRegisterBytes; i < size; i += kRegisterBytes) {
            Copy16(in + 1 + i, out + i);
          }
        }
        in += 1 + size;
        out += size;
        continue;
      }
      uint32_t distance;
      uint32_t bytes;
      if ((tag & 3) == kShortCopy) {
        distance = (tag >> 5) << 8 | in[1];
        bytes = 4 + ((tag >> 2) & 7);
        in += 2;
      } else if ((tag & 3) == kCopy) {
        distance = in[1] | uint32_t{in[2]} << 8;
        bytes = size;
        in += 3;
      } else {
        break;
      }
      if (distance - 1 >= static_cast<size_t>(out - begin_)) return false;
      if (bytes > static_cast<size_t>(out_end_ - out)) return false;
      if (distance >= kRegisterBytes) [[likely]] {
        Copy16(out - distance, out);
        for (uint32_t i = kRegisterBytes; i < bytes; i += kRegisterBytes) {
          Copy16(out - distance + i, out + i);
        }
      } else {
        Repeat(distance, bytes, out);
      }
      out += bytes;
    }
    in_ = in;
    out_ = out;
    return true;
  }

  // One element, whatever it is.
  bool Element() {
    const uint32_t tag = *in_++;
    const uint32_t size = (tag >> 2) + 1;
    uint32_t value = 0;
    switch (tag & 3) {
      case kLiteral:
        if (size <= kInlineSizeMax) return Literal(size);
        return ReadBytes(size - kInlineSizeMax, &value) && Literal(size_t{value} + 1);
      case kShortCopy:
        return ReadBytes(1, &value) && Copy((tag >> 5) << 8 | value, 4 + ((tag >> 2) & 7));
      case kCopy: return ReadBytes(2, &value) && Copy(value, size);
      default: return ReadBytes(4, &value) && Copy(value, size);
    }
  }

  bool ReadBytes(uint32_t bytes, uint32_t* value) {
    if (static_cast<size_t>(in_end_ - in_) < bytes) return false;
    for (uint32_t i = 0; i < bytes; ++i) *value |= uint32_t{*in_++} << 8 * i;
    return true;
  }

  bool Literal(size_t size) {
    if (size > static_cast<size_t>(in_end_ - in_)) return false;
    if (size > static_cast<size_t>(out_end_ - out_)) return false;
    std::memcpy(out_, in_, size);
    in_ += size;
    out_ += size;
    return true;
  }

  bool Copy(uint32_t distance, uint32_t size) {
    if (distance - 1 >= static_cast<size_t>(out_ - begin_)) return false;
    if (size > static_cast<size_t>(out_end_ - out_)) return false;
    for (uint32_t i = 0; i < size; ++i, ++out_) *out_ = *(out_ - distance);
    return true;
  }

  enum : uint32_t { kLiteral = 0, kShortCopy = 1, kCopy = 2, kFarCopy = 3 };
  static constexpr uint32_t kInlineSizeMax = 60;  // a longer literal's size follows its tag

  const uint8_t* in_;
  const uint8_t* const in_end_;
  const uint8_t* const begin_;
  uint8_t* out_;
  uint8_t* const out_end_;
};

}  // namespace

int64_t SnappySize(const uint8_t* in, size_t in_size) {
  constexpr uint64_t kCopyBytesMax = 64;  // of an element, which has three bytes or more then
  const Preamble preamble = ReadPreamble(in, in_size);
  if (preamble.bytes == 0) return -1;
  if (preamble.size > (in_size - preamble.bytes) * kCopyBytesMax) return -1;
  return static_cast<int64_t>(preamble.size);
}

bool SnappyDecompress(const uint8_t* in, size_t in_size, uint8_t* out, size_t out_size) {
  const Preamble preamble = ReadPreamble(in, in_size);
  if (preamble.bytes == 0 || preamble.size != out_size) return false;
  return Decompressor(in + preamble.bytes, in_size - preamble.bytes, out, out_size).Run();
}

}  // namespace murmur::parquet_source
