#include "source/jsonl/jsonl_source.h"

#include <fmt/format.h>

#include <mutex>
#include <sstream>

#include "murmur/decoder.h"
#include "source/jsonl/byte_stream.h"
#include "source/jsonl/json_separator.h"
#include "source/jsonl/jsonl_stream.h"
#include "source/jsonl/line_blocks.h"

namespace murmur {
namespace {

constexpr std::string_view kStandardInput = "-";
constexpr uint64_t kRemoteReadBytes = 4 << 20;

// What a split's payload says.
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

std::unique_ptr<ByteStream> ReadObject(const ObjectSet& objects,
                                       std::shared_ptr<arrow::io::RandomAccessFile> file,
                                       const SourceObject& object, uint64_t from) {
  auto bytes = ReadFile(std::move(file), object.name, from, object.size);
  if (!objects.remote()) return bytes;
  return ReadAhead(std::move(bytes), std::min<uint64_t>(kRemoteReadBytes, object.size - from));
}

struct OpenedLines {
  bool compressed = false;
  std::unique_ptr<LineBlocks> blocks;
};

// Opens a split at `after`. A plain object is read from there; what is compressed, or has no
// newlines that could be counted on, from its start.
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
  Compression compression = Compression::kNone;
  std::unique_ptr<ByteStream> bytes;
  if (split.begin == 0 && split.end == object.size) {  // else it is plain, or would not be cut
    bytes = ReadObject(objects, file, object, 0);
    auto detected = DetectFrom({}, &bytes);
    if (!detected.ok()) return detected.status().Annotated(object.name);
    compression = *detected;
  }
  const uint64_t from = lines.begin - (lines.begin_is_line_start ? 0 : 1);
  if (compression != Compression::kNone || mode.concatenated) {
    lines.discard = lines.begin;
    lines.end = UINT64_MAX;
  } else if (bytes == nullptr || from > 0) {
    bytes = ReadObject(objects, file, object, from);
  }
  MURMUR_ASSIGN(bytes, Decompress(std::move(bytes), compression));
  if (mode.concatenated) bytes = SeparateJson(std::move(bytes));
  return OpenedLines{.compressed = compression != Compression::kNone || mode.concatenated,
                     .blocks = std::make_unique<LineBlocks>(std::move(bytes), std::move(lines))};
}

// Standard input, or a reader of the caller.
class ReaderSource final : public SnapshotSource {
 public:
  ReaderSource(std::string object, std::unique_ptr<std::istream> reader, HandoffToken handoff,
               JsonlOptions options)
      : object_(std::move(object)),
        name_("jsonl:" + object_),
        reader_(std::move(reader)),
        handoff_(std::move(handoff)),
        options_(std::move(options)) {}

  std::string_view Name() const noexcept override { return name_; }
  Result<HandoffToken> CaptureHandoff(std::stop_token) override { return handoff_; }
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
        std::make_unique<Stream>(object_, reader_.get(), options_, std::move(decoder)));
  }
  Status Close() override { return Status(); }

 private:
  // Looks at the first bytes when it is read, not when it is opened: they may be long in coming.
  class Stream final : public RecordStream {
   public:
    Stream(std::string object, std::istream* reader, const JsonlOptions& options,
           std::unique_ptr<LineDecoder> decoder)
        : object_(std::move(object)),
          options_(options),
          bytes_(reader == nullptr ? ReadStandardInput() : ReadReader(reader, object_)),
          decoder_(std::move(decoder)) {}

    Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override {
      if (stream_ == nullptr) MURMUR_TRY(Start(stop));
      return stream_->Read(std::move(stop), batch);
    }

   private:
    Status Start(const std::stop_token& stop) {
      MURMUR_ASSIGN(const Compression compression, DetectFrom(stop, &bytes_));
      MURMUR_ASSIGN(auto bytes, Decompress(std::move(bytes_), compression));
      auto blocks = std::make_unique<LineBlocks>(
          std::move(bytes), LineBlocksOptions{.object = object_,
                                              .record_bytes_max = options_.record_bytes_max,
                                              .block_bytes = options_.read_bytes});
      stream_ = std::make_unique<JsonlStream>(object_, compression != Compression::kNone,
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
  std::unique_ptr<std::istream> reader_;  // null: standard input
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
    // What is small is one split anyway, and is looked at when it is opened.
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
  return std::make_unique<ReaderSource>(std::move(name), std::move(reader), std::move(handoff),
                                        std::move(options));
}

std::unique_ptr<SnapshotSource> MakeStandardInputSource(HandoffToken handoff,
                                                        JsonlOptions options) {
  return std::make_unique<ReaderSource>(std::string(kStandardInput), nullptr, std::move(handoff),
                                        std::move(options));
}

Result<std::unique_ptr<SnapshotSource>> MakeJsonlSource(const Definition& definition) {
  const SourceSpec& spec = *definition.bootstrap;
  const std::vector<std::string> paths = PathsOf(spec);
  if (paths.empty()) return Status(Code::kInvalidArgument, "jsonl: path is missing");
  JsonlOptions options = {.record_bytes_max = definition.max_record_bytes};
  if (const auto format = spec.options.find("format"); format != spec.options.end()) {
    options.format = format->second;
  }
  MURMUR_TRY(MakeDecoder(options.format, Projection()));
  MURMUR_ASSIGN(HandoffToken handoff, HandoffOf(spec));
  if (paths == std::vector<std::string>{std::string(kStandardInput)}) {
    return MakeStandardInputSource(std::move(handoff), std::move(options));
  }
  ObjectSourceOptions source{
      .name = fmt::format("jsonl:{}", fmt::join(paths, ",")),
      .handoff = std::move(handoff),
      .objects = std::make_shared<ObjectSet>(paths, definition.base_directory),
      .formats = {}};
  source.formats.push_back(MakeJsonlFormat(source.objects, std::move(options)));
  return std::unique_ptr<SnapshotSource>(std::make_unique<ObjectSource>(std::move(source)));
}

}  // namespace murmur
