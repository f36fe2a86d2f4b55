#include "source/parquet/row_group_stream.h"

#include <fmt/format.h>
#include <parquet/exception.h>

#include <algorithm>
#include <charconv>
#include <new>
#include <numeric>
#include <set>
#include <utility>

#include "base/shown.h"
#include "base/time_text.h"
#include "source/objects.h"
#include "source/parquet/fetched_file.h"
#include "source/parquet/watched_file.h"

namespace murmur::parquet_source {
namespace {

constexpr std::string_view kRowPosition = "row=";
// Above this, the requested chunks of a row group are read piece by piece instead of at once.
constexpr int64_t kWholeChunksBytesMax = 64ll << 20;
constexpr int64_t kPieceBytes = 1ll << 20;
// In a remote file, chunks with a smaller distance between them are one request.
constexpr int64_t kHoleBytesMax = 1ll << 20;

Result<uint64_t> RowOfPosition(const Position& position, uint64_t rows) {
  if (position.empty()) return uint64_t{0};
  uint64_t row = 0;
  const char* begin = position.data() + kRowPosition.size();
  const char* end = position.data() + position.size();
  if (position.starts_with(kRowPosition)) {
    const auto [stop, error] = std::from_chars(begin, end, row);
    if (error == std::errc() && stop == end && row <= rows) return row;
  }
  return Status(Code::kInvalidArgument, fmt::format("'{}' is no position in a row group of {}",
                                                    position, Counted(rows, "row")));
}

uint64_t FirstRow(const parquet::FileMetaData& metadata, int row_group) {
  uint64_t rows = 0;
  for (int i = 0; i < row_group; ++i) {
    rows += static_cast<uint64_t>(metadata.RowGroup(i)->num_rows());
  }
  return rows;
}

int64_t CompressedBytes(const parquet::RowGroupMetaData& group,
                        const std::vector<FieldPlace>& places) {
  int64_t bytes = 0;
  for (const FieldPlace& place : places) {
    for (const int column : place.columns) {
      bytes += group.ColumnChunk(column)->total_compressed_size();
    }
  }
  return bytes;
}

class DamagedStream final : public RecordStream {
 public:
  DamagedStream(DeadLetter letter, uint64_t bytes, bool done)
      : letter_(std::move(letter)), bytes_(bytes), done_(done) {}

  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override {
    batch->Clear();
    if (stop.stop_requested()) return Status(Code::kCancelled, "stopped");
    batch->object = letter_.object;
    if (std::exchange(done_, true)) return ReadState::kEnd;
    batch->dead_letters.push_back(letter_);
    batch->bytes = bytes_;
    batch->after = kDamagedPosition;
    return ReadState::kRecords;
  }

 private:
  const DeadLetter letter_;
  const uint64_t bytes_;
  bool done_;
};

class RowGroupStream final : public RecordStream {
 public:
  RowGroupStream(RowGroupInput input, const Projection& projection)
      : input_(std::move(input)),
        watched_(std::make_shared<WatchedFile>(input_.file)),
        projection_(projection),
        rows_(static_cast<uint64_t>(input_.metadata->RowGroup(input_.row_group)->num_rows())),
        first_row_(FirstRow(*input_.metadata, input_.row_group)) {}

  // Throws if the bytes are damaged or a read failed; Trouble() says which.
  void Open(uint64_t row);
  // Why reading failed, if not because of damaged bytes.
  Status Trouble(const std::exception& error) const;

  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override;

  uint64_t rows() const noexcept { return rows_; }
  uint64_t first_row() const noexcept { return first_row_; }

 private:
  struct BadField {
    BadRow bad;
    size_t field;
  };

  void FetchChunks(const std::vector<FieldPlace>& places);
  Status ReadField(size_t field, uint32_t want, RecordBatch* batch, uint32_t* rows);
  void ConvertTimes(size_t field, uint32_t rows, Column* column);
  void RemoveBad(uint32_t rows, RecordBatch* batch);
  void AddDamage(RecordBatch* batch);
  uint64_t BytesUpTo(uint64_t row) const {
    return static_cast<uint64_t>(static_cast<unsigned __int128>(input_.split_bytes) * row / rows_);
  }

  RowGroupInput input_;
  std::shared_ptr<WatchedFile> watched_;
  const Projection projection_;
  const uint64_t rows_;
  const uint64_t first_row_;  // its number in the file
  uint64_t row_ = 0;          // the next one, in the group
  RowGroup group_;
  std::vector<std::unique_ptr<FieldReader>> fields_;
  TimeParser time_parser_;
  std::vector<BadRow> bad_rows_;
  std::vector<BadField> bad_fields_;
  std::string damage_;
};

void RowGroupStream::Open(uint64_t row) {
  std::vector<FieldPlace> places;
  for (const FieldRequest& request : projection_.fields) {
    places.push_back(FindField(*input_.metadata->schema(), request.path));
  }
  group_.metadata = input_.metadata;
  group_.index = input_.row_group;
  group_.properties.set_page_checksum_verification(true);
  const auto group_metadata = input_.metadata->RowGroup(input_.row_group);
  if (CompressedBytes(*group_metadata, places) > kWholeChunksBytesMax) {
    group_.properties.enable_buffered_stream();
    group_.properties.set_buffer_size(kPieceBytes);
  } else if (input_.remote) {
    FetchChunks(places);
  }
  group_.file = watched_;
  group_.reader = parquet::ParquetFileReader::Open(watched_, group_.properties, input_.metadata);
  group_.rows = group_.reader->RowGroup(group_.index);
  for (size_t i = 0; i < places.size(); ++i) {
    const FieldRequest& request = projection_.fields[i];
    if (places[i].columns.empty()) {
      fields_.push_back(OpenMissingReader());
    } else if (places[i].flat) {
      fields_.push_back(
          OpenFlatReader(group_, places[i].columns[0], request, input_.max_value_bytes));
    } else {
      fields_.push_back(
          OpenNestedReader(group_, places[i].columns, request, input_.max_value_bytes));
    }
    if (row > 0) fields_.back()->Skip(row);
  }
  row_ = row;
}

// Requests everything that will be read before waiting for any of it.
void RowGroupStream::FetchChunks(const std::vector<FieldPlace>& places) {
  std::set<int> columns;
  for (const FieldPlace& place : places) columns.insert(place.columns.begin(), place.columns.end());
  const auto reader =
      parquet::ParquetFileReader::Open(watched_, group_.properties, input_.metadata);
  PARQUET_ASSIGN_OR_THROW(const auto ranges,
                          reader->GetReadRanges({group_.index}, {columns.begin(), columns.end()},
                                                kHoleBytesMax, kWholeChunksBytesMax));
  watched_ = std::make_shared<WatchedFile>(std::make_shared<FetchedFile>(input_.file, ranges));
}

Status RowGroupStream::Trouble(const std::exception& error) const {
  if (!watched_->failure().ok()) return FromArrow(watched_->failure(), input_.object);
  MURMUR_TRY(input_.check_unchanged());
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
    return Status(Code::kResourceExhausted,
                  input_.object + ": a page needs more memory than there is");
  }
  const auto* failed = dynamic_cast<const parquet::ParquetStatusException*>(&error);
  if (failed != nullptr && failed->status().IsNotImplemented()) {
    return FromArrow(failed->status(), input_.object);
  }
  return Status();
}

Result<ReadState> RowGroupStream::Read(std::stop_token stop, RecordBatch* batch) {
  batch->Clear();
  if (stop.stop_requested()) return Status(Code::kCancelled, "stopped");
  batch->object = input_.object;
  batch->field_names = [schema = input_.metadata->schema()] { return FieldNames(*schema); };
  if (row_ == rows_) return ReadState::kEnd;

  const auto want = static_cast<uint32_t>(std::min<uint64_t>(kBatchRows, rows_ - row_));
  uint32_t rows = want;
  bad_fields_.clear();
  for (size_t i = 0; i < fields_.size(); ++i) {
    uint32_t read = 0;
    MURMUR_TRY(ReadField(i, want, batch, &read));
    rows = std::min(rows, read);
  }
  std::iota(batch->offsets.data(), batch->offsets.data() + rows, first_row_ + row_);
  batch->rows = rows;
  if (!bad_fields_.empty()) RemoveBad(rows, batch);

  const uint64_t before = BytesUpTo(row_);
  row_ += rows;
  batch->after = std::string(kRowPosition) + std::to_string(row_);
  if (!damage_.empty()) AddDamage(batch);
  batch->bytes = BytesUpTo(row_) - before;
  return ReadState::kRecords;
}

// Reads rows until the field has a bad one; the cause goes to damage_.
Status RowGroupStream::ReadField(size_t field, uint32_t want, RecordBatch* batch, uint32_t* rows) {
  Column* column = &batch->columns[field];
  bad_rows_.clear();
  try {
    while (*rows < want) {
      *rows += fields_[field]->ReadSome(*rows, want - *rows, column, &bad_rows_);
    }
  } catch (const std::exception& error) {
    MURMUR_TRY(Trouble(error));
    damage_ =
        fmt::format("field '{}': {}", projection_.fields[field].path.ToString(), error.what());
  }
  for (const BadRow& bad : bad_rows_) bad_fields_.push_back({bad, field});
  if (projection_.fields[field].as_time) ConvertTimes(field, *rows, column);
  return Status();
}

void RowGroupStream::ConvertTimes(size_t field, uint32_t rows, Column* column) {
  if ((column->kinds & ~(KindBit(Kind::kTime) | KindBit(Kind::kNull))) == 0) return;
  const TimeUnit unit = projection_.fields[field].unit;
  for (uint32_t i = 0; i < rows; ++i) ConvertToTime(unit, &time_parser_, &column->cells[i]);
  column->SetTypeFromCells(rows);
}

// One dead letter per row, for the first field that refused it.
void RowGroupStream::RemoveBad(uint32_t rows, RecordBatch* batch) {
  std::vector<const BadField*> first(rows, nullptr);
  for (const BadField& bad : bad_fields_) {
    if (bad.bad.row < rows && first[bad.bad.row] == nullptr) first[bad.bad.row] = &bad;
  }
  uint32_t kept = 0;
  for (uint32_t i = 0; i < rows; ++i) {
    if (first[i] != nullptr) {
      const Refusal& refusal = *first[i]->bad.refusal;
      const std::string path = projection_.fields[first[i]->field].path.ToString();
      batch->dead_letters.push_back({input_.object, batch->offsets[i], refusal.reason,
                                     fmt::format("field '{}' {}", path, refusal.sentence), ""});
      continue;
    }
    for (Column& column : batch->columns) {
      if (column.dictionary_id != 0) {
        column.indices[kept] = column.indices[i];
      } else {
        column.cells[kept] = column.cells[i];
      }
    }
    batch->offsets[kept++] = batch->offsets[i];
  }
  batch->rows = kept;
}

void RowGroupStream::AddDamage(RecordBatch* batch) {
  batch->dead_letters.push_back({input_.object, first_row_ + row_, DeadReason::kCorrupt,
                                 fmt::format("rows {} to {} can't be read: {}", first_row_ + row_,
                                             first_row_ + rows_ - 1, damage_),
                                 ""});
  batch->after = kDamagedPosition;
  row_ = rows_;
}

}  // namespace

std::unique_ptr<RecordStream> OpenDamaged(std::string object, uint64_t offset, uint64_t bytes,
                                          std::string detail, const Position& after) {
  DeadLetter letter{std::move(object), offset, DeadReason::kCorrupt, std::move(detail), ""};
  return std::make_unique<DamagedStream>(std::move(letter), bytes, after == kDamagedPosition);
}

Result<std::unique_ptr<RecordStream>> OpenRowGroup(RowGroupInput input, const Position& after,
                                                   const Projection& projection) {
  const std::string object = input.object;
  const uint64_t bytes = input.split_bytes;
  if (input.row_group < 0 || input.row_group >= input.metadata->num_row_groups()) {
    return Status(Code::kInvalidArgument,
                  fmt::format("{}: no row group {}", object, input.row_group));
  }
  auto stream = std::make_unique<RowGroupStream>(std::move(input), projection);
  if (after == kDamagedPosition) return OpenDamaged(object, 0, bytes, "", after);
  MURMUR_ASSIGN(const uint64_t row, RowOfPosition(after, stream->rows()));
  try {
    stream->Open(row);
  } catch (const std::exception& error) {
    MURMUR_TRY(stream->Trouble(error));
    const uint64_t first = stream->first_row() + row;
    return OpenDamaged(object, first, bytes,
                       fmt::format("rows {} to {} can't be read: {}", first,
                                   stream->first_row() + stream->rows() - 1, error.what()),
                       after);
  }
  return std::unique_ptr<RecordStream>(std::move(stream));
}

}  // namespace murmur::parquet_source
