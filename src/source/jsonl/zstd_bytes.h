// zstd (RFC 8878), frames one behind the other.
#pragma once

#include <memory>

#include "source/jsonl/byte_stream.h"

namespace murmur {

// What the frames in `compressed` hold. A frame says how much memory it takes to decode, its
// window: one over `window_bytes_max` is kResourceExhausted, with what to do.
std::unique_ptr<ByteStream> ReadZstd(std::unique_ptr<ByteStream> compressed,
                                     uint64_t window_bytes_max);

}  // namespace murmur
