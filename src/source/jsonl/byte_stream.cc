#include "source/jsonl/byte_stream.h"

#include <arrow/io/interfaces.h>
#include <arrow/util/compression.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <future>
#include <optional>
#include <vector>

#include "source/jsonl/gzip_bytes.h"
#include "source/jsonl/zstd_bytes.h"
#include "source/objects.h"

namespace murmur {
namespace {

struct Format {
  Compression compression;
  std::string_view name;
  std::string_view magic;
  arrow::Compression::type codec;
};
constexpr std::array kFormats = {
    Format{Compression::kGzip, "gzip", "\x1F\x8B", arrow::Compression::GZIP},
    Format{Compression::kZstd, "zstd", "\x28\xB5\x2F\xFD", arrow::Compression::ZSTD},
    Format{Compression::kLz4, "lz4", "\x04\x22\x4D\x18", arrow::Compression::LZ4_FRAME},
};

const Format* FindFormat(Compression compression) {
  for (const Format& format : kFormats) {
    if (format.compression == compression) return &format;
  }
  return nullptr;
}

class FileBytes final : public ByteStream {
 public:
  FileBytes(std::shared_ptr<arrow::io::RandomAccessFile> file, std::string name, uint64_t offset,
            uint64_t size)
      : file_(std::move(file)), name_(std::move(name)), offset_(offset), size_(size) {}

  Result<ByteRead> Read(std::stop_token stop, char* out, size_t size) override {
    if (stop.stop_requested()) return Status(Code::kCancelled, name_);
    size = std::min<uint64_t>(size, size_ - std::min(offset_, size_));
    if (size == 0) return ByteRead{};
    const auto read = file_->ReadAt(static_cast<int64_t>(offset_), static_cast<int64_t>(size), out);
    if (!read.ok()) return FromArrow(read.status(), name_);
    if (*read <= 0) {
      return Status(Code::kDataLoss,
                    fmt::format("{} ended at byte {} while it was read; it had {} when the scan "
                                "began. Put it back, or remove the state to start again",
                                name_, offset_, size_));
    }
    offset_ += static_cast<uint64_t>(*read);
    source_bytes_ += static_cast<uint64_t>(*read);
    return ByteRead{.size = static_cast<size_t>(*read), .detail = {}};
  }

 private:
  std::shared_ptr<arrow::io::RandomAccessFile> file_;
  std::string name_;
  uint64_t offset_;
  uint64_t size_;
};

class ReadAheadBytes final : public ByteStream {
 public:
  ReadAheadBytes(std::unique_ptr<ByteStream> bytes, size_t chunk_bytes)
      : bytes_(std::move(bytes)), chunk_bytes_(chunk_bytes) {}

  Result<ByteRead> Read(std::stop_token stop, char* out, size_t size) override {
    if (at_ == current_.size() && !end_) MURMUR_TRY(Advance(stop));
    if (at_ == current_.size()) return *end_;
    size = std::min(size, current_.size() - at_);
    std::memcpy(out, current_.data() + at_, size);
    at_ += size;
    source_bytes_ += size;
    return ByteRead{.size = size, .detail = {}};
  }

 private:
  struct Chunk {
    std::vector<char> bytes;
    ByteRead read;
  };

  Status Advance(const std::stop_token& stop) {
    if (!next_.valid()) Request();
    while (next_.wait_for(kStopEvery) != std::future_status::ready) {
      if (stop.stop_requested()) return Status(Code::kCancelled, "stopped");
    }
    MURMUR_ASSIGN(Chunk chunk, next_.get());
    at_ = 0;
    current_ = std::move(chunk.bytes);
    current_.resize(chunk.read.size);
    if (chunk.read.size == 0) {
      end_ = std::move(chunk.read);
    } else {
      Request();
    }
    return {};
  }

  void Request() {
    next_ = std::async(std::launch::async, [this]() -> Result<Chunk> {
      Chunk chunk{.bytes = std::vector<char>(chunk_bytes_), .read = {}};
      MURMUR_ASSIGN(chunk.read, bytes_->Read({}, chunk.bytes.data(), chunk_bytes_));
      return chunk;
    });
  }

  static constexpr std::chrono::milliseconds kStopEvery{50};
  std::unique_ptr<ByteStream> bytes_;
  const size_t chunk_bytes_;
  std::vector<char> current_;
  size_t at_ = 0;
  std::optional<ByteRead> end_;
  std::future<Result<Chunk>> next_;  // last: it ends before its input is destroyed
};

class DescriptorBytes final : public ByteStream {
 public:
  // A non-empty `path` is opened at the first read.
  DescriptorBytes(int descriptor, std::string path, std::string name)
      : descriptor_(descriptor), path_(std::move(path)), name_(std::move(name)) {}
  ~DescriptorBytes() override {
    if (!path_.empty() && descriptor_ >= 0) close(descriptor_);
  }

  Result<ByteRead> Read(std::stop_token stop, char* out, size_t size) override {
    constexpr int kPollMillis = 100;
    // Opens without waiting for a writer; poll waits.
    if (descriptor_ < 0) descriptor_ = open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor_ < 0) return Failed();
    for (;;) {
      if (stop.stop_requested()) return Status(Code::kCancelled, name_);
      pollfd input{.fd = descriptor_, .events = POLLIN, .revents = 0};
      const int ready = poll(&input, 1, kPollMillis);
      if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
      const ssize_t read = ready < 0 ? -1 : ::read(descriptor_, out, size);
      if (read >= 0) {
        source_bytes_ += static_cast<uint64_t>(read);
        return ByteRead{.size = static_cast<size_t>(read), .detail = {}};
      }
      if (errno == EINTR || errno == EAGAIN) continue;
      return Failed();
    }
  }

 private:
  Status Failed() const {
    const Code code = errno == EACCES ? Code::kPermissionDenied : Code::kUnavailable;
    return Status(code, fmt::format("{}: {}", name_, std::strerror(errno)));
  }

  int descriptor_;
  const std::string path_;
  const std::string name_;
};

class ReaderBytes final : public ByteStream {
 public:
  ReaderBytes(std::istream* reader, std::string name) : reader_(reader), name_(std::move(name)) {}
  ReaderBytes(std::unique_ptr<std::istream> reader, std::string name)
      : owned_(std::move(reader)), reader_(owned_.get()), name_(std::move(name)) {}

  Result<ByteRead> Read(std::stop_token stop, char* out, size_t size) override {
    if (stop.stop_requested()) return Status(Code::kCancelled, name_);
    reader_->read(out, static_cast<std::streamsize>(size));
    if (reader_->bad()) return Status(Code::kUnavailable, name_ + ": the reader failed");
    source_bytes_ += static_cast<uint64_t>(reader_->gcount());
    return ByteRead{.size = static_cast<size_t>(reader_->gcount()), .detail = {}};
  }

 private:
  std::unique_ptr<std::istream> owned_;
  std::istream* reader_;
  std::string name_;
};

class PrependedBytes final : public ByteStream {
 public:
  PrependedBytes(std::string first, std::unique_ptr<ByteStream> rest)
      : first_(std::move(first)), rest_(std::move(rest)) {}

  Result<ByteRead> Read(std::stop_token stop, char* out, size_t size) override {
    ByteRead read{.size = std::min(size, first_.size() - at_), .detail = {}};
    if (read.size == 0) {
      MURMUR_ASSIGN(read, rest_->Read(std::move(stop), out, size));
    } else {
      std::memcpy(out, first_.data() + at_, read.size);
      at_ += read.size;
    }
    return read;
  }
  uint64_t source_bytes() const noexcept override { return rest_->source_bytes(); }

 private:
  std::string first_;
  size_t at_ = 0;
  std::unique_ptr<ByteStream> rest_;
};

class DecompressedBytes final : public ByteStream {
 public:
  DecompressedBytes(std::unique_ptr<ByteStream> compressed, std::string_view name,
                    std::unique_ptr<arrow::util::Codec> codec,
                    std::shared_ptr<arrow::util::Decompressor> decompressor)
      : compressed_(std::move(compressed)),
        name_(name),
        codec_(std::move(codec)),
        decompressor_(std::move(decompressor)),
        input_(kInputBytes + 1) {}

  // In small steps: a step that meets damage loses its output.
  Result<ByteRead> Read(std::stop_token stop, char* out, size_t size) override {
    ByteRead whole;
    while (whole.size < size && !last_) {
      MURMUR_ASSIGN(ByteRead step,
                    Step(stop, out + whole.size, std::min(size - whole.size, kStepBytes)));
      whole.size += step.size;
      if (step.size == 0) last_ = std::move(step);
    }
    return whole.size > 0 ? whole : *last_;
  }
  uint64_t source_bytes() const noexcept override { return compressed_->source_bytes(); }

 private:
  static constexpr size_t kInputBytes = 256 << 10;
  static constexpr size_t kStepBytes = 4 << 10;

  Result<ByteRead> Step(const std::stop_token& stop, char* out, size_t size) {
    for (;;) {
      if (begin_ == end_ && !draining_) {
        MURMUR_ASSIGN(const ByteRead input, compressed_->Read(stop, input_.data(), kInputBytes));
        if (input.size == 0) return input.damaged ? input : End();
        begin_ = 0;
        end_ = input.size;
      }
      if (decompressor_->IsFinished()) {
        draining_ = false;
        if (begin_ == end_) continue;
        if (!decompressor_->Reset().ok()) return Corrupt("the decompressor can't begin again");
      }
      const auto step = decompressor_->Decompress(
          static_cast<int64_t>(end_ - begin_), reinterpret_cast<uint8_t*>(&input_[begin_]),
          static_cast<int64_t>(size), reinterpret_cast<uint8_t*>(out));
      if (!step.ok()) return Corrupt(step.status().message());
      const bool stuck = begin_ < end_ && step->bytes_read == 0 && step->bytes_written == 0;
      if (stuck) return Corrupt("no progress");
      begin_ += static_cast<size_t>(step->bytes_read);
      consumed_ += static_cast<uint64_t>(step->bytes_read);
      in_frame_ = !decompressor_->IsFinished();
      draining_ = step->bytes_written > 0;
      if (draining_) {
        return ByteRead{.size = static_cast<size_t>(step->bytes_written), .detail = {}};
      }
    }
  }

  ByteRead End() const {
    if (!in_frame_) return {};
    return {.damaged = true,
            .reason = DeadReason::kTruncated,
            .detail = fmt::format("truncated {} stream after {} bytes", name_, consumed_)};
  }
  ByteRead Corrupt(std::string_view why) const {
    return {.damaged = true,
            .reason = DeadReason::kCorrupt,
            .detail = fmt::format("corrupt {} stream at byte {}: {}", name_, consumed_, why)};
  }

  std::unique_ptr<ByteStream> compressed_;
  std::string_view name_;
  std::unique_ptr<arrow::util::Codec> codec_;
  std::shared_ptr<arrow::util::Decompressor> decompressor_;
  std::vector<char> input_;
  uint64_t consumed_ = 0;  // compressed bytes, for messages
  size_t begin_ = 0;
  size_t end_ = 0;
  std::optional<ByteRead> last_;  // the end, or damage, once it is met
  bool in_frame_ = false;         // a member or frame has begun, and is not finished
  bool draining_ = false;         // the decompressor may hold output for which there was no room
};

// A zstd or lz4 frame without content, such as pzstd writes first. Its size follows. Source: RFC
// 8878, 3.1.2
bool IsSkippable(std::string_view magic) {
  return magic.size() >= kMagicBytes && (magic[0] & 0xF0) == 0x50 &&
         magic.substr(1).starts_with("\x2A\x4D\x18");
}

// Reads `size` bytes, or all there are.
Result<std::string> ReadUpTo(const std::stop_token& stop, ByteStream* bytes, size_t size) {
  std::string text(size, '\0');
  size_t at = 0;
  while (at < size) {
    MURMUR_ASSIGN(const ByteRead read, bytes->Read(stop, text.data() + at, size - at));
    if (read.size == 0) break;
    at += read.size;
  }
  text.resize(at);
  return text;
}

// Skips the frame whose magic was read.
Status SkipFrame(const std::stop_token& stop, ByteStream* bytes) {
  constexpr size_t kPiece = 64 << 10;
  MURMUR_ASSIGN(const std::string size, ReadUpTo(stop, bytes, sizeof(uint32_t)));
  uint64_t left = 0;
  for (size_t i = size.size(); i-- > 0;) left = left << 8 | static_cast<unsigned char>(size[i]);
  while (left > 0) {
    MURMUR_ASSIGN(const std::string piece, ReadUpTo(stop, bytes, std::min<uint64_t>(left, kPiece)));
    if (piece.empty()) break;
    left -= piece.size();
  }
  return {};
}

// Unicode encodings other than UTF-8 begin so; JSON can hold no NUL.
std::string_view OtherEncoding(std::string_view magic) {
  using std::string_view_literals::operator""sv;
  if (magic.starts_with("\xFF\xFE\0\0"sv) || magic.starts_with("\0\0\xFE\xFF"sv)) return "UTF-32";
  if (magic.starts_with("\xFF\xFE"sv) || magic.starts_with("\xFE\xFF"sv)) return "UTF-16";
  if (magic.size() < kMagicBytes) return {};
  const bool little = magic[0] != 0 && magic[1] == 0 && magic[2] != 0 && magic[3] == 0;
  const bool big = magic[0] == 0 && magic[1] != 0 && magic[2] == 0 && magic[3] != 0;
  return little || big ? "UTF-16" : "";
}

}  // namespace

Compression DetectCompression(std::string_view magic) noexcept {
  if (IsSkippable(magic)) return Compression::kZstd;  // or lz4, which has the same
  for (const Format& format : kFormats) {
    if (magic.starts_with(format.magic)) return format.compression;
  }
  return Compression::kNone;
}

std::string_view CompressionName(Compression compression) noexcept {
  const Format* format = FindFormat(compression);
  return format == nullptr ? std::string_view() : format->name;
}

Result<Compression> ParseCompression(std::string_view name) {
  if (name.empty()) return Compression::kNone;
  for (const Format& format : kFormats) {
    if (name == format.name) return format.compression;
  }
  return Status(Code::kInvalidArgument, fmt::format("no compression '{}'", name));
}

std::unique_ptr<ByteStream> ReadFile(std::shared_ptr<arrow::io::RandomAccessFile> file,
                                     std::string name, uint64_t offset, uint64_t size) {
  return std::make_unique<FileBytes>(std::move(file), std::move(name), offset, size);
}

std::unique_ptr<ByteStream> ReadAhead(std::unique_ptr<ByteStream> bytes, size_t chunk_bytes) {
  return std::make_unique<ReadAheadBytes>(std::move(bytes), chunk_bytes);
}

std::unique_ptr<ByteStream> ReadDescriptor(int descriptor, std::string name) {
  return std::make_unique<DescriptorBytes>(descriptor, "", std::move(name));
}

std::unique_ptr<ByteStream> ReadPipe(std::string path, std::string name) {
  return std::make_unique<DescriptorBytes>(-1, std::move(path), std::move(name));
}

std::unique_ptr<ByteStream> ReadReader(std::istream* reader, std::string name) {
  return std::make_unique<ReaderBytes>(reader, std::move(name));
}

std::unique_ptr<ByteStream> ReadReader(std::unique_ptr<std::istream> reader, std::string name) {
  return std::make_unique<ReaderBytes>(std::move(reader), std::move(name));
}

Status CheckReadable(std::string_view magic) {
  constexpr std::pair<std::string_view, std::string_view> kOthers[] = {
      {"PK\x03\x04", "a zip archive"},
      {"BZh", "bzip2"},
      {"\xFD\x37\x7A\x58", "xz"},
      {std::string_view("\xFF\x06\0\0", 4), "Snappy"},
      {"PAR1", "Parquet"},
      {"ORC", "ORC"},
      {"Obj\x01", "Avro"},
  };
  for (const auto& [begin, name] : kOthers) {
    if (!magic.starts_with(begin)) continue;
    return Status(
        Code::kUnimplemented,
        fmt::format("is {}, not lines of text; plain, gzip, zstd and lz4 can be read", name));
  }
  if (const std::string_view encoding = OtherEncoding(magic); !encoding.empty()) {
    return Status(
        Code::kUnimplemented,
        fmt::format("is {0}, not UTF-8: convert it, as iconv -f {0} -t UTF-8 does", encoding));
  }
  return {};
}

Result<Compression> DetectFrom(const std::stop_token& stop, std::unique_ptr<ByteStream>* bytes) {
  MURMUR_ASSIGN(std::string magic, ReadUpTo(stop, bytes->get(), kMagicBytes));
  while (IsSkippable(magic)) {
    MURMUR_TRY(SkipFrame(stop, bytes->get()));
    MURMUR_ASSIGN(magic, ReadUpTo(stop, bytes->get(), kMagicBytes));
  }
  MURMUR_TRY(CheckReadable(magic));
  const Compression compression = DetectCompression(magic);
  *bytes = Prepend(std::move(magic), std::move(*bytes));
  return compression;
}

Result<Unpacked> Unpack(const std::stop_token& stop, std::unique_ptr<ByteStream> bytes,
                        uint64_t window_bytes_max) {
  Unpacked unpacked{.bytes = std::move(bytes)};
  for (int depth = 0;; ++depth) {
    MURMUR_ASSIGN(const Compression compression, DetectFrom(stop, &unpacked.bytes));
    if (depth == 0) unpacked.outer = compression;
    if (compression == Compression::kNone) return unpacked;
    if (depth == kCompressionDepthMax) {
      return Status(Code::kUnimplemented,
                    fmt::format("is compressed more than {} times over", kCompressionDepthMax));
    }
    MURMUR_ASSIGN(unpacked.bytes,
                  Decompress(std::move(unpacked.bytes), compression, window_bytes_max));
  }
}

Result<std::unique_ptr<ByteStream>> Decompress(std::unique_ptr<ByteStream> compressed,
                                               Compression compression, uint64_t window_bytes_max) {
  const Format* format = FindFormat(compression);
  if (format == nullptr) return compressed;
  if (compression == Compression::kGzip) return ReadGzip(std::move(compressed));
  if (compression == Compression::kZstd) return ReadZstd(std::move(compressed), window_bytes_max);
  auto codec = arrow::util::Codec::Create(format->codec);
  if (!codec.ok()) return FromArrow(codec.status(), format->name);
  auto decompressor = (*codec)->MakeDecompressor();
  if (!decompressor.ok()) return FromArrow(decompressor.status(), format->name);
  return std::unique_ptr<ByteStream>(std::make_unique<DecompressedBytes>(
      std::move(compressed), format->name, *std::move(codec), *std::move(decompressor)));
}

std::unique_ptr<ByteStream> Prepend(std::string first, std::unique_ptr<ByteStream> rest) {
  return std::make_unique<PrependedBytes>(std::move(first), std::move(rest));
}

}  // namespace murmur
