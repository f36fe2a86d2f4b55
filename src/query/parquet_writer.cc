#include "query/parquet_writer.h"

#include <arrow/api.h>
#include <arrow/io/interfaces.h>
#include <parquet/arrow/writer.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace murmur {
namespace {

constexpr int64_t kRowGroupRows = 64 << 10;

Status FromArrow(const arrow::Status& status) {
  if (status.ok()) return {};
  return Status(Code::kInternal, "writing Parquet: " + status.ToString());
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

std::string TextOf(const std::string& json) {
  if (json.empty() || json[0] != '"') return json;
  return nlohmann::json::parse(json).get<std::string>();
}

// Appends JSON text to a column of the aggregate's type. An integer beyond 64 bits becomes null in
// an integer column: JSON and CSV hold it whole.
arrow::Status AppendJson(arrow::ArrayBuilder* builder, const std::string& json) {
  if (json.empty() || json == "null") return builder->AppendNull();
  const char* end = json.data() + json.size();
  if (auto* integers = dynamic_cast<arrow::Int64Builder*>(builder)) {
    int64_t v = 0;
    const auto [rest, error] = std::from_chars(json.data(), end, v);
    return error == std::errc() && rest == end ? integers->Append(v) : integers->AppendNull();
  }
  if (auto* doubles = dynamic_cast<arrow::DoubleBuilder*>(builder)) {
    double v = 0;
    const auto [rest, error] = std::from_chars(json.data(), end, v);
    return error == std::errc() && rest == end ? doubles->Append(v) : doubles->AppendNull();
  }
  return static_cast<arrow::StringBuilder*>(builder)->Append(TextOf(json));
}

class ParquetWriter final : public RowWriter {
 public:
  ParquetWriter(const Pipeline& pipeline, WriteText write)
      : keys_(KeyNames(pipeline)), stream_(std::make_shared<WriteStream>(std::move(write))) {
    arrow::FieldVector fields;
    for (const std::string& name : keys_) fields.push_back(arrow::field(name, arrow::utf8()));
    fields.push_back(arrow::field("window", arrow::utf8()));
    for (const auto& aggregate : pipeline.aggregates()) {
      const OutputType type = aggregate.monoid->output_type();
      fields.push_back(arrow::field(aggregate.name, type == OutputType::kInteger  ? arrow::int64()
                                                    : type == OutputType::kNumber ? arrow::float64()
                                                                                  : arrow::utf8()));
    }
    schema_ = arrow::schema(std::move(fields));
  }

  Status Add(const Row& row) override {
    MURMUR_TRY(FromArrow(Open()));
    MURMUR_TRY(FromArrow(Append(row)));
    return ++rows_ % kRowGroupRows == 0 ? FromArrow(Flush()) : Status();
  }
  Status Finish() override {
    MURMUR_TRY(FromArrow(Open()));
    MURMUR_TRY(FromArrow(Flush()));
    return FromArrow(writer_->Close());
  }

 private:
  arrow::Status Open() {
    if (writer_) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(
        writer_, parquet::arrow::FileWriter::Open(*schema_, arrow::default_memory_pool(), stream_));
    return arrow::RecordBatchBuilder::Make(schema_, arrow::default_memory_pool()).Value(&builder_);
  }
  arrow::Status Append(const Row& row) {
    for (size_t i = 0; i < keys_.size(); ++i) {
      const auto& parts = row.rollup->parts;
      const auto part = std::find_if(parts.begin(), parts.end(),
                                     [&](const auto& p) { return p.name == keys_[i]; });
      const std::string json =
          part == parts.end() ? "" : row.key[static_cast<size_t>(part - parts.begin())];
      ARROW_RETURN_NOT_OK(AppendJson(builder_->GetField(static_cast<int>(i)), json));
    }
    int field = static_cast<int>(keys_.size());
    ARROW_RETURN_NOT_OK(AppendJson(builder_->GetField(field++), row.window));
    for (const std::string& json : row.aggregates) {
      ARROW_RETURN_NOT_OK(AppendJson(builder_->GetField(field++), json));
    }
    return arrow::Status::OK();
  }
  arrow::Status Flush() {
    ARROW_ASSIGN_OR_RAISE(const auto batch, builder_->Flush());
    return writer_->WriteRecordBatch(*batch);
  }

  const std::vector<std::string> keys_;
  std::shared_ptr<WriteStream> stream_;
  std::shared_ptr<arrow::Schema> schema_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  std::unique_ptr<arrow::RecordBatchBuilder> builder_;
  int64_t rows_ = 0;
};

}  // namespace

std::unique_ptr<RowWriter> MakeParquetWriter(const Pipeline& pipeline, WriteText write) {
  return std::make_unique<ParquetWriter>(pipeline, std::move(write));
}

}  // namespace murmur
