// Rows as columns: Parquet, and the Arrow stream.
#include <arrow/api.h>
#include <arrow/io/interfaces.h>
#include <arrow/ipc/writer.h>
#include <parquet/arrow/writer.h>

#include <charconv>
#include <cmath>
#include <optional>

#include "query/flat_columns.h"
#include "query/format.h"

namespace murmur {
namespace {

constexpr int64_t kBatchRows = 64 << 10;  // of a row group, or of a batch of the stream

Status FromArrow(const arrow::Status& status) {
  if (status.ok()) return {};
  return Status(Code::kInternal, "writing columns: " + status.ToString());
}

// Arrow's side of WriteText.
class WriteStream final : public arrow::io::OutputStream {
 public:
  explicit WriteStream(WriteText write) : write_(std::move(write)) {}
  arrow::Status Write(const void* data, int64_t size) override {
    position_ += size;
    const Status status =
        write_(std::string_view(static_cast<const char*>(data), static_cast<size_t>(size)));
    if (!status.ok()) return arrow::Status::IOError(status.ToString());
    return arrow::Status::OK();
  }
  arrow::Result<int64_t> Tell() const override { return position_; }
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }

 private:
  const WriteText write_;
  int64_t position_ = 0;
  bool closed_ = false;
};

// A number in decimal digits, as far as a T can hold it.
template <class T, class Builder>
arrow::Status AppendDigits(Builder* builder, const std::string& digits) {
  T v = 0;
  const char* end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, v);
  return error == std::errc() && rest == end ? builder->Append(v) : builder->AppendNull();
}

// Appends a value to a column of the aggregate's type. What the type can't hold becomes null, as an
// integer beyond 64 bits in an integer column: JSON and CSV hold it whole.
arrow::Status AppendValue(arrow::ArrayBuilder* builder, OutputType type, const Value& value) {
  const bool digits = value.kind == ValueKind::kWideInteger || value.kind == ValueKind::kJson;
  if (value.absent()) return builder->AppendNull();
  if (type == OutputType::kInteger) {
    auto* integers = static_cast<arrow::Int64Builder*>(builder);
    if (value.kind == ValueKind::kInteger) return integers->Append(value.i);
    return digits ? AppendDigits<int64_t>(integers, value.text) : integers->AppendNull();
  }
  if (type == OutputType::kNumber) {
    auto* doubles = static_cast<arrow::DoubleBuilder*>(builder);
    if (value.kind == ValueKind::kDouble) return doubles->Append(value.d);
    if (value.kind == ValueKind::kInteger) return doubles->Append(static_cast<double>(value.i));
    return digits ? AppendDigits<double>(doubles, value.text) : doubles->AppendNull();
  }
  return static_cast<arrow::StringBuilder*>(builder)->Append(FlatValue(value));
}

arrow::Status AppendKey(arrow::ArrayBuilder* builder, const KeyValue* value) {
  const bool is_null = value == nullptr || value->kind == Kind::kNull ||
                       (value->kind == Kind::kDouble && !std::isfinite(value->d));
  if (is_null) return builder->AppendNull();
  return static_cast<arrow::StringBuilder*>(builder)->Append(FlatKey(*value));
}

std::shared_ptr<arrow::DataType> ColumnType(OutputType type) {
  switch (type) {
    case OutputType::kInteger: return arrow::int64();
    case OutputType::kNumber: return arrow::float64();
    case OutputType::kText:
    case OutputType::kJson: break;
  }
  return arrow::utf8();
}

// What takes the batches of rows.
class BatchWriter {
 public:
  virtual ~BatchWriter() = default;
  virtual arrow::Status Open(const std::shared_ptr<arrow::Schema>& schema) = 0;
  virtual arrow::Status Write(const arrow::RecordBatch& batch) = 0;
  virtual arrow::Status Close() = 0;
};

class ParquetWriter final : public BatchWriter {
 public:
  explicit ParquetWriter(WriteText write)
      : stream_(std::make_shared<WriteStream>(std::move(write))) {}

  arrow::Status Open(const std::shared_ptr<arrow::Schema>& schema) override {
    return parquet::arrow::FileWriter::Open(*schema, arrow::default_memory_pool(), stream_)
        .Value(&writer_);
  }
  arrow::Status Write(const arrow::RecordBatch& batch) override {
    return writer_->WriteRecordBatch(batch);
  }
  arrow::Status Close() override { return writer_->Close(); }

 private:
  const std::shared_ptr<WriteStream> stream_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
};

class StreamWriter final : public BatchWriter {
 public:
  explicit StreamWriter(WriteText write) : stream_(std::move(write)) {}

  arrow::Status Open(const std::shared_ptr<arrow::Schema>& schema) override {
    return arrow::ipc::MakeStreamWriter(&stream_, schema).Value(&writer_);
  }
  arrow::Status Write(const arrow::RecordBatch& batch) override {
    return writer_->WriteRecordBatch(batch);
  }
  arrow::Status Close() override { return writer_->Close(); }

 private:
  WriteStream stream_;
  std::shared_ptr<arrow::ipc::RecordBatchWriter> writer_;
};

class ColumnSink final : public RowSink {
 public:
  explicit ColumnSink(std::unique_ptr<BatchWriter> writer) : writer_(std::move(writer)) {}

  Status Begin(const AnswerSchema& schema) override {
    answer_ = &schema;
    columns_.emplace(schema);
    arrow::FieldVector fields;
    for (size_t i = 0; i < columns_->values(); ++i) {
      fields.push_back(arrow::field(columns_->names()[i], arrow::utf8()));
    }
    for (const auto& aggregate : schema.aggregates) {
      fields.push_back(arrow::field(aggregate.name, ColumnType(aggregate.type)));
    }
    schema_ = arrow::schema(std::move(fields));
    return {};
  }
  Status Add(const Row& row) override {
    MURMUR_TRY(FromArrow(Open()));
    MURMUR_TRY(FromArrow(Append(row)));
    return ++rows_ % kBatchRows == 0 ? FromArrow(Flush()) : Status();
  }
  Status End() override {
    MURMUR_TRY(FromArrow(Open()));
    MURMUR_TRY(FromArrow(Flush()));
    return FromArrow(writer_->Close());
  }

 private:
  arrow::Status Open() {
    if (builder_) return arrow::Status::OK();
    ARROW_RETURN_NOT_OK(writer_->Open(schema_));
    return arrow::RecordBatchBuilder::Make(schema_, arrow::default_memory_pool()).Value(&builder_);
  }
  arrow::ArrayBuilder* Field(size_t column) const {
    return builder_->GetField(static_cast<int>(column));
  }
  arrow::Status Append(const Row& row) {
    for (size_t i = 0; i < columns_->keys(); ++i) {
      ARROW_RETURN_NOT_OK(AppendKey(Field(i), columns_->KeyAt(row, i)));
    }
    auto* window = static_cast<arrow::StringBuilder*>(Field(columns_->window()));
    ARROW_RETURN_NOT_OK(row.bucket ? window->Append(answer_->buckets.FormatStart(*row.bucket))
                                   : window->AppendNull());
    for (size_t i = 0; i < row.values.size(); ++i) {
      ARROW_RETURN_NOT_OK(
          AppendValue(Field(columns_->values() + i), answer_->aggregates[i].type, row.values[i]));
    }
    return arrow::Status::OK();
  }
  arrow::Status Flush() {
    ARROW_ASSIGN_OR_RAISE(const auto batch, builder_->Flush());
    return writer_->Write(*batch);
  }

  const std::unique_ptr<BatchWriter> writer_;
  const AnswerSchema* answer_ = nullptr;
  std::optional<FlatColumns> columns_;
  std::shared_ptr<arrow::Schema> schema_;
  std::unique_ptr<arrow::RecordBatchBuilder> builder_;
  int64_t rows_ = 0;
};

}  // namespace

std::unique_ptr<RowSink> MakeParquetFormatter(WriteText write) {
  return std::make_unique<ColumnSink>(std::make_unique<ParquetWriter>(std::move(write)));
}

std::unique_ptr<RowSink> MakeArrowFormatter(WriteText write) {
  return std::make_unique<ColumnSink>(std::make_unique<StreamWriter>(std::move(write)));
}

}  // namespace murmur
