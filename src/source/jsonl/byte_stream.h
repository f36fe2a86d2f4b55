// Bytes from one object in order: a file's range, a reader, or what either decompresses to.
#pragma once

#include <cstdint>
#include <istream>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "murmur/record.h"
#include "murmur/status.h"

namespace arrow::io {
class RandomAccessFile;
}

namespace murmur {

enum class Compression { kNone, kGzip, kZstd, kLz4 };
inline constexpr size_t kMagicBytes = 4;

// By the first kMagicBytes bytes of an object, or fewer where it has no more.
Compression DetectCompression(std::string_view magic) noexcept;
std::string_view CompressionName(Compression compression) noexcept;  // "gzip"; "" for kNone
// Errors: kInvalidArgument.
Result<Compression> ParseCompression(std::string_view name);

// What a read came to. The bytes before damage come first; then it is told, with size 0.
struct ByteRead {
  size_t size = 0;  // 0: the end, or damage
  bool damaged = false;
  DeadReason reason = DeadReason::kCorrupt;  // kTruncated or kCorrupt
  std::string detail;
};

// Threads: one at a time.
class ByteStream {
 public:
  ByteStream() = default;
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;
  virtual ~ByteStream() = default;

  // Waits for at least one byte, or the end. Errors: kCancelled; kDataLoss and others name the
  // object.
  virtual Result<ByteRead> Read(std::stop_token stop, char* out, size_t size) = 0;

  // Bytes of the object that all reads took: compressed ones where it is, read ahead or not.
  virtual uint64_t source_bytes() const noexcept { return source_bytes_; }

 protected:
  uint64_t source_bytes_ = 0;
};

// The file's bytes from `offset` until `size`, the size that it had when the scan began. Should it
// end before: kDataLoss.
std::unique_ptr<ByteStream> ReadFile(std::shared_ptr<arrow::io::RandomAccessFile> file,
                                     std::string name, uint64_t offset, uint64_t size);

// `bytes`, read by a thread of its own `chunk_bytes` at once, one chunk ahead: for stores where a
// request costs a round trip. A stop, and the end of the stream, wait for the request under way.
std::unique_ptr<ByteStream> ReadAhead(std::unique_ptr<ByteStream> bytes, size_t chunk_bytes);

// What can be read once: a descriptor that is open, or a pipe that is opened at the first read.
// Waits with an eye on the stop token.
std::unique_ptr<ByteStream> ReadDescriptor(int descriptor, std::string name);
std::unique_ptr<ByteStream> ReadPipe(std::string path, std::string name);

// A reader that others give; a stop waits for its read to return.
std::unique_ptr<ByteStream> ReadReader(std::istream* reader, std::string name);
std::unique_ptr<ByteStream> ReadReader(std::unique_ptr<std::istream> reader, std::string name);

// kUnimplemented where the first bytes of an object are those of a compression, or of an encoding
// of text, that can't be read.
Status CheckReadable(std::string_view magic);

// Looks at the first bytes of *bytes; what it gives afterwards is what it gave before.
// Errors: as ByteStream and CheckReadable.
Result<Compression> DetectFrom(const std::stop_token& stop, std::unique_ptr<ByteStream>* bytes);

// A zstd stream may take so many bytes to decompress, unless more is allowed. `memory` is so many
// times what one stream may take.
inline constexpr uint64_t kWindowBytesMax = 128 << 20;
inline constexpr uint64_t kWindowShare = 4;

// What `compressed` holds: gzip members, zstd or lz4 frames, one behind the other.
// Errors: kUnimplemented (a build of Arrow without the codec).
Result<std::unique_ptr<ByteStream>> Decompress(std::unique_ptr<ByteStream> compressed,
                                               Compression compression,
                                               uint64_t window_bytes_max = kWindowBytesMax);

// Compressed streams may hold compressed ones (gzip in gzip, as CloudWatch's by Firehose), so deep.
inline constexpr int kCompressionDepthMax = 4;
struct Unpacked {
  std::unique_ptr<ByteStream> bytes;
  Compression outer = Compression::kNone;
};
// What `bytes` hold, with every layer of compression taken off. Errors: as DetectFrom and
// Decompress, kUnimplemented (too deep).
Result<Unpacked> Unpack(const std::stop_token& stop, std::unique_ptr<ByteStream> bytes,
                        uint64_t window_bytes_max);

// `first`, then what is left in `rest`.
std::unique_ptr<ByteStream> Prepend(std::string first, std::unique_ptr<ByteStream> rest);

}  // namespace murmur
