// Any bytes are refused, or are a key. A decoded key's text has no part that memory did not hold.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "murmur/key.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const bool windowed = (data[0] & 1) != 0;
  const std::string_view key(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto decoded = murmur::DecodeKey(key, windowed);
  if (!decoded.ok()) return 0;
  size_t text_bytes = 0;
  for (const murmur::KeyValue& part : decoded->parts) text_bytes += part.text.size();
  if (text_bytes > key.size()) std::abort();
  if (windowed && murmur::BucketOfKey(key) != decoded->bucket) std::abort();
  return 0;
}
