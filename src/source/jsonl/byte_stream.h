// Bytes of one object in order: a file's range, a reader, or the decompressed content of either.
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

// By the first kMagicBytes bytes of an object, or all of a shorter one.
Compression DetectCompression(std::string_view magic) noexcept;
std::string_view CompressionName(Compression compression) noexcept;  // "gzip"; "" for kNone
// Errors: kInvalidArgument.
Result<Compression> ParseCompression(std::string_view name);

// The result of a read. The bytes before damage come first; then the damage, with size 0.
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

  // Source bytes taken by all reads: compressed bytes if the object is compressed; may include
  // bytes read ahead.
  virtual uint64_t source_bytes() const noexcept { return source_bytes_; }

 protected:
  uint64_t source_bytes_ = 0;
};

// The file's bytes from `offset` to `size`, the size that it had when the scan began. If it ends
// earlier: kDataLoss.
std::unique_ptr<ByteStream> ReadFile(std::shared_ptr<arrow::io::RandomAccessFile> file,
                                     std::string name, uint64_t offset, uint64_t size);

// `bytes`, read by a separate thread in pieces of `chunk_bytes`, one piece ahead: for stores where
// a request costs a round trip. A stop, and the end of the stream, wait for the request under way.
std::unique_ptr<ByteStream> ReadAhead(std::unique_ptr<ByteStream> bytes, size_t chunk_bytes);

// Something that can be read only once: an open descriptor, or a pipe that is opened at the first
// read. Its waits observe the stop token.
std::unique_ptr<ByteStream> ReadDescriptor(int descriptor, std::string name);
std::unique_ptr<ByteStream> ReadPipe(std::string path, std::string name);

// A caller's reader; a stop waits for its read to return.
std::unique_ptr<ByteStream> ReadReader(std::istream* reader, std::string name);
std::unique_ptr<ByteStream> ReadReader(std::unique_ptr<std::istream> reader, std::string name);

// kUnimplemented if an object's first bytes show a compression or text encoding that can't be read.
Status CheckReadable(std::string_view magic);

// Looks at the first bytes of *bytes, which still gives them afterwards.
// Errors: as ByteStream and CheckReadable.
Result<Compression> DetectFrom(const std::stop_token& stop, std::unique_ptr<ByteStream>* bytes);

// A zstd stream may need this many bytes to decompress, unless more is allowed. The `memory`
// setting is a multiple of what one stream may take.
inline constexpr uint64_t kWindowBytesMax = 128 << 20;
inline constexpr uint64_t kWindowShare = 4;

// The content of `compressed`: successive gzip members, zstd or lz4 frames.
// Errors: kUnimplemented (Arrow was built without the codec).
Result<std::unique_ptr<ByteStream>> Decompress(std::unique_ptr<ByteStream> compressed,
                                               Compression compression,
                                               uint64_t window_bytes_max = kWindowBytesMax);

// Compressed streams may hold compressed ones (gzip in gzip: CloudWatch by Firehose), this deep.
inline constexpr int kCompressionDepthMax = 4;
struct Unpacked {
  std::unique_ptr<ByteStream> bytes;
  Compression outer = Compression::kNone;
};
// The content of `bytes` with every layer of compression removed.
// Errors: as DetectFrom and Decompress, kUnimplemented (too deep).
Result<Unpacked> Unpack(const std::stop_token& stop, std::unique_ptr<ByteStream> bytes,
                        uint64_t window_bytes_max);

// `first`, then what is left in `rest`.
std::unique_ptr<ByteStream> Prepend(std::string first, std::unique_ptr<ByteStream> rest);

}  // namespace murmur
