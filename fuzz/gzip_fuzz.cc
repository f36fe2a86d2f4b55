// Any bytes read as gzip: what is given, and why it ends, does not depend on how reads are cut.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>

#include "source/jsonl/gzip_bytes.h"

namespace {

// A small stream may hold a thousand times its bytes.
constexpr size_t kTextBytesMax = 100 << 10;

std::string ReadAll(const std::string& bytes, size_t input_bytes, size_t output_bytes) {
  std::istringstream reader(bytes);
  const auto stream = murmur::ReadGzip(murmur::ReadReader(&reader, "fuzz"), input_bytes);
  std::string text;
  std::string piece(output_bytes, '\0');
  while (text.size() < kTextBytesMax) {
    const auto read = stream->Read({}, piece.data(), piece.size());
    if (!read.ok()) std::abort();
    if (read->size == 0) return text + read->detail;
    text.append(piece, 0, read->size);
  }
  text.resize(kTextBytesMax);
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  for (const size_t input_bytes : {size_t{256}, murmur::kGzipInputBytes}) {
    if (ReadAll(bytes, input_bytes, 1000) != ReadAll(bytes, input_bytes, kTextBytesMax))
      std::abort();
  }
  return 0;
}
