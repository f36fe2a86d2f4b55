#include "source/jsonl/object_bytes.h"

#include <algorithm>
#include <utility>

namespace murmur {

std::unique_ptr<ByteStream> ReadObject(const ObjectSet& objects,
                                       std::shared_ptr<arrow::io::RandomAccessFile> file,
                                       const SourceObject& object, uint64_t from,
                                       uint64_t ahead_bytes) {
  auto bytes = ReadFile(std::move(file), object.name, from, object.size);
  if (!objects.remote()) return bytes;
  return ReadAhead(std::move(bytes), std::min(ahead_bytes, object.size - from));
}

Status NamedBy(const Status& status, std::string_view object) {
  return status.message().starts_with(object) ? status : status.Annotated(object);
}

}  // namespace murmur
