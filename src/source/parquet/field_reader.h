// One requested field over the rows of one row group: a flat column, read through Parquet's typed
// column readers, or a part of a nested one, read through Arrow arrays. Internal; includes
// Parquet's headers.
#pragma once

#include <parquet/file_reader.h>

#include <memory>
#include <string>
#include <vector>

#include "murmur/record.h"
#include "murmur/status.h"
#include "source/parquet/values.h"

namespace murmur::parquet_source {

struct BadRow {
  uint32_t row;  // in the batch
  const Refusal* refusal;
};

// Threads: one at a time.
class FieldReader {
 public:
  FieldReader() = default;
  FieldReader(const FieldReader&) = delete;
  FieldReader& operator=(const FieldReader&) = delete;
  virtual ~FieldReader() = default;

  // Reads 1 to `want` of the next rows into rows `at`… of *column, adds their kinds, and appends
  // the rows that must become dead letters to *bad. A batch begins with at == 0; memory that its
  // cells point to is kept until the next batch begins. Throws std::exception if the bytes are
  // damaged; the reader can't be used then.
  virtual uint32_t ReadSome(uint32_t at, uint32_t want, Column* column,
                            std::vector<BadRow>* bad) = 0;
  // Skips rows. Throws as ReadSome does.
  virtual void Skip(uint64_t rows) = 0;
};

// An open row group.
struct RowGroup {
  std::shared_ptr<arrow::io::RandomAccessFile> file;
  std::shared_ptr<parquet::FileMetaData> metadata;
  int index = 0;
  parquet::ReaderProperties properties;
  std::unique_ptr<parquet::ParquetFileReader> reader;
  std::shared_ptr<parquet::RowGroupReader> rows;
};

// Where a field's values lie in a file's schema.
struct FieldPlace {
  const parquet::schema::Node* node = nullptr;  // null: the file has no such field
  bool flat = false;                            // a column with at most one value per row
  std::vector<int> columns;                     // the leaf columns at and below the node
};
// `path` leads through structs to the node. The reader handles the rest of the path (list indices,
// map keys).
FieldPlace FindField(const parquet::SchemaDescriptor& schema, const FieldPath& path);
// The paths of all fields, also those in structs.
std::vector<std::string> FieldNames(const parquet::SchemaDescriptor& schema);
// Errors: kFailedPrecondition (two columns have the name, and either could be meant).
Status CheckFieldIsOne(const parquet::SchemaDescriptor& schema, const FieldPath& path);

// A string, or a nested value's JSON, of more than `max_value_bytes` makes its record a dead
// letter. All three throw std::exception.
std::unique_ptr<FieldReader> OpenFlatReader(const RowGroup& group, int column,
                                            const FieldRequest& request, uint64_t max_value_bytes);
std::unique_ptr<FieldReader> OpenNestedReader(const RowGroup& group, std::vector<int> columns,
                                              const FieldRequest& request,
                                              uint64_t max_value_bytes);
std::unique_ptr<FieldReader> OpenMissingReader();

}  // namespace murmur::parquet_source
