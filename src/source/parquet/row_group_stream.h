// A RecordStream over one row group. Positions: "row=N": N rows of the group have been read;
// "damaged": the rest can't be read. Internal.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "murmur/source.h"
#include "source/parquet/field_reader.h"

namespace murmur::parquet_source {

inline constexpr char kDamagedPosition[] = "damaged";

struct RowGroupInput {
  std::string object;  // the file's name
  std::shared_ptr<arrow::io::RandomAccessFile> file;
  std::shared_ptr<parquet::FileMetaData> metadata;
  int row_group = 0;
  bool remote = false;  // each request costs a round trip
  uint64_t split_bytes = 0;
  uint64_t max_value_bytes = 0;
  // Whether the file is still what the scan froze; called if its bytes make no sense.
  std::function<Status()> check_unchanged;
};

// A stream from the position `after`. Damaged bytes become a dead letter (kCorrupt) in the stream.
// Errors: kInvalidArgument (no such row group or position), kUnavailable, kUnimplemented (Arrow was
// built without a codec), kFailedPrecondition (the file changed).
Result<std::unique_ptr<RecordStream>> OpenRowGroup(RowGroupInput input, const Position& after,
                                                   const Projection& projection);

// A stream with one dead letter: the object can't be read from row `offset` on.
std::unique_ptr<RecordStream> OpenDamaged(std::string object, uint64_t offset, uint64_t bytes,
                                          std::string detail, const Position& after);

}  // namespace murmur::parquet_source
