#include "source/s3/s3_source.h"

#include <fmt/format.h>

#include <algorithm>

#include "source/jsonl/jsonl_source.h"
#include "source/parquet/parquet_source.h"
#include "source/s3/s3_store.h"

namespace murmur {
namespace {

bool IsS3(std::string_view path) { return path.starts_with(kS3Scheme); }

}  // namespace

Result<std::shared_ptr<const ObjectSet>> MakeObjectSet(const SourceSpec& spec,
                                                       const Definition& definition,
                                                       HiddenFiles hidden) {
  const std::vector<std::string> paths = PathsOf(spec);
  if (paths.empty()) return Status(Code::kInvalidArgument, spec.kind + ": path is missing");
  if (std::none_of(paths.begin(), paths.end(), IsS3)) {
    return std::make_shared<const ObjectSet>(paths, definition.base_directory, hidden);
  }
  if (!std::all_of(paths.begin(), paths.end(), IsS3)) {
    return Status(Code::kInvalidArgument,
                  spec.kind + ": path: either all paths begin with s3://, or none does");
  }
  MURMUR_ASSIGN(auto store, OpenS3(spec));
  return std::make_shared<const ObjectSet>(paths, std::move(store), kS3Scheme, hidden);
}

Result<std::vector<std::unique_ptr<ObjectFormat>>> MakeFormats(
    const SourceSpec& spec, const Definition& definition,
    const std::shared_ptr<const ObjectSet>& objects) {
  const auto option = spec.options.find("format");
  const std::string format = option == spec.options.end() ? "auto" : option->second;
  if (format != "auto" && format != "jsonl" && format != "parquet") {
    return Status(
        Code::kInvalidArgument,
        fmt::format("{}: format '{}': expected auto, jsonl or parquet", spec.kind, format));
  }
  std::vector<std::unique_ptr<ObjectFormat>> formats;
  if (format != "jsonl") formats.push_back(MakeParquetFormat(objects, definition));
  if (format != "parquet") {
    formats.push_back(MakeJsonlFormat(objects, JsonlOptionsOf(definition)));
  }
  return formats;
}

Result<std::unique_ptr<SnapshotSource>> MakeS3Source(const Definition& definition) {
  const SourceSpec& spec = *definition.bootstrap;
  ObjectSourceOptions source;
  source.name = fmt::format("s3:{}", fmt::join(PathsOf(spec), ","));
  for (const std::string& path : PathsOf(spec)) {
    if (IsS3(path)) continue;
    return Status(Code::kInvalidArgument,
                  fmt::format("s3: path '{}': expected s3://bucket/prefix/", path));
  }
  MURMUR_ASSIGN(source.handoff, HandoffOf(spec));
  MURMUR_ASSIGN(source.objects, MakeObjectSet(spec, definition));
  MURMUR_ASSIGN(source.formats, MakeFormats(spec, definition, source.objects));
  source.hive = TakesHiveFields(spec, &source.name);
  return std::unique_ptr<SnapshotSource>(std::make_unique<ObjectSource>(std::move(source)));
}

}  // namespace murmur
