// The bytes of an object of an ObjectSet, for readers of its content.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "murmur/status.h"
#include "source/jsonl/byte_stream.h"
#include "source/objects.h"

namespace murmur {

inline constexpr uint64_t kRemoteReadBytes = 4 << 20;

// From `from` on, of an opened object. Those of a remote store are read ahead, `ahead_bytes` at
// once.
std::unique_ptr<ByteStream> ReadObject(const ObjectSet& objects,
                                       std::shared_ptr<arrow::io::RandomAccessFile> file,
                                       const SourceObject& object, uint64_t from,
                                       uint64_t ahead_bytes = kRemoteReadBytes);

// An error of reading the object, which names it: errors about its bytes alone don't.
Status NamedBy(const Status& status, std::string_view object);

}  // namespace murmur
