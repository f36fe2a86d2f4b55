#include "source/archive/archive_source.h"

#include <fmt/format.h>

#include "source/jsonl/jsonl_source.h"
#include "source/object_source.h"
#include "source/parquet/parquet_source.h"

namespace murmur {

Result<std::unique_ptr<SnapshotSource>> MakeArchiveSource(const Definition& definition,
                                                          const ReplayRange& range) {
  const SourceSpec& spec = *definition.replay;
  const std::vector<std::string> paths = PathsOf(spec);
  if (paths.empty()) return Status(Code::kInvalidArgument, "archive: path is missing");
  if (range.by_offset()) {
    return Status(Code::kInvalidArgument, "this archive has no offsets; give times");
  }
  ObjectSourceOptions source{
      .name = fmt::format("archive:{}", fmt::join(paths, ",")),
      .handoff = {},
      .objects = std::make_shared<ObjectSet>(paths, definition.base_directory),
      .formats = {}};
  source.formats.push_back(MakeParquetFormat(source.objects, definition));
  source.formats.push_back(
      MakeJsonlFormat(source.objects, {.record_bytes_max = definition.max_record_bytes}));
  return std::unique_ptr<SnapshotSource>(std::make_unique<ObjectSource>(std::move(source)));
}

}  // namespace murmur
