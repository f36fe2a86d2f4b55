// For the tests: Parquet files written by Arrow's writers into memory, and what our source reads
// of them as text.
#pragma once

#include <arrow/io/memory.h>
#include <arrow/result.h>
#include <arrow/table.h>
#include <gtest/gtest.h>
#include <parquet/arrow/writer.h>
#include <parquet/column_writer.h>
#include <parquet/file_writer.h>
#include <parquet/schema.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/decimal.h"
#include "expression/expression.h"
#include "murmur/definition.h"
#include "murmur/key.h"
#include "murmur/source.h"
#include "source/parquet/parquet_source.h"

namespace murmur::parquet_source {

// A file with one optional column, by the low-level writer: one row group per list of values.
template <class Type>
std::string WriteColumn(
    parquet::schema::NodePtr node,
    const std::vector<std::vector<std::optional<typename Type::c_type>>>& groups,
    const std::shared_ptr<parquet::WriterProperties>& properties =
        parquet::default_writer_properties()) {
  auto sink = arrow::io::BufferOutputStream::Create().ValueOrDie();
  auto root = std::static_pointer_cast<parquet::schema::GroupNode>(
      parquet::schema::GroupNode::Make("schema", parquet::Repetition::REQUIRED, {std::move(node)}));
  auto writer = parquet::ParquetFileWriter::Open(sink, root, properties);
  for (const auto& group : groups) {
    std::vector<int16_t> levels;
    auto values = std::make_unique<typename Type::c_type[]>(group.size());
    size_t found = 0;
    for (const auto& value : group) {
      levels.push_back(value ? 1 : 0);
      if (value) values[found++] = *value;
    }
    auto* column =
        static_cast<parquet::TypedColumnWriter<Type>*>(writer->AppendRowGroup()->NextColumn());
    column->WriteBatch(static_cast<int64_t>(group.size()), levels.data(), nullptr, values.get());
  }
  writer->Close();
  return sink->Finish().ValueOrDie()->ToString();
}

inline std::string WriteTable(const arrow::Table& table, int64_t rows_per_group,
                              const std::shared_ptr<parquet::WriterProperties>& properties =
                                  parquet::default_writer_properties(),
                              const std::shared_ptr<parquet::ArrowWriterProperties>& arrow =
                                  parquet::default_arrow_writer_properties()) {
  auto sink = arrow::io::BufferOutputStream::Create().ValueOrDie();
  const auto status = parquet::arrow::WriteTable(table, arrow::default_memory_pool(), sink,
                                                 rows_per_group, properties, arrow);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return sink->Finish().ValueOrDie()->ToString();
}

// "integer 5", "decimal 1.50", "timestamp 2026-03-01T00:00:00Z", "string a", "null".
inline std::string CellText(const Cell& cell) {
  std::string value;
  switch (cell.kind) {
    case Kind::kNull: return "null";
    case Kind::kBool:
    case Kind::kInt: value = std::to_string(cell.i); break;
    case Kind::kDouble: value = std::to_string(cell.d); break;
    case Kind::kDecimal: value = FormatDecimal(cell.decimal(), cell.scale); break;
    case Kind::kTime: value = FormatTime(cell.i); break;
    case Kind::kString:
    case Kind::kJson: value = cell.text(); break;
  }
  return std::string(KindName(cell.kind)) + " " + value;
}

struct ReadRecord {
  std::string object;
  uint64_t offset = 0;
  std::vector<std::string> cells;
  bool operator==(const ReadRecord&) const = default;
};

struct ReadResult {
  std::vector<ReadRecord> records;
  std::vector<DeadLetter> dead_letters;
  std::vector<std::pair<Position, size_t>> positions;  // of each batch, with the records so far
  uint64_t bytes = 0;
  Status status;  // of the call that failed

  // The cells of one column.
  std::vector<std::string> Values(size_t column = 0) const {
    std::vector<std::string> values;
    for (const ReadRecord& record : records) values.push_back(record.cells[column]);
    return values;
  }
};

// A path with a final "@" is requested as event time, in milliseconds if it is a number.
inline Projection ProjectionOf(const std::vector<std::string>& paths) {
  Projection projection;
  for (const std::string& path : paths) {
    FieldRequest request;
    request.as_time = path.back() == '@';
    request.unit = request.as_time ? TimeUnit::kMillis : TimeUnit::kNone;
    request.path = ParseFieldPath(path.substr(0, path.find('@'))).value();
    projection.fields.push_back(std::move(request));
  }
  return projection;
}

inline void AppendBatch(RecordBatch* batch, ReadResult* result) {
  for (Column& column : batch->columns) {
    for (uint32_t row = 0; row < batch->rows; ++row) {
      const Cell& cell =
          column.dictionary_id != 0 ? column.dictionary[column.indices[row]] : column.cells[row];
      EXPECT_NE(column.kinds & KindBit(cell.kind), 0u) << "kinds must tell " << CellText(cell);
    }
    column.Materialize(batch->rows);
  }
  for (uint32_t row = 0; row < batch->rows; ++row) {
    ReadRecord record{std::string(batch->object), batch->offsets[row], {}};
    for (const Column& column : batch->columns) record.cells.push_back(CellText(column.cells[row]));
    result->records.push_back(std::move(record));
  }
  for (DeadLetter& letter : batch->dead_letters) result->dead_letters.push_back(letter);
  result->positions.emplace_back(batch->after, result->records.size());
  result->bytes += batch->bytes;
}

inline void ReadSplit(SnapshotSource* source, const Split& split, const Position& after,
                      const Projection& projection, ReadResult* result) {
  auto stream = source->Open(split, after, projection, {});
  result->status = stream.status();
  if (!stream.ok()) return;
  RecordBatch batch(projection);
  for (;;) {
    const auto state = (*stream)->Read({}, &batch);
    result->status = state.status();
    if (!state.ok() || *state == ReadState::kEnd) return;
    AppendBatch(&batch, result);
  }
}

// Scans, and reads every split from its start.
inline ReadResult ReadAll(SnapshotSource* source, const Projection& projection) {
  ReadResult result;
  const auto plan = source->Scan({});
  result.status = plan.status();
  if (!plan.ok()) return result;
  for (const Split& split : plan->splits) {
    if (result.status.ok()) ReadSplit(source, split, "", projection, &result);
  }
  return result;
}

inline std::unique_ptr<SnapshotSource> SourceOf(const std::string& bytes,
                                                const Definition& definition = {}) {
  return MakeParquetSourceFromBytes(definition, "f.parquet", bytes).value();
}

inline ReadResult ReadBytes(const std::string& bytes, const std::vector<std::string>& paths,
                            const Definition& definition = {}) {
  return ReadAll(SourceOf(bytes, definition).get(), ProjectionOf(paths));
}

}  // namespace murmur::parquet_source
