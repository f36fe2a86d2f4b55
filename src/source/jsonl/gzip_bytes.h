// gzip (RFC 1952) by ISA-L, which inflates about three times as fast as zlib.
#pragma once

#include <memory>

#include "source/jsonl/byte_stream.h"

namespace murmur {

inline constexpr size_t kGzipInputBytes = 256 << 10;

// What the members in `compressed` hold, one behind the other. Checksum and length of each are
// verified. What is given in front of damage depends on the bytes alone, not on how reads of them
// or of this are cut; `input_bytes`, decoded at once, are for tests.
std::unique_ptr<ByteStream> ReadGzip(std::unique_ptr<ByteStream> compressed,
                                     size_t input_bytes = kGzipInputBytes);

}  // namespace murmur
