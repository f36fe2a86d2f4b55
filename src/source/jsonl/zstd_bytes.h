// zstd (RFC 8878), successive frames.
#pragma once

#include <memory>

#include "source/jsonl/byte_stream.h"

namespace murmur {

// The content of the frames in `compressed`. A frame states how much memory decoding takes, its
// window: more than `window_bytes_max` is kResourceExhausted, with the remedy.
std::unique_ptr<ByteStream> ReadZstd(std::unique_ptr<ByteStream> compressed,
                                     uint64_t window_bytes_max);

}  // namespace murmur
