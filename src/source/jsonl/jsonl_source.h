// Lines of JSON (or of a registered format) in objects: plain, gzip, zstd or lz4, recognised by
// their first bytes. docs/sources.md says what users need to know.
//
// A plain object is cut into splits of kSplitBytes; a compressed one is one split. Positions are
// "o=" and the offset of the next line in the decompressed bytes, or "end". To resume a compressed
// object, it is decompressed again up to there.
#pragma once

#include <istream>
#include <memory>
#include <string>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/status.h"
#include "source/jsonl/byte_stream.h"
#include "source/object_source.h"

namespace murmur {

inline constexpr uint64_t kSplitBytes = 64 << 20;
inline constexpr size_t kReadBytes = 512 << 10;

struct JsonlOptions {
  std::string format = "json";
  uint64_t record_bytes_max = 16 << 20;
  uint64_t split_bytes = kSplitBytes;
  size_t read_bytes = kReadBytes;
  uint64_t window_bytes_max = kWindowBytesMax;
};

// As a definition sets them.
JsonlOptions JsonlOptionsOf(const Definition& definition);

// The format; recognises every object.
std::unique_ptr<ObjectFormat> MakeJsonlFormat(std::shared_ptr<const ObjectSet> objects,
                                              JsonlOptions options);

// A reader that can be read only once: Resume is kUnimplemented. `name` stands for the object.
std::unique_ptr<SnapshotSource> MakeReaderSource(std::string name,
                                                 std::unique_ptr<std::istream> reader,
                                                 HandoffToken handoff, JsonlOptions options);
// The same over standard input.
std::unique_ptr<SnapshotSource> MakeStandardInputSource(HandoffToken handoff, JsonlOptions options);

// The source of definition.bootstrap. If there is only one path, it may be "-" (standard input) or
// a pipe: a source that can be read only once, as above.
// Errors: kInvalidArgument, kNotFound (the format), kFailedPrecondition (handoff: live).
Result<std::unique_ptr<SnapshotSource>> MakeJsonlSource(const Definition& definition);

}  // namespace murmur
