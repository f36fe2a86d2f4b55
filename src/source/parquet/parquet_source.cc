#include "source/parquet/parquet_source.h"

#include <arrow/filesystem/mockfs.h>
#include <fmt/format.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>
#include <parquet/statistics.h>

#include <algorithm>
#include <charconv>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "source/objects.h"
#include "source/parquet/row_group_stream.h"
#include "source/parquet/time_range.h"
#include "source/parquet/watched_file.h"

namespace murmur {
namespace {

using parquet_source::DateCell;
using parquet_source::FieldPlace;
using parquet_source::TimeCell;
using parquet_source::TimeRange;
using parquet_source::WatchedFile;

// Footers of files whose row groups are being read.
constexpr size_t kCachedFootersMax = 16;

struct ParquetOptions {
  std::string name;
  std::optional<FieldPath> time_field;
  TimeRange range;
  uint64_t max_value_bytes = 0;
  HandoffToken handoff;
};

// A file's footer, or why it can't be read.
struct Footer {
  std::shared_ptr<parquet::FileMetaData> metadata;  // null: damaged
  std::string damage;
};

// Throws where the bytes are no Parquet footer. Arrow looks at a column's part of it when asked for
// the column, so that all are asked for here.
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

// The least and greatest time of a column chunk, where its statistics tell.
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
  if (!place.flat) return true;
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

// Payload of a split: the object's and the row group's numbers.
constexpr int kNoRowGroup = -1;  // the footer is damaged

struct Place {
  size_t object = 0;
  int row_group = 0;
};

std::string FormatPlace(const Place& place) {
  return fmt::format("{},{}", place.object, place.row_group);
}

std::optional<Place> ParsePlace(std::string_view text) {
  Place place;
  const char* end = text.data() + text.size();
  const auto object = std::from_chars(text.data(), end, place.object);
  if (object.ec != std::errc() || object.ptr == end || *object.ptr != ',') return std::nullopt;
  const auto group = std::from_chars(object.ptr + 1, end, place.row_group);
  if (group.ec != std::errc() || group.ptr != end) return std::nullopt;
  return place;
}

class ParquetSource final : public SnapshotSource {
 public:
  ParquetSource(ParquetOptions options, ObjectSet objects)
      : options_(std::move(options)), object_set_(std::move(objects)) {}

  std::string_view Name() const noexcept override { return options_.name; }
  Result<HandoffToken> CaptureHandoff(std::stop_token) override { return options_.handoff; }
  Result<ScanPlan> Scan(std::stop_token stop) override;
  Status Resume(const ScanPlan& plan) override;
  Result<std::unique_ptr<RecordStream>> Open(const Split& split, const Position& after,
                                             const Projection& projection) override;
  Status Close() override { return Status(); }

 private:
  struct CachedFooter {
    size_t object;
    Footer footer;
  };

  void AddSplits(size_t object, const Footer& footer, ScanPlan* plan) const;
  Result<Footer> ReadFooter(size_t object) const;
  Result<Footer> FooterOf(size_t object);

  const ParquetOptions options_;
  const ObjectSet object_set_;
  std::vector<SourceObject> objects_;
  std::mutex mutex_;
  std::deque<CachedFooter> footers_;  // guarded by mutex_; the newest last
};

Result<ScanPlan> ParquetSource::Scan(std::stop_token stop) {
  MURMUR_ASSIGN(objects_, object_set_.List());
  ScanPlan plan;
  plan.source = options_.name;
  MURMUR_ASSIGN(plan.payload, SerializeObjects(objects_));
  for (size_t i = 0; i < objects_.size(); ++i) {
    if (stop.stop_requested()) return Status(Code::kCancelled, "stopped");
    MURMUR_ASSIGN(const Footer footer, ReadFooter(i));
    AddSplits(i, footer, &plan);
  }
  return plan;
}

void ParquetSource::AddSplits(size_t object, const Footer& footer, ScanPlan* plan) const {
  const SourceObject& file = objects_[object];
  if (footer.metadata == nullptr) {
    plan->splits.push_back({file.name + "#footer", file.size, FormatPlace({object, kNoRowGroup})});
    return;
  }
  for (int group = 0; group < footer.metadata->num_row_groups(); ++group) {
    const auto row_group = footer.metadata->RowGroup(group);
    if (row_group->num_rows() == 0) continue;
    if (options_.time_field && !options_.range.unbounded() &&
        !MayHoldTimes(*footer.metadata, group, *options_.time_field, options_.range)) {
      continue;
    }
    plan->splits.push_back({fmt::format("{}#{}", file.name, group), CompressedBytes(*row_group),
                            FormatPlace({object, group})});
  }
}

Status ParquetSource::Resume(const ScanPlan& plan) {
  if (plan.source != options_.name) {
    return Status(Code::kInvalidArgument, fmt::format("the plan is of source '{}', not of '{}'",
                                                      plan.source, options_.name));
  }
  MURMUR_ASSIGN(auto objects, ParseObjects(plan.payload));
  MURMUR_TRY(object_set_.CheckUnchanged(objects));
  objects_ = std::move(objects);
  return Status();
}

Result<Footer> ParquetSource::ReadFooter(size_t object) const {
  const SourceObject& frozen = objects_[object];
  MURMUR_ASSIGN(auto file, object_set_.Open(frozen.name));
  auto watched = std::make_shared<WatchedFile>(std::move(file));
  try {
    return Footer{ReadMetadata(watched), ""};
  } catch (const std::exception& error) {
    if (!watched->failure().ok()) return FromArrow(watched->failure(), frozen.name);
    MURMUR_TRY(object_set_.CheckUnchanged({frozen}));
    return Footer{nullptr, fmt::format("the footer can't be read: {}", error.what())};
  }
}

Result<Footer> ParquetSource::FooterOf(size_t object) {
  {
    const std::lock_guard lock(mutex_);
    for (const CachedFooter& cached : footers_) {
      if (cached.object == object) return cached.footer;
    }
  }
  MURMUR_ASSIGN(Footer footer, ReadFooter(object));
  const std::lock_guard lock(mutex_);
  if (footers_.size() == kCachedFootersMax) footers_.pop_front();
  footers_.push_back({object, footer});
  return footer;
}

Result<std::unique_ptr<RecordStream>> ParquetSource::Open(const Split& split, const Position& after,
                                                          const Projection& projection) {
  const std::optional<Place> place = ParsePlace(split.payload);
  if (!place || place->object >= objects_.size()) {
    return Status(Code::kInvalidArgument,
                  fmt::format("split '{}' is not of this source's plan", split.id));
  }
  const SourceObject& object = objects_[place->object];
  MURMUR_TRY(object_set_.CheckUnchanged({object}));
  MURMUR_ASSIGN(const Footer footer, FooterOf(place->object));
  if (footer.metadata == nullptr) {
    return parquet_source::OpenDamaged(object.name, 0, split.bytes, footer.damage, after);
  }
  parquet_source::RowGroupInput input;
  input.object = object.name;
  MURMUR_ASSIGN(input.file, object_set_.Open(object.name));
  input.metadata = footer.metadata;
  input.row_group = place->row_group;
  input.split_bytes = split.bytes;
  input.max_value_bytes = options_.max_value_bytes;
  input.check_unchanged = [this, object] { return object_set_.CheckUnchanged({object}); };
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

std::string NameOf(const std::vector<std::string>& paths) {
  std::string name = "parquet:";
  for (size_t i = 0; i < paths.size(); ++i) name += (i > 0 ? "," : "") + paths[i];
  return name;
}

}  // namespace

Result<std::unique_ptr<SnapshotSource>> MakeParquetSource(const Definition& definition) {
  if (!definition.bootstrap) {
    return Status(Code::kInvalidArgument, "the definition has no bootstrap source");
  }
  std::vector<std::string> paths = PathsOf(*definition.bootstrap);
  if (paths.empty()) {
    return Status(Code::kInvalidArgument, "parquet needs a path, as in parquet: {path: data/}");
  }
  ParquetOptions options = OptionsOf(definition);
  options.name = NameOf(paths);
  MURMUR_ASSIGN(options.handoff, HandoffOf(*definition.bootstrap));
  ObjectSet objects(std::move(paths), definition.base_directory);
  return std::make_unique<ParquetSource>(std::move(options), std::move(objects));
}

Result<std::unique_ptr<SnapshotSource>> MakeParquetSourceFromBytes(const Definition& definition,
                                                                   const std::string& name,
                                                                   const std::string& bytes) {
  using arrow::fs::TimePoint;
  // A hash stands for the time of change, so that a plan is refused over other bytes.
  const auto hash = static_cast<int64_t>(std::hash<std::string_view>()(bytes) >> 2);
  auto memory =
      std::make_shared<arrow::fs::internal::MockFileSystem>(TimePoint(TimePoint::duration(hash)));
  MURMUR_TRY(FromArrow(memory->CreateFile(name, bytes), name));
  ParquetOptions options = OptionsOf(definition);
  options.name = NameOf({name});
  return std::make_unique<ParquetSource>(std::move(options), ObjectSet({name}, "", memory));
}

}  // namespace murmur
