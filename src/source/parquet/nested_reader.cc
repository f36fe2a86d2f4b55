// Lists, maps and whole structs, through Arrow arrays: slower than the flat reader, but Arrow's
// reader knows every shape of repetition levels.
#include <arrow/api.h>
#include <arrow/extension_type.h>
#include <arrow/util/float16.h>
#include <fmt/format.h>
#include <parquet/arrow/reader.h>
#include <parquet/exception.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/decimal.h"
#include "murmur/arena.h"
#include "murmur/key.h"
#include "source/parquet/field_reader.h"

namespace murmur::parquet_source {
namespace {

constexpr Refusal kUnknownType{DeadReason::kWrongType, "has a type that is not supported"};
constexpr Refusal kLongJson{DeadReason::kTooLong, "is longer than max_record"};
constexpr Refusal kDeepJson{DeadReason::kWrongType, "is nested too deeply"};
constexpr int kJsonDepthMax = 64;

template <class T>
T ValueOrThrow(arrow::Result<T> result) {
  if (!result.ok()) throw parquet::ParquetStatusException(result.status());
  return std::move(result).ValueUnsafe();
}

TimeUnit UnitOf(arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND: return TimeUnit::kSeconds;
    case arrow::TimeUnit::MILLI: return TimeUnit::kMillis;
    case arrow::TimeUnit::NANO: return TimeUnit::kNanos;
    case arrow::TimeUnit::MICRO: break;
  }
  return TimeUnit::kMicros;
}

template <class Array>
const Array& As(const arrow::Array& array) {
  return static_cast<const Array&>(array);
}

// Values of arrays as cells. Memory that cells point to is kept until Reset.
class ValueReader {
 public:
  explicit ValueReader(uint64_t max_value_bytes) : max_value_bytes_(max_value_bytes) {}

  void Reset() { arena_.Reset(); }

  // The value of `array` at `row`; objects and lists as JSON text.
  const Refusal* Value(const arrow::Array& array, int64_t row, Cell* cell) {
    *cell = Cell::Null();
    if (array.IsNull(row)) return nullptr;
    if (!IsNested(*array.type())) return Scalar(array, row, cell);
    json_.clear();
    if (const Refusal* refusal = AppendJson(array, row, 0)) return refusal;
    char* copy = static_cast<char*>(arena_.Allocate(json_.size()));
    std::copy(json_.begin(), json_.end(), copy);
    *cell = Cell::Json({copy, json_.size()});
    return nullptr;
  }

 private:
  static bool IsNested(const arrow::DataType& type) { return arrow::is_nested(type.id()); }

  const Refusal* Scalar(const arrow::Array& array, int64_t row, Cell* cell) {
    using arrow::Type;
    switch (array.type_id()) {
      case Type::NA: return nullptr;
      case Type::BOOL:
        *cell = Cell::Bool(As<arrow::BooleanArray>(array).Value(row));
        return nullptr;
      case Type::INT8: return Int(As<arrow::Int8Array>(array).Value(row), cell);
      case Type::INT16: return Int(As<arrow::Int16Array>(array).Value(row), cell);
      case Type::INT32: return Int(As<arrow::Int32Array>(array).Value(row), cell);
      case Type::INT64: return Int(As<arrow::Int64Array>(array).Value(row), cell);
      case Type::DURATION: return Int(As<arrow::DurationArray>(array).Value(row), cell);
      case Type::UINT8: return Int(As<arrow::UInt8Array>(array).Value(row), cell);
      case Type::UINT16: return Int(As<arrow::UInt16Array>(array).Value(row), cell);
      case Type::UINT32: return Int(As<arrow::UInt32Array>(array).Value(row), cell);
      case Type::UINT64: return UnsignedCell(As<arrow::UInt64Array>(array).Value(row), cell);
      case Type::FLOAT: return Double(As<arrow::FloatArray>(array).Value(row), cell);
      case Type::DOUBLE: return Double(As<arrow::DoubleArray>(array).Value(row), cell);
      case Type::HALF_FLOAT: {
        const uint16_t bits = As<arrow::HalfFloatArray>(array).Value(row);
        return Double(arrow::util::Float16::FromBits(bits).ToDouble(), cell);
      }
      case Type::STRING:
      case Type::BINARY:
        return TextCell(As<arrow::BinaryArray>(array).GetView(row), max_value_bytes_, cell);
      case Type::LARGE_STRING:
      case Type::LARGE_BINARY:
        return TextCell(As<arrow::LargeBinaryArray>(array).GetView(row), max_value_bytes_, cell);
      case Type::STRING_VIEW:
      case Type::BINARY_VIEW:
        return TextCell(As<arrow::BinaryViewArray>(array).GetView(row), max_value_bytes_, cell);
      case Type::FIXED_SIZE_BINARY:
        return TextCell(As<arrow::FixedSizeBinaryArray>(array).GetView(row), max_value_bytes_,
                        cell);
      case Type::EXTENSION: return Extension(As<arrow::ExtensionArray>(array), row, cell);
      case Type::DICTIONARY: {
        const auto& coded = As<arrow::DictionaryArray>(array);
        return Value(*coded.dictionary(), coded.GetValueIndex(row), cell);
      }
      default: return TimeOrDecimal(array, row, cell);
    }
  }

  const Refusal* TimeOrDecimal(const arrow::Array& array, int64_t row, Cell* cell) {
    using arrow::Type;
    const arrow::DataType& type = *array.type();
    switch (type.id()) {
      case Type::DATE32: return DateCell(As<arrow::Date32Array>(array).Value(row), cell);
      case Type::DATE64:
        return TimeCell(As<arrow::Date64Array>(array).Value(row), TimeUnit::kMillis, cell);
      case Type::TIMESTAMP:
        return TimeCell(As<arrow::TimestampArray>(array).Value(row),
                        UnitOf(static_cast<const arrow::TimestampType&>(type).unit()), cell);
      case Type::TIME32:
        return TimeOfDayCell(As<arrow::Time32Array>(array).Value(row),
                             UnitOf(static_cast<const arrow::Time32Type&>(type).unit()), cell);
      case Type::TIME64:
        return TimeOfDayCell(As<arrow::Time64Array>(array).Value(row),
                             UnitOf(static_cast<const arrow::Time64Type&>(type).unit()), cell);
      case Type::DECIMAL32:
      case Type::DECIMAL64:
      case Type::DECIMAL128:
      case Type::DECIMAL256: return Decimal(As<arrow::FixedSizeBinaryArray>(array), row, cell);
      default: return &kUnknownType;
    }
  }

  static const Refusal* Int(int64_t value, Cell* cell) {
    *cell = Cell::Int(value);
    return nullptr;
  }

  static const Refusal* Double(double value, Cell* cell) {
    *cell = Cell::Double(value);
    return nullptr;
  }

  const Refusal* Decimal(const arrow::FixedSizeBinaryArray& array, int64_t row, Cell* cell) {
    const int scale = static_cast<const arrow::DecimalType&>(*array.type()).scale();
    const auto little_endian = array.GetView(row);
    std::array<uint8_t, 32> bytes;
    std::copy(little_endian.rbegin(), little_endian.rend(), bytes.begin());
    auto* digits = static_cast<Int128*>(arena_.Allocate(sizeof(Int128)));
    return DecimalCell(bytes.data(), static_cast<uint32_t>(little_endian.size()), scale, digits,
                       cell);
  }

  const Refusal* Extension(const arrow::ExtensionArray& array, int64_t row, Cell* cell) {
    const auto& type = static_cast<const arrow::ExtensionType&>(*array.type());
    const arrow::Array& storage = *array.storage();
    if (type.extension_name() != "arrow.uuid") return Value(storage, row, cell);
    char* text = static_cast<char*>(arena_.Allocate(kUuidTextBytes));
    FormatUuid(As<arrow::FixedSizeBinaryArray>(storage).GetValue(row), text);
    *cell = Cell::String({text, kUuidTextBytes});
    return nullptr;
  }

  const Refusal* AppendJson(const arrow::Array& array, int64_t row, int depth) {
    if (depth > kJsonDepthMax) return &kDeepJson;
    if (json_.size() > max_value_bytes_) return &kLongJson;
    if (array.IsNull(row)) {
      json_ += "null";
      return nullptr;
    }
    switch (array.type_id()) {
      case arrow::Type::STRUCT: return AppendStruct(As<arrow::StructArray>(array), row, depth);
      case arrow::Type::MAP: return AppendMap(As<arrow::MapArray>(array), row, depth);
      case arrow::Type::LIST: return AppendList(As<arrow::ListArray>(array), row, depth);
      case arrow::Type::LARGE_LIST: return AppendList(As<arrow::LargeListArray>(array), row, depth);
      case arrow::Type::FIXED_SIZE_LIST:
        return AppendList(As<arrow::FixedSizeListArray>(array), row, depth);
      default: break;
    }
    if (IsNested(*array.type())) return &kUnknownType;
    Cell cell;
    if (const Refusal* refusal = Scalar(array, row, &cell)) return refusal;
    AppendScalar(cell);
    return nullptr;
  }

  const Refusal* AppendStruct(const arrow::StructArray& array, int64_t row, int depth) {
    json_ += '{';
    for (int i = 0; i < array.num_fields(); ++i) {
      if (i > 0) json_ += ',';
      AppendQuoted(array.struct_type()->field(i)->name());
      json_ += ':';
      if (const Refusal* refusal = AppendJson(*array.field(i), row, depth + 1)) return refusal;
    }
    json_ += '}';
    return nullptr;
  }

  // Keys that are not strings are quoted as they print.
  const Refusal* AppendMap(const arrow::MapArray& array, int64_t row, int depth) {
    json_ += '{';
    const int64_t begin = array.value_offset(row);
    const int64_t end = begin + array.value_length(row);
    for (int64_t i = begin; i < end; ++i) {
      if (i > begin) json_ += ',';
      const size_t key_at = json_.size();
      if (const Refusal* refusal = AppendJson(*array.keys(), i, depth + 1)) return refusal;
      if (json_[key_at] != '"') {
        const std::string key = json_.substr(key_at);
        json_.resize(key_at);
        AppendQuoted(key);
      }
      json_ += ':';
      if (const Refusal* refusal = AppendJson(*array.items(), i, depth + 1)) return refusal;
    }
    json_ += '}';
    return nullptr;
  }

  template <class ListArray>
  const Refusal* AppendList(const ListArray& array, int64_t row, int depth) {
    json_ += '[';
    const int64_t begin = array.value_offset(row);
    const int64_t end = begin + array.value_length(row);
    for (int64_t i = begin; i < end; ++i) {
      if (i > begin) json_ += ',';
      if (const Refusal* refusal = AppendJson(*array.values(), i, depth + 1)) return refusal;
    }
    json_ += ']';
    return nullptr;
  }

  // JSON has no NaN and no infinity: null.
  void AppendScalar(const Cell& cell) {
    switch (cell.kind) {
      case Kind::kBool: json_ += cell.i != 0 ? "true" : "false"; break;
      case Kind::kInt: json_ += std::to_string(cell.i); break;
      case Kind::kDouble:
        json_ += std::isfinite(cell.d) ? fmt::format("{}", cell.d) : "null";
        break;
      case Kind::kDecimal: json_ += FormatDecimal(cell.decimal(), cell.scale); break;
      case Kind::kTime: AppendQuoted(FormatTime(cell.i)); break;
      case Kind::kString: AppendQuoted(cell.text()); break;
      case Kind::kJson: json_ += cell.text(); break;
      case Kind::kNull: json_ += "null"; break;
    }
  }

  void AppendQuoted(std::string_view text) {
    json_ += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') {
        json_ += '\\';
        json_ += c;
      } else if (static_cast<unsigned char>(c) < 0x20) {
        json_ += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
      } else {
        json_ += c;
      }
    }
    json_ += '"';
  }

  const uint64_t max_value_bytes_;
  Arena arena_;
  std::string json_;
};

class NestedReader final : public FieldReader {
 public:
  NestedReader(std::unique_ptr<parquet::arrow::FileReader> file,
               std::unique_ptr<arrow::RecordBatchReader> batches, FieldPath path,
               uint64_t max_value_bytes)
      : file_(std::move(file)),
        batches_(std::move(batches)),
        path_(std::move(path)),
        values_(max_value_bytes) {}

  uint32_t ReadSome(uint32_t at, uint32_t want, Column* column, std::vector<BadRow>* bad) override {
    if (at == 0) {
      values_.Reset();
      held_.clear();
    }
    if (next_ == batch_rows()) Advance();
    const auto rows = static_cast<uint32_t>(std::min<int64_t>(want, batch_rows() - next_));
    for (uint32_t row = at; row < at + rows; ++row) {
      Cell& cell = column->cells[row];
      if (const Refusal* refusal = Find(*batch_->column(0), next_++, 1, &cell)) {
        cell = Cell::Null();
        bad->push_back({row, refusal});
      }
      column->kinds |= KindBit(cell.kind);
    }
    return rows;
  }

  void Skip(uint64_t rows) override {
    while (rows > 0) {
      if (next_ == batch_rows()) Advance();
      const auto passed = std::min<uint64_t>(rows, static_cast<uint64_t>(batch_rows() - next_));
      next_ += static_cast<int64_t>(passed);
      rows -= passed;
    }
  }

 private:
  int64_t batch_rows() const { return batch_ == nullptr ? 0 : batch_->num_rows(); }

  // Cells of the current batch of records may still point into the Arrow batch that is left.
  void Advance() {
    if (batch_ != nullptr) held_.push_back(std::move(batch_));
    next_ = 0;
    do {
      batch_ = ValueOrThrow(batches_->Next());
      if (batch_ == nullptr) throw parquet::ParquetException("the column ends too early");
    } while (batch_->num_rows() == 0);
  }

  // Finds the value at path_ from `step` on, below `array` at `row`.
  const Refusal* Find(const arrow::Array& array, int64_t row, size_t step, Cell* cell) {
    *cell = Cell::Null();
    if (array.IsNull(row)) return nullptr;
    if (step == path_.steps.size()) return values_.Value(array, row, cell);
    const auto* name = std::get_if<std::string>(&path_.steps[step]);
    switch (array.type_id()) {
      case arrow::Type::STRUCT: {
        const auto& object = As<arrow::StructArray>(array);
        const int field = name != nullptr ? object.struct_type()->GetFieldIndex(*name) : -1;
        return field < 0 ? nullptr : Find(*object.field(field), row, step + 1, cell);
      }
      case arrow::Type::MAP: return FindInMap(As<arrow::MapArray>(array), row, step, cell);
      case arrow::Type::LIST: return FindInList(As<arrow::ListArray>(array), row, step, cell);
      case arrow::Type::LARGE_LIST:
        return FindInList(As<arrow::LargeListArray>(array), row, step, cell);
      case arrow::Type::FIXED_SIZE_LIST:
        return FindInList(As<arrow::FixedSizeListArray>(array), row, step, cell);
      default: return nullptr;
    }
  }

  template <class ListArray>
  const Refusal* FindInList(const ListArray& array, int64_t row, size_t step, Cell* cell) {
    const auto* index = std::get_if<uint32_t>(&path_.steps[step]);
    if (index == nullptr || static_cast<int64_t>(*index) >= array.value_length(row)) return nullptr;
    return Find(*array.values(), array.value_offset(row) + *index, step + 1, cell);
  }

  const Refusal* FindInMap(const arrow::MapArray& array, int64_t row, size_t step, Cell* cell) {
    const auto* name = std::get_if<std::string>(&path_.steps[step]);
    const int64_t begin = array.value_offset(row);
    for (int64_t i = begin; name != nullptr && i < begin + array.value_length(row); ++i) {
      Cell key;
      if (const Refusal* refusal = values_.Value(*array.keys(), i, &key)) return refusal;
      if (key.kind == Kind::kString && key.text() == *name) {
        return Find(*array.items(), i, step + 1, cell);
      }
    }
    return nullptr;
  }

  std::unique_ptr<parquet::arrow::FileReader> file_;
  std::unique_ptr<arrow::RecordBatchReader> batches_;
  const FieldPath path_;
  ValueReader values_;
  std::shared_ptr<arrow::RecordBatch> batch_;
  int64_t next_ = 0;  // row of batch_
  std::vector<std::shared_ptr<arrow::RecordBatch>> held_;
};

}  // namespace

std::unique_ptr<FieldReader> OpenNestedReader(const RowGroup& group, std::vector<int> columns,
                                              const FieldRequest& request,
                                              uint64_t max_value_bytes) {
  parquet::ArrowReaderProperties properties(/*use_threads=*/false);
  properties.set_batch_size(kBatchRows);
  properties.set_pre_buffer(false);
  properties.set_coerce_int96_timestamp_unit(arrow::TimeUnit::MICRO);
  properties.set_arrow_extensions_enabled(true);
  parquet::arrow::FileReaderBuilder builder;
  PARQUET_THROW_NOT_OK(builder.Open(group.file, group.properties, group.metadata));
  std::unique_ptr<parquet::arrow::FileReader> file =
      ValueOrThrow(builder.properties(properties)->Build());
  auto batches = ValueOrThrow(file->GetRecordBatchReader({group.index}, columns));
  return std::make_unique<NestedReader>(std::move(file), std::move(batches), request.path,
                                        max_value_bytes);
}

}  // namespace murmur::parquet_source
