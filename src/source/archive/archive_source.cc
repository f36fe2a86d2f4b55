#include "source/archive/archive_source.h"

#include <fmt/format.h>

#include "source/s3/s3_source.h"

namespace murmur {

Result<std::unique_ptr<SnapshotSource>> MakeArchiveSource(const Definition& definition,
                                                          const ReplayRange& range) {
  const SourceSpec& spec = *definition.replay;
  if (range.by_offset()) {
    return Status(Code::kInvalidArgument, "this archive has no offsets; give times");
  }
  ObjectSourceOptions source;
  source.name = fmt::format("archive:{}", fmt::join(PathsOf(spec), ","));
  MURMUR_ASSIGN(source.objects, MakeObjectSet(spec, definition));
  MURMUR_ASSIGN(source.formats, MakeFormats(spec, definition, source.objects));
  return std::unique_ptr<SnapshotSource>(std::make_unique<ObjectSource>(std::move(source)));
}

}  // namespace murmur
