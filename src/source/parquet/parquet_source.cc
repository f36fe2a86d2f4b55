#include "source/parquet/parquet_source.h"

#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <fmt/format.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>
#include <parquet/statistics.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "source/objects.h"
#include "source/parquet/footer_cache.h"
#include "source/parquet/row_group_stream.h"
#include "source/parquet/time_range.h"
#include "source/parquet/watched_file.h"

namespace murmur {
namespace {

using parquet_source::CheckFieldIsOne;
using parquet_source::DateCell;
using parquet_source::FieldPlace;
using parquet_source::Footer;
using parquet_source::FooterCache;
using parquet_source::TimeCell;
using parquet_source::TimeRange;
using parquet_source::WatchedFile;

struct ParquetOptions {
  std::optional<FieldPath> time_field;
  TimeRange range;
  uint64_t max_value_bytes = 0;
};

// Throws if the bytes are not a Parquet footer. Arrow checks a column's part only when asked for
// the column, so all are asked for here.
std::shared_ptr<parquet::FileMetaData> ReadMetadata(std::shared_ptr<WatchedFile> file) {
  auto metadata = parquet::ParquetFileReader::Open(std::move(file))->metadata();
  for (int i = 0; i < metadata->num_row_groups(); ++i) {
    const auto group = metadata->RowGroup(i);
    if (group->num_rows() < 0) {
      throw parquet::ParquetException("a row group has a negative number of rows");
    }
    for (int column = 0; column < group->num_columns(); ++column) group->ColumnChunk(column);
  }
  return metadata;
}

// The least and greatest time of a column chunk, if its statistics have them.
std::optional<TimeRange> ChunkTimes(const parquet::ColumnChunkMetaData& chunk) {
  const auto statistics = chunk.statistics();
  if (statistics == nullptr || !statistics->HasMinMax()) return std::nullopt;
  const parquet::LogicalType& type = *statistics->descr()->logical_type();
  Cell min;
  Cell max;
  if (type.is_timestamp() && statistics->physical_type() == parquet::Type::INT64) {
    const auto unit = static_cast<const parquet::TimestampLogicalType&>(type).time_unit();
    const TimeUnit cell_unit = unit == parquet::LogicalType::TimeUnit::MILLIS  ? TimeUnit::kMillis
                               : unit == parquet::LogicalType::TimeUnit::NANOS ? TimeUnit::kNanos
                                                                               : TimeUnit::kMicros;
    const auto& times = static_cast<const parquet::Int64Statistics&>(*statistics);
    if (TimeCell(times.min(), cell_unit, &min) != nullptr) return std::nullopt;
    if (TimeCell(times.max(), cell_unit, &max) != nullptr) return std::nullopt;
  } else if (type.is_date() && statistics->physical_type() == parquet::Type::INT32) {
    const auto& days = static_cast<const parquet::Int32Statistics&>(*statistics);
    if (DateCell(days.min(), &min) != nullptr) return std::nullopt;
    if (DateCell(days.max(), &max) != nullptr) return std::nullopt;
  } else {
    return std::nullopt;
  }
  return TimeRange{min.i, max.i};
}

bool MayHoldTimes(const parquet::FileMetaData& metadata, int row_group, const FieldPath& field,
                  const TimeRange& range) {
  const FieldPlace place = parquet_source::FindField(*metadata.schema(), field);
  if (!place.flat || !CheckFieldIsOne(*metadata.schema(), field).ok()) return true;
  try {
    const auto times = ChunkTimes(*metadata.RowGroup(row_group)->ColumnChunk(place.columns[0]));
    return !times || (times->max >= range.min && times->min <= range.max);
  } catch (const std::exception&) {
    return true;  // damaged statistics prove nothing
  }
}

uint64_t CompressedBytes(const parquet::RowGroupMetaData& group) {
  int64_t bytes = 0;
  for (int i = 0; i < group.num_columns(); ++i) {
    bytes += group.ColumnChunk(i)->total_compressed_size();
  }
  return static_cast<uint64_t>(std::max<int64_t>(bytes, 0));
}

constexpr int kNoRowGroup = -1;  // the footer is damaged

// A split is one row group; its payload is the row group's number.
class ParquetFormat final : public ObjectFormat {
 public:
  ParquetFormat(std::shared_ptr<const ObjectSet> objects, ParquetOptions options)
      : objects_(std::move(objects)), options_(std::move(options)) {}

  bool HasName(std::string_view name) const override { return name.ends_with(".parquet"); }
  bool Recognises(std::string_view head) const override { return head.starts_with("PAR1"); }
  bool OffsetsAreNumbers() const override { return true; }
  Status AddSplits(const SourceObject& object, const ReadMode& mode,
                   std::vector<Split>* splits) override;
  Result<std::unique_ptr<RecordStream>> Open(const SourceObject& object, const ReadMode& mode,
                                             const Split& split, const Position& after,
                                             const Projection& projection) override;

 private:
  Result<Footer> ReadFooter(const SourceObject& object) const;
  Result<Footer> FooterOf(const SourceObject& object);

  const std::shared_ptr<const ObjectSet> objects_;
  const ParquetOptions options_;
  FooterCache footers_;
};

Status ParquetFormat::AddSplits(const SourceObject& object, const ReadMode& mode,
                                std::vector<Split>* splits) {
  MURMUR_ASSIGN(const Footer footer, ReadFooter(object));
  footers_.AddPlanned(object.name, footer);
  if (footer.metadata == nullptr) {
    splits->push_back({object.name + "#footer", object.size, std::to_string(kNoRowGroup)});
    return Status();
  }
  for (int group = 0; group < footer.metadata->num_row_groups(); ++group) {
    const auto row_group = footer.metadata->RowGroup(group);
    if (row_group->num_rows() == 0) continue;
    if (!mode.counted && options_.time_field && !options_.range.unbounded() &&
        !MayHoldTimes(*footer.metadata, group, *options_.time_field, options_.range)) {
      continue;
    }
    splits->push_back({fmt::format("{}#{}", object.name, group), CompressedBytes(*row_group),
                       std::to_string(group)});
  }
  return Status();
}

Result<Footer> ParquetFormat::ReadFooter(const SourceObject& object) const {
  MURMUR_ASSIGN(auto file, objects_->Open(object));
  auto watched = std::make_shared<WatchedFile>(std::move(file));
  try {
    return Footer{ReadMetadata(watched), ""};
  } catch (const std::exception& error) {
    if (!watched->failure().ok()) return FromArrow(watched->failure(), object.name);
    MURMUR_TRY(objects_->CheckUnchanged(object));
    return Footer{nullptr, fmt::format("the footer can't be read: {}", error.what())};
  }
}

Result<Footer> ParquetFormat::FooterOf(const SourceObject& object) {
  if (auto cached = footers_.Find(object.name)) return *std::move(cached);
  MURMUR_ASSIGN(Footer footer, ReadFooter(object));
  footers_.AddOpened(object.name, footer);
  return footer;
}

Result<std::unique_ptr<RecordStream>> ParquetFormat::Open(const SourceObject& object,
                                                          const ReadMode&, const Split& split,
                                                          const Position& after,
                                                          const Projection& projection) {
  int row_group = 0;
  const char* end = split.payload.data() + split.payload.size();
  if (std::from_chars(split.payload.data(), end, row_group).ptr != end) {
    return Status(Code::kInvalidArgument, split.id + ": not a split of a Parquet file");
  }
  // For a remote store, all objects are checked at the end, in one request.
  if (!objects_->remote()) MURMUR_TRY(objects_->CheckUnchanged(object));
  MURMUR_ASSIGN(const Footer footer, FooterOf(object));
  if (footer.metadata == nullptr) {
    return parquet_source::OpenDamaged(object.name, 0, split.bytes, footer.damage, after);
  }
  for (const FieldRequest& request : projection.fields) {
    const Status one = CheckFieldIsOne(*footer.metadata->schema(), request.path);
    if (!one.ok()) return one.Annotated(object.name);
  }
  parquet_source::RowGroupInput input;
  input.object = object.name;
  MURMUR_ASSIGN(input.file, objects_->Open(object));
  input.metadata = footer.metadata;
  input.row_group = row_group;
  input.remote = objects_->remote();
  input.split_bytes = split.bytes;
  input.max_value_bytes = options_.max_value_bytes;
  input.check_unchanged = [this, object] { return objects_->CheckUnchanged(object); };
  return parquet_source::OpenRowGroup(std::move(input), after, projection);
}

ParquetOptions OptionsOf(const Definition& definition) {
  ParquetOptions options;
  options.max_value_bytes = definition.max_record_bytes;
  if (definition.time) {
    options.time_field = definition.time->field;
    options.range = parquet_source::TimeRangeOf(definition.where, definition.time->field);
  }
  return options;
}

// Bytes under a name.
class OneObjectStore final : public ObjectStore {
 public:
  // A hash takes the place of the modification time, so that a plan is refused over other bytes.
  OneObjectStore(const std::string& name, const std::string& bytes)
      : bytes_(arrow::Buffer::FromString(bytes)) {
    object_.size = bytes.size();
    object_.mtime_ns = static_cast<int64_t>(std::hash<std::string_view>()(bytes) >> 2);
    SetName(name, &object_);
  }

  Result<std::vector<SourceObject>> List(const std::string& prefix, size_t,
                                         const std::stop_token&) const override {
    const bool wanted = RawName(object_).starts_with(prefix);
    return wanted ? std::vector{object_} : std::vector<SourceObject>();
  }
  Result<std::shared_ptr<arrow::io::RandomAccessFile>> Open(const std::string&,
                                                            const SourceObject&) const override {
    return std::shared_ptr<arrow::io::RandomAccessFile>(
        std::make_shared<arrow::io::BufferReader>(bytes_));
  }

 private:
  const std::shared_ptr<arrow::Buffer> bytes_;
  SourceObject object_;
};

std::unique_ptr<SnapshotSource> MakeSource(std::vector<std::string> paths, HandoffToken handoff,
                                           std::shared_ptr<const ObjectSet> objects,
                                           const Definition& definition) {
  ObjectSourceOptions source{.name = fmt::format("parquet:{}", fmt::join(paths, ",")),
                             .handoff = std::move(handoff),
                             .objects = std::move(objects),
                             .formats = {}};
  source.formats.push_back(MakeParquetFormat(source.objects, definition));
  if (definition.bootstrap) source.hive = TakesHiveFields(*definition.bootstrap, &source.name);
  return std::make_unique<ObjectSource>(std::move(source));
}

}  // namespace

std::unique_ptr<ObjectFormat> MakeParquetFormat(std::shared_ptr<const ObjectSet> objects,
                                                const Definition& definition) {
  return std::make_unique<ParquetFormat>(std::move(objects), OptionsOf(definition));
}

Result<std::unique_ptr<SnapshotSource>> MakeParquetSource(const Definition& definition) {
  if (!definition.bootstrap) {
    return Status(Code::kInvalidArgument, "the definition has no bootstrap source");
  }
  std::vector<std::string> paths = PathsOf(*definition.bootstrap);
  if (paths.empty()) {
    return Status(Code::kInvalidArgument, "parquet needs a path, as in parquet: {path: data/}");
  }
  MURMUR_ASSIGN(HandoffToken handoff, HandoffOf(*definition.bootstrap));
  auto objects = std::make_shared<ObjectSet>(paths, definition.base_directory);
  return MakeSource(std::move(paths), std::move(handoff), std::move(objects), definition);
}

Result<std::unique_ptr<SnapshotSource>> MakeParquetSourceFromBytes(const Definition& definition,
                                                                   const std::string& name,
                                                                   const std::string& bytes) {
  auto store = std::make_shared<OneObjectStore>(name, bytes);
  auto objects = std::make_shared<ObjectSet>(std::vector{name}, std::move(store), "");
  return MakeSource({name}, {}, std::move(objects), definition);
}

}  // namespace murmur
