// Parquet objects. A split is one row group; only the columns that the pipeline needs are read.
// docs/parquet.md says how Parquet's types become cells.
//
// Definition options: `path` (file, glob or directory, or a list), `handoff.STREAM.PARTITION`.
//
// A record is named by its file and its row number in the file. Row groups are skipped if the
// statistics of the time column prove that they lie outside `where`; damage inside them is not
// noticed. RecordBatch::raw stays empty: a row has no bytes of its own.
#pragma once

#include <memory>
#include <string>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/status.h"
#include "source/object_source.h"

namespace murmur {

// The format. Uses time, where and max_record_bytes of the definition.
std::unique_ptr<ObjectFormat> MakeParquetFormat(std::shared_ptr<const ObjectSet> objects,
                                                const Definition& definition);

// The source of definition.bootstrap. Errors: kInvalidArgument (no path).
Result<std::unique_ptr<SnapshotSource>> MakeParquetSource(const Definition& definition);

// A source over one Parquet file in memory; `name` stands for the file's name.
Result<std::unique_ptr<SnapshotSource>> MakeParquetSourceFromBytes(const Definition& definition,
                                                                   const std::string& name,
                                                                   const std::string& bytes);

}  // namespace murmur
