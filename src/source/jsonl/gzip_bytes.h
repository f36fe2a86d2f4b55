// gzip (RFC 1952) by ISA-L, which inflates about three times as fast as zlib.
#pragma once

#include <memory>

#include "source/jsonl/byte_stream.h"

namespace murmur {

inline constexpr size_t kGzipInputBytes = 256 << 10;

// The content of the successive members in `compressed`. Verifies checksum and length of each. What
// comes before damage depends only on the bytes, not on the sizes of reads. `input_bytes`, the
// amount decoded at once, is for tests.
std::unique_ptr<ByteStream> ReadGzip(std::unique_ptr<ByteStream> compressed,
                                     size_t input_bytes = kGzipInputBytes);

}  // namespace murmur
