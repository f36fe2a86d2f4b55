// Objects below prefixes of S3 buckets as a snapshot source: JSON lines, Parquet, or both.
#pragma once

#include <memory>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/status.h"
#include "source/object_source.h"

namespace murmur {

// The objects that a source's `path` names: on S3 if it begins with s3://, else local. Errors:
// kInvalidArgument (no path, or both kinds), and those of OpenS3.
Result<std::shared_ptr<const ObjectSet>> MakeObjectSet(const SourceSpec& spec,
                                                       const Definition& definition,
                                                       HiddenFiles hidden = HiddenFiles::kSkipped);

// `format`: jsonl, parquet, or auto (by each object's bytes).
// Errors: kInvalidArgument.
Result<std::vector<std::unique_ptr<ObjectFormat>>> MakeFormats(
    const SourceSpec& spec, const Definition& definition,
    const std::shared_ptr<const ObjectSet>& objects);

// The source of definition.bootstrap.
Result<std::unique_ptr<SnapshotSource>> MakeS3Source(const Definition& definition);

}  // namespace murmur
