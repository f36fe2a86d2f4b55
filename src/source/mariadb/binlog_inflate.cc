#include "source/mariadb/binlog_inflate.h"

#include <isa-l/igzip_lib.h>

#include <cstdint>

#include "source/mariadb/binlog_event.h"

namespace murmur {
namespace {

constexpr uint64_t kInflatedBytesMax = uint64_t{1} << 30;  // the most that a server sends at once
constexpr uint64_t kRatioMax = 1032;                       // of deflate

}  // namespace

// A byte that says how, the true size, the most significant byte first, and then zlib's format, or
// deflate's alone.
bool AppendInflated(std::string_view bytes, std::string* out) {
  constexpr uint64_t kZlib = 0x80;
  constexpr uint64_t kWithoutHeader = 0x08;
  constexpr uint64_t kSizeBits = 0x07;
  ByteReader in(bytes);
  uint64_t how = 0;
  std::string_view size_bytes;
  if (!in.TakeNumber(1, &how) || (how & ~(kSizeBits | kWithoutHeader)) != kZlib ||
      !in.Take(how & kSizeBits, &size_bytes)) {
    return false;
  }
  uint64_t size = 0;
  for (const char c : size_bytes) size = size << 8 | static_cast<unsigned char>(c);
  if (size > kInflatedBytesMax || size / kRatioMax > in.rest().size()) return false;
  const size_t before = out->size();
  out->resize(before + size);
  inflate_state state;
  isal_inflate_init(&state);
  state.crc_flag = (how & kWithoutHeader) != 0 ? ISAL_DEFLATE : ISAL_ZLIB;
  state.next_in = reinterpret_cast<uint8_t*>(const_cast<char*>(in.rest().data()));
  state.avail_in = static_cast<uint32_t>(in.rest().size());
  state.next_out = reinterpret_cast<uint8_t*>(out->data() + before);
  state.avail_out = static_cast<uint32_t>(size);
  return isal_inflate(&state) == ISAL_DECOMP_OK && state.avail_out == 0 &&
         state.block_state == ISAL_BLOCK_FINISH;
}

bool AppendUncompressedValue(std::string_view value, std::string* out) {
  constexpr char kAsItWas = 0;
  if (value.empty()) return true;
  if (value[0] != kAsItWas) return AppendInflated(value, out);
  *out += value.substr(1);
  return true;
}

}  // namespace murmur
