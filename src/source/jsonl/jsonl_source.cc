#include "source/jsonl/jsonl_source.h"

#include <fmt/format.h>

#include <mutex>
#include <nlohmann/json.hpp>

#include "murmur/decoder.h"
#include "source/jsonl/byte_stream.h"
#include "source/jsonl/jsonl_stream.h"
#include "source/jsonl/line_blocks.h"

namespace murmur {
namespace {

constexpr std::string_view kStandardInput = "-";

// What a split's payload says.
struct JsonlSplit {
  std::string object;
  uint64_t size = 0;  // of the object
  uint64_t begin = 0;
  uint64_t end = 0;
  Compression compression = Compression::kNone;
};

std::string Serialize(const JsonlSplit& split) {
  nlohmann::ordered_json json = {{"object", split.object},
                                 {"size", split.size},
                                 {"begin", split.begin},
                                 {"end", split.end},
                                 {"compression", CompressionName(split.compression)}};
  return json.dump();
}

Result<JsonlSplit> ParseSplit(const Split& split) {
  JsonlSplit out;
  try {
    const auto json = nlohmann::json::parse(split.payload);
    out.object = json.at("object").get<std::string>();
    out.size = json.at("size").get<uint64_t>();
    out.begin = json.at("begin").get<uint64_t>();
    out.end = json.at("end").get<uint64_t>();
    MURMUR_ASSIGN(out.compression, ParseCompression(json.at("compression").get<std::string>()));
  } catch (const nlohmann::json::exception& e) {
    return Status(Code::kInvalidArgument, fmt::format("{}: not a split: {}", split.id, e.what()));
  }
  return out;
}

// Opens a split at `after`. A plain file is read from there; what is compressed, from its start.
Result<std::unique_ptr<LineBlocks>> OpenLines(const ObjectSet& objects, const JsonlSplit& split,
                                              const Position& after, const JsonlOptions& options) {
  LineBlocksOptions lines = {.object = split.object,
                             .begin = split.begin,
                             .end = split.end,
                             .begin_is_line_start = split.begin == 0,
                             .record_bytes_max = options.record_bytes_max,
                             .block_bytes = options.read_bytes};
  if (!after.empty()) {
    MURMUR_ASSIGN(lines.begin, ParseOffset(after));
    lines.begin_is_line_start = true;
  }
  MURMUR_ASSIGN(auto file, objects.Open(split.object));
  uint64_t from = lines.begin - (lines.begin_is_line_start ? 0 : 1);
  if (split.compression != Compression::kNone) {
    lines.discard = lines.begin;
    lines.end = UINT64_MAX;
    from = 0;
  }
  MURMUR_ASSIGN(auto bytes, Decompress(ReadFile(std::move(file), split.object, from, split.size),
                                       split.compression));
  return std::make_unique<LineBlocks>(std::move(bytes), std::move(lines));
}

// Standard input, or a reader of the caller.
class ReaderSource final : public SnapshotSource {
 public:
  ReaderSource(std::string object, std::unique_ptr<std::istream> reader, JsonlOptions options)
      : object_(std::move(object)),
        name_("jsonl:" + object_),
        reader_(std::move(reader)),
        options_(std::move(options)) {}

  std::string_view Name() const noexcept override { return name_; }
  Result<HandoffToken> CaptureHandoff(std::stop_token) override { return options_.handoff; }
  Result<ScanPlan> Scan(std::stop_token) override {
    return ScanPlan{.source = name_,
                    .splits = {Split{.id = object_ + "#0", .bytes = 0, .payload = "{}"}},
                    .payload = "[]"};
  }
  Status Resume(const ScanPlan&) override {
    return Status(Code::kUnimplemented,
                  fmt::format("'{}' can be read only once, so that a scan of it can't be resumed; "
                              "write it to a file and read that, or remove the state to start again",
                              object_));
  }
  Result<std::unique_ptr<RecordStream>> Open(const Split&, const Position& after,
                                             const Projection& projection) override {
    const std::lock_guard lock(mutex_);
    if (!after.empty() || opened_) return Resume({});
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
      std::string magic(kMagicBytes, '\0');
      size_t size = 0;
      while (size < kMagicBytes) {
        MURMUR_ASSIGN(const ByteRead read,
                      bytes_->Read(stop, magic.data() + size, kMagicBytes - size));
        if (read.size == 0) break;
        size += read.size;
      }
      magic.resize(size);
      const Compression compression = DetectCompression(magic);
      MURMUR_ASSIGN(auto bytes, Decompress(Prepend(magic, std::move(bytes_)), compression));
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
  JsonlOptions options_;
  std::mutex mutex_;
  bool opened_ = false;
};

}  // namespace

JsonlSource::JsonlSource(JsonlOptions options)
    : options_(std::move(options)),
      name_(fmt::format("jsonl:{}", fmt::join(options_.paths, ","))),
      objects_(options_.paths, options_.base_directory) {}

std::unique_ptr<SnapshotSource> JsonlSource::FromReader(std::string name,
                                                        std::unique_ptr<std::istream> reader,
                                                        JsonlOptions options) {
  return std::make_unique<ReaderSource>(std::move(name), std::move(reader), std::move(options));
}

std::unique_ptr<SnapshotSource> JsonlSource::FromStandardInput(JsonlOptions options) {
  return std::make_unique<ReaderSource>(std::string(kStandardInput), nullptr, std::move(options));
}

Result<HandoffToken> JsonlSource::CaptureHandoff(std::stop_token stop) {
  if (stop.stop_requested()) return Status(Code::kCancelled, name_);
  return options_.handoff;
}

Result<ScanPlan> JsonlSource::Scan(std::stop_token stop) {
  MURMUR_ASSIGN(const auto objects, objects_.List());
  ScanPlan plan{.source = name_, .splits = {}, .payload = {}};
  MURMUR_ASSIGN(plan.payload, SerializeObjects(objects));
  for (const SourceObject& object : objects) {
    if (stop.stop_requested()) return Status(Code::kCancelled, name_);
    MURMUR_TRY(AddSplits(object, &plan.splits));
  }
  return plan;
}

Status JsonlSource::AddSplits(const SourceObject& object, std::vector<Split>* splits) const {
  if (object.size == 0) return Status();
  MURMUR_ASSIGN(const auto file, objects_.Open(object.name));
  char magic[kMagicBytes];
  const auto read = file->ReadAt(0, sizeof magic, magic);
  if (!read.ok()) return FromArrow(read.status(), object.name);
  JsonlSplit split = {.object = object.name, .size = object.size};
  split.compression = DetectCompression({magic, static_cast<size_t>(*read)});
  const uint64_t split_bytes =
      split.compression == Compression::kNone ? options_.split_bytes : object.size;
  for (size_t index = 0; split.begin < object.size; ++index) {
    split.end = split.begin + std::min(split_bytes, object.size - split.begin);
    splits->push_back({.id = fmt::format("{}#{}", object.name, index),
                       .bytes = split.end - split.begin,
                       .payload = Serialize(split)});
    split.begin = split.end;
  }
  return Status();
}

Status JsonlSource::Resume(const ScanPlan& plan) {
  if (plan.source != name_) {
    return Status(Code::kInvalidArgument,
                  fmt::format("the plan is of source '{}', not of '{}'", plan.source, name_));
  }
  MURMUR_ASSIGN(const auto objects, ParseObjects(plan.payload));
  return objects_.CheckUnchanged(objects);
}

Result<std::unique_ptr<RecordStream>> JsonlSource::Open(const Split& split, const Position& after,
                                                        const Projection& projection) {
  if (after == kEndPosition) return std::unique_ptr<RecordStream>(std::make_unique<EndedStream>());
  MURMUR_ASSIGN(const JsonlSplit parsed, ParseSplit(split));
  MURMUR_ASSIGN(auto decoder,
                MakeLineDecoder(options_.format, projection, options_.record_bytes_max));
  MURMUR_ASSIGN(auto blocks, OpenLines(objects_, parsed, after, options_));
  return std::unique_ptr<RecordStream>(
      std::make_unique<JsonlStream>(parsed.object, parsed.compression != Compression::kNone,
                                    std::move(blocks), std::move(decoder)));
}

Result<std::unique_ptr<SnapshotSource>> MakeJsonlSource(const Definition& definition) {
  const SourceSpec& spec = *definition.bootstrap;
  JsonlOptions options = {.paths = PathsOf(spec),
                          .base_directory = definition.base_directory,
                          .handoff = {},
                          .record_bytes_max = definition.max_record_bytes};
  if (options.paths.empty()) return Status(Code::kInvalidArgument, "jsonl: path is missing");
  MURMUR_ASSIGN(options.handoff, HandoffOf(spec));
  if (const auto format = spec.options.find("format"); format != spec.options.end()) {
    options.format = format->second;
  }
  MURMUR_TRY(MakeDecoder(options.format, Projection()));
  if (options.paths == std::vector<std::string>{std::string(kStandardInput)}) {
    return JsonlSource::FromStandardInput(std::move(options));
  }
  return std::unique_ptr<SnapshotSource>(std::make_unique<JsonlSource>(std::move(options)));
}

}  // namespace murmur
