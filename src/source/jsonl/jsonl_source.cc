#include "source/jsonl/jsonl_source.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <mutex>
#include <optional>
#include <sstream>

#include "murmur/decoder.h"
#include "source/jsonl/byte_stream.h"
#include "source/jsonl/json_separator.h"
#include "source/jsonl/jsonl_stream.h"
#include "source/jsonl/line_blocks.h"
#include "source/jsonl/object_bytes.h"

namespace murmur {
namespace {

constexpr std::string_view kStandardInput = "-";
constexpr uint64_t kHeadBytes = 64 << 10;

// The content of a split's payload.
struct JsonlSplit {
  uint64_t begin = 0;
  uint64_t end = 0;
};

std::string Serialize(const JsonlSplit& split) {
  return fmt::format("{} {}", split.begin, split.end);
}

Result<JsonlSplit> ParseSplit(const Split& split) {
  std::istringstream text(split.payload);
  JsonlSplit out;
  if (!(text >> out.begin >> out.end)) {
    return Status(Code::kInvalidArgument, split.id + ": not a split of lines");
  }
  return out;
}

struct OpenedLines {
  bool compressed = false;
  std::unique_ptr<LineBlocks> blocks;
};

// Opens a split at the position `after`. A plain object is read from there; a compressed one, or
// one without reliable newlines, from its start.
Result<OpenedLines> OpenLines(const ObjectSet& objects, const SourceObject& object,
                              const ReadMode& mode, const JsonlSplit& split, const Position& after,
                              const JsonlOptions& options) {
  LineBlocksOptions lines = {.object = object.name,
                             .begin = split.begin,
                             .end = split.end,
                             .begin_is_line_start = split.begin == 0,
                             .record_bytes_max = options.record_bytes_max,
                             .block_bytes = options.read_bytes};
  if (!after.empty()) {
    MURMUR_ASSIGN(lines.begin, ParseOffset(after));
    lines.begin_is_line_start = true;
  }
  MURMUR_ASSIGN(const auto file, objects.Open(object));
  const uint64_t ahead_bytes = mode.head ? kHeadBytes : kRemoteReadBytes;
  bool packed = mode.concatenated;
  std::unique_ptr<ByteStream> bytes;
  if (split.begin == 0 && split.end == object.size) {  // else it is plain, or would not be cut
    auto unpacked =
        Unpack({}, ReadObject(objects, file, object, 0, ahead_bytes), options.window_bytes_max);
    if (!unpacked.ok()) return NamedBy(unpacked.status(), object.name);
    packed |= unpacked->outer != Compression::kNone;
    bytes = std::move(unpacked->bytes);
  }
  const uint64_t from = lines.begin - (lines.begin_is_line_start ? 0 : 1);
  if (packed) {
    lines.discard = lines.begin;
    lines.end = UINT64_MAX;
  } else if (bytes == nullptr || from > 0) {
    bytes = ReadObject(objects, file, object, from, ahead_bytes);
  }
  if (mode.concatenated) bytes = SeparateJson(std::move(bytes));
  return OpenedLines{.compressed = packed,
                     .blocks = std::make_unique<LineBlocks>(std::move(bytes), std::move(lines))};
}

// Standard input, a pipe, or a reader of the caller: reads `bytes`.
class ReaderSource final : public SnapshotSource {
 public:
  ReaderSource(std::string object, std::unique_ptr<ByteStream> bytes, HandoffToken handoff,
               JsonlOptions options)
      : object_(std::move(object)),
        name_("jsonl:" + object_),
        bytes_(std::move(bytes)),
        handoff_(std::move(handoff)),
        options_(std::move(options)) {}

  std::string_view Name() const noexcept override { return name_; }
  Result<HandoffToken> HandoffNow(std::stop_token) override { return handoff_; }
  Result<ScanPlan> Scan(std::stop_token) override {
    return ScanPlan{.source = name_,
                    .splits = {Split{.id = object_ + "#0", .bytes = 0, .payload = "{}"}},
                    .payload = "[]",
                    .inexact = {}};
  }
  Status Resume(const ScanPlan&, std::stop_token) override {
    return Status(
        Code::kUnimplemented,
        fmt::format("'{}' can be read only once, so that a scan of it can't be resumed; "
                    "write it to a file and read that, or remove the state to start again",
                    object_));
  }
  Result<std::unique_ptr<RecordStream>> Open(const Split&, const Position& after,
                                             const Projection& projection,
                                             std::stop_token stop) override {
    const std::lock_guard lock(mutex_);
    if (!after.empty() || opened_) return Resume({}, stop);
    opened_ = true;
    MURMUR_ASSIGN(auto decoder,
                  MakeLineDecoder(options_.format, projection, options_.record_bytes_max));
    return std::unique_ptr<RecordStream>(
        std::make_unique<Stream>(object_, std::move(bytes_), options_, std::move(decoder)));
  }
  Status Close() override { return Status(); }

 private:
  // Detects the format at the first read, not when opened: the first bytes may be slow to arrive.
  class Stream final : public RecordStream {
   public:
    Stream(std::string object, std::unique_ptr<ByteStream> bytes, const JsonlOptions& options,
           std::unique_ptr<LineDecoder> decoder)
        : object_(std::move(object)),
          options_(options),
          bytes_(std::move(bytes)),
          decoder_(std::move(decoder)) {}

    Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override {
      if (stream_ == nullptr) MURMUR_TRY(Start(stop));
      return stream_->Read(std::move(stop), batch);
    }

   private:
    Status Start(const std::stop_token& stop) {
      auto unpacked = Unpack(stop, std::move(bytes_), options_.window_bytes_max);
      if (!unpacked.ok()) return NamedBy(unpacked.status(), object_);
      auto blocks = std::make_unique<LineBlocks>(
          std::move(unpacked->bytes),
          LineBlocksOptions{.object = object_,
                            .record_bytes_max = options_.record_bytes_max,
                            .block_bytes = options_.read_bytes});
      stream_ = std::make_unique<JsonlStream>(object_, unpacked->outer != Compression::kNone,
                                              std::move(blocks), std::move(decoder_));
      return Status();
    }

    std::string object_;
    JsonlOptions options_;
    std::unique_ptr<ByteStream> bytes_;
    std::unique_ptr<LineDecoder> decoder_;
    std::unique_ptr<JsonlStream> stream_;
  };

  std::string object_;
  std::string name_;
  std::unique_ptr<ByteStream> bytes_;  // until it is opened
  HandoffToken handoff_;
  JsonlOptions options_;
  std::mutex mutex_;
  bool opened_ = false;
};

class JsonlFormat final : public ObjectFormat {
 public:
  JsonlFormat(std::shared_ptr<const ObjectSet> objects, JsonlOptions options)
      : objects_(std::move(objects)), options_(std::move(options)) {}

  bool HasName(std::string_view name) const override {
    for (const std::string_view ending : {".gz", ".zst", ".lz4"}) {
      if (name.ends_with(ending)) name.remove_suffix(ending.size());
    }
    return name.ends_with(".json") || name.ends_with(".jsonl") || name.ends_with(".ndjson");
  }
  bool Recognises(std::string_view) const override { return true; }

  bool OffsetsAreNumbers() const override { return false; }

  Status AddSplits(const SourceObject& object, const ReadMode& mode,
                   std::vector<Split>* splits) override {
    if (object.size == 0) return Status();
    JsonlSplit split;
    uint64_t split_bytes = object.size;
    // A small object is one split anyway; its format is detected when it is opened.
    if (object.size > options_.split_bytes && !mode.counted && !mode.concatenated) {
      MURMUR_ASSIGN(const std::string magic, objects_->ReadHead(object, kMagicBytes));
      if (Status status = CheckReadable(magic); !status.ok()) return status.Annotated(object.name);
      if (DetectCompression(magic) == Compression::kNone) split_bytes = options_.split_bytes;
    }
    for (size_t index = 0; split.begin < object.size; ++index) {
      split.end = split.begin + std::min(split_bytes, object.size - split.begin);
      splits->push_back({.id = fmt::format("{}#{}", object.name, index),
                         .bytes = split.end - split.begin,
                         .payload = Serialize(split)});
      split.begin = split.end;
    }
    return Status();
  }

  Result<std::unique_ptr<RecordStream>> Open(const SourceObject& object, const ReadMode& mode,
                                             const Split& split, const Position& after,
                                             const Projection& projection) override {
    if (after == kEndPosition) {
      return std::unique_ptr<RecordStream>(std::make_unique<EndedStream>());
    }
    MURMUR_ASSIGN(const JsonlSplit parsed, ParseSplit(split));
    MURMUR_ASSIGN(auto decoder,
                  MakeLineDecoder(options_.format, projection, options_.record_bytes_max));
    MURMUR_ASSIGN(auto lines, OpenLines(*objects_, object, mode, parsed, after, options_));
    return std::unique_ptr<RecordStream>(std::make_unique<JsonlStream>(
        object.name, lines.compressed, std::move(lines.blocks), std::move(decoder)));
  }

 private:
  const std::shared_ptr<const ObjectSet> objects_;
  const JsonlOptions options_;
};

}  // namespace

std::unique_ptr<ObjectFormat> MakeJsonlFormat(std::shared_ptr<const ObjectSet> objects,
                                              JsonlOptions options) {
  return std::make_unique<JsonlFormat>(std::move(objects), std::move(options));
}

std::unique_ptr<SnapshotSource> MakeReaderSource(std::string name,
                                                 std::unique_ptr<std::istream> reader,
                                                 HandoffToken handoff, JsonlOptions options) {
  auto bytes = ReadReader(std::move(reader), name);
  return std::make_unique<ReaderSource>(std::move(name), std::move(bytes), std::move(handoff),
                                        std::move(options));
}

std::unique_ptr<SnapshotSource> MakeStandardInputSource(HandoffToken handoff,
                                                        JsonlOptions options) {
  std::string name(kStandardInput);
  auto bytes = ReadDescriptor(STDIN_FILENO, "standard input");
  return std::make_unique<ReaderSource>(std::move(name), std::move(bytes), std::move(handoff),
                                        std::move(options));
}

JsonlOptions JsonlOptionsOf(const Definition& definition) {
  return {.record_bytes_max = definition.max_record_bytes,
          .window_bytes_max = std::max(kWindowBytesMax, definition.memory_bytes / kWindowShare)};
}

namespace {

// The descriptor in "/dev/stdin" or "/dev/fd/7", which a shell's `<(…)` uses.
std::optional<int> DescriptorOf(std::string_view path) {
  if (path == kStandardInput || path == "/dev/stdin") return STDIN_FILENO;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!path.starts_with(folder)) continue;
    path.remove_prefix(folder.size());
    int descriptor = 0;
    const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), descriptor);
    if (error == std::errc() && end == path.data() + path.size()) return descriptor;
  }
  return std::nullopt;
}

// The stream of something that can be read only once, if `path` is that.
std::unique_ptr<ByteStream> ReadOnce(const std::string& path, const std::string& base_directory) {
  if (const auto descriptor = DescriptorOf(path)) return ReadDescriptor(*descriptor, path);
  SourceObject object;
  SetName(path, &object);
  const std::string full = FilePath(object, base_directory);
  struct stat status {};
  const bool once =
      stat(full.c_str(), &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode));
  return once ? ReadPipe(full, path) : nullptr;
}

}  // namespace

Result<std::unique_ptr<SnapshotSource>> MakeJsonlSource(const Definition& definition) {
  const SourceSpec& spec = *definition.bootstrap;
  const std::vector<std::string> paths = PathsOf(spec);
  if (paths.empty()) return Status(Code::kInvalidArgument, "jsonl: path is missing");
  JsonlOptions options = JsonlOptionsOf(definition);
  if (const auto format = spec.options.find("format"); format != spec.options.end()) {
    options.format = format->second;
  }
  MURMUR_TRY(MakeDecoder(options.format, Projection()));
  MURMUR_ASSIGN(HandoffToken handoff, HandoffOf(spec));
  if (paths.size() == 1) {
    if (auto bytes = ReadOnce(paths.front(), definition.base_directory)) {
      return std::unique_ptr<SnapshotSource>(std::make_unique<ReaderSource>(
          paths.front(), std::move(bytes), std::move(handoff), std::move(options)));
    }
  }
  ObjectSourceOptions source{
      .name = fmt::format("jsonl:{}", fmt::join(paths, ",")),
      .handoff = std::move(handoff),
      .objects = std::make_shared<ObjectSet>(paths, definition.base_directory),
      .formats = {}};
  source.formats.push_back(MakeJsonlFormat(source.objects, std::move(options)));
  source.hive = TakesHiveFields(spec, &source.name);
  return std::unique_ptr<SnapshotSource>(std::make_unique<ObjectSource>(std::move(source)));
}

}  // namespace murmur
