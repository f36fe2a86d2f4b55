// Flat columns. Measured: a quarter of the time of Arrow's record batches, which build an array and
// a dictionary per batch.
#include <arrow/util/float16.h>
#include <parquet/column_reader.h>
#include <parquet/exception.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/civil_time.h"
#include "murmur/arena.h"
#include "source/parquet/field_reader.h"
#include "source/parquet/page_reader.h"

namespace murmur::parquet_source {
namespace {

using parquet::LogicalType;

[[noreturn]] void ThrowShortColumn() {
  throw parquet::ParquetException("the column ends before its row group does");
}

// Converters: the cell of one stored value. `row` is the value's row in the batch.
struct BoolValue {
  static constexpr Kind kKind = Kind::kBool;
  const Refusal* operator()(bool value, uint32_t, Cell* cell) const {
    *cell = Cell::Bool(value);
    return nullptr;
  }
};

struct IntValue {
  static constexpr Kind kKind = Kind::kInt;
  const Refusal* operator()(int64_t value, uint32_t, Cell* cell) const {
    *cell = Cell::Int(value);
    return nullptr;
  }
};

struct UnsignedValue {
  static constexpr Kind kKind = Kind::kInt;
  const Refusal* operator()(int32_t value, uint32_t, Cell* cell) const {
    return UnsignedCell(static_cast<uint32_t>(value), cell);
  }
  const Refusal* operator()(int64_t value, uint32_t, Cell* cell) const {
    return UnsignedCell(static_cast<uint64_t>(value), cell);
  }
};

struct DoubleValue {
  static constexpr Kind kKind = Kind::kDouble;
  const Refusal* operator()(double value, uint32_t, Cell* cell) const {
    *cell = Cell::Double(value);
    return nullptr;
  }
};

struct HalfValue {
  static constexpr Kind kKind = Kind::kDouble;
  const Refusal* operator()(parquet::FixedLenByteArray value, uint32_t, Cell* cell) const {
    *cell = Cell::Double(arrow::util::Float16::FromLittleEndian(value.ptr).ToDouble());
    return nullptr;
  }
};

struct DateValue {
  static constexpr Kind kKind = Kind::kTime;
  const Refusal* operator()(int32_t value, uint32_t, Cell* cell) const {
    return DateCell(value, cell);
  }
};

template <TimeUnit unit>
struct TimeValue {
  static constexpr Kind kKind = Kind::kTime;
  const Refusal* operator()(int64_t value, uint32_t, Cell* cell) const {
    if constexpr (unit == TimeUnit::kMicros) {
      *cell = Cell::Time(SaturateTime(value));
      return nullptr;
    }
    return TimeCell(value, unit, cell);
  }
};

struct TimeOfDayValue {
  static constexpr Kind kKind = Kind::kInt;
  TimeUnit unit;
  const Refusal* operator()(int64_t value, uint32_t, Cell* cell) const {
    return TimeOfDayCell(value, unit, cell);
  }
};

struct Int96Value {
  static constexpr Kind kKind = Kind::kTime;
  const Refusal* operator()(const parquet::Int96& value, uint32_t, Cell* cell) const {
    return Int96Cell(value.value.data(), cell);
  }
};

// Whether the values follow each other as in a PLAIN page, each after the four bytes of its length,
// and all is ASCII: then no value needs a separate check.
bool IsAsciiRun(const parquet::ByteArray* values, int64_t size) {
  constexpr uint32_t kLengthBytes = 4;
  if (size == 0) return true;
  for (int64_t i = 1; i < size; ++i) {
    if (values[i].ptr != values[i - 1].ptr + values[i - 1].len + kLengthBytes) return false;
  }
  const uint8_t* end = values[size - 1].ptr + values[size - 1].len;
  uint8_t seen = 0;
  for (const uint8_t* byte = values[0].ptr; byte != end; ++byte) seen |= *byte;
  return seen < 0x80;
}

struct TextValue {
  static constexpr Kind kKind = Kind::kString;
  uint64_t max_bytes;
  uint32_t fixed_size = 0;
  bool ascii = false;

  void Begin(const parquet::ByteArray* values, int64_t size) { ascii = IsAsciiRun(values, size); }
  const Refusal* operator()(const parquet::ByteArray& value, uint32_t, Cell* cell) const {
    if (ascii && value.len <= max_bytes) [[likely]] {
      *cell = Cell::String({reinterpret_cast<const char*>(value.ptr), value.len});
      return nullptr;
    }
    return TextCell({reinterpret_cast<const char*>(value.ptr), value.len}, max_bytes, cell);
  }
  const Refusal* operator()(parquet::FixedLenByteArray value, uint32_t, Cell* cell) const {
    return TextCell({reinterpret_cast<const char*>(value.ptr), fixed_size}, max_bytes, cell);
  }
};

struct UuidValue {
  static constexpr Kind kKind = Kind::kString;
  using Text = std::array<char, kUuidTextBytes>;
  std::vector<Text> texts = std::vector<Text>(kBatchRows);
  void Reserve(uint32_t rows) { texts.resize(rows); }
  const Refusal* operator()(parquet::FixedLenByteArray value, uint32_t row, Cell* cell) {
    FormatUuid(value.ptr, texts[row].data());
    *cell = Cell::String({texts[row].data(), kUuidTextBytes});
    return nullptr;
  }
};

struct DecimalValue {
  static constexpr Kind kKind = Kind::kDecimal;
  int scale;
  uint32_t fixed_size = 0;
  std::vector<Int128> digits = std::vector<Int128>(kBatchRows);

  void Reserve(uint32_t rows) { digits.resize(rows); }
  // Whether all values in bytes fit into 64 bits.
  bool IsNarrow() const { return fixed_size > 0 && fixed_size <= sizeof(int64_t); }

  const Refusal* operator()(int64_t value, uint32_t, Cell* cell) const {
    return SmallDecimalCell(value, scale, cell);
  }
  const Refusal* operator()(const parquet::ByteArray& value, uint32_t row, Cell* cell) {
    return DecimalCell(value.ptr, value.len, scale, &digits[row], cell);
  }
  const Refusal* operator()(parquet::FixedLenByteArray value, uint32_t row, Cell* cell) {
    return DecimalCell(value.ptr, fixed_size, scale, &digits[row], cell);
  }
};

template <class Stored>
inline constexpr bool kIsBytes = std::is_same_v<Stored, parquet::ByteArray> ||
                                 std::is_same_v<Stored, parquet::FixedLenByteArray>;

// The scale of the cells that a converter makes, as Column::scale.
template <class Stored, class Convert>
uint8_t ScaleOf(const Convert& convert) {
  if constexpr (Convert::kKind == Kind::kDecimal) {
    if (!kIsBytes<Stored> || convert.IsNarrow()) return static_cast<uint8_t>(convert.scale);
  }
  return Column::kMixedScale;
}

template <class Type, class Convert>
class FlatReader final : public FieldReader {
 public:
  using Stored = typename Type::c_type;

  FlatReader(std::shared_ptr<parquet::ColumnReader> reader, Convert convert)
      : reader_(std::static_pointer_cast<parquet::TypedColumnReader<Type>>(std::move(reader))),
        levels_max_(reader_->descr()->max_definition_level()),
        convert_(std::move(convert)) {}

  uint32_t ReadSome(uint32_t at, uint32_t want, Column* column, std::vector<BadRow>* bad) override {
    if (at == 0) copies_.Reset();
    int64_t found = 0;
    const int64_t read = reader_->ReadBatch(want, levels_.data(), nullptr, values_.get(), &found);
    if (read <= 0) ThrowShortColumn();
    const auto rows = static_cast<uint32_t>(read);
    if constexpr (requires { convert_.Begin(values_.get(), found); }) {
      convert_.Begin(values_.get(), found);
    }
    if (found == read) {
      for (uint32_t i = 0; i < rows; ++i) Put(values_[i], at + i, column, bad);
    } else {
      PutWithNulls(found, at, rows, column, bad);
    }
    column->kinds |= KindBit(Convert::kKind);
    column->scale = ScaleOf<Stored>(convert_);
    if constexpr (kIsBytes<Stored> && Convert::kKind == Kind::kString) {
      // The next read may leave the page that these strings point into.
      if (rows < want) CopyTexts(column->cells.data() + at, rows);
    }
    return rows;
  }

  void Skip(uint64_t rows) override {
    if (reader_->Skip(static_cast<int64_t>(rows)) != static_cast<int64_t>(rows)) {
      ThrowShortColumn();
    }
  }

 private:
  void Put(const Stored& value, uint32_t row, Column* column, std::vector<BadRow>* bad) {
    const Refusal* refusal = convert_(value, row, &column->cells[row]);
    if (refusal != nullptr) [[unlikely]] {
      column->cells[row] = Cell::Null();
      bad->push_back({row, refusal});
    }
  }

  void PutWithNulls(int64_t found, uint32_t at, uint32_t rows, Column* column,
                    std::vector<BadRow>* bad) {
    int64_t next = 0;
    for (uint32_t i = 0; i < rows; ++i) {
      if (levels_[i] != levels_max_) {
        column->cells[at + i] = Cell::Null();
      } else if (next < found) {
        Put(values_[next++], at + i, column, bad);
      } else {
        ThrowShortColumn();
      }
    }
    column->kinds |= KindBit(Kind::kNull);
  }

  void CopyTexts(Cell* cells, uint32_t rows) {
    size_t bytes = 0;
    for (uint32_t i = 0; i < rows; ++i) bytes += cells[i].len;
    if (bytes == 0) return;
    char* copy = static_cast<char*>(copies_.Allocate(bytes));
    for (uint32_t i = 0; i < rows; ++i) {
      if (cells[i].len == 0) continue;
      std::memcpy(copy, cells[i].s, cells[i].len);
      cells[i].s = copy;
      copy += cells[i].len;
    }
  }

  std::shared_ptr<parquet::TypedColumnReader<Type>> reader_;
  const int16_t levels_max_;
  Convert convert_;
  Arena copies_;
  std::array<int16_t, kBatchRows> levels_;
  std::unique_ptr<Stored[]> values_ = std::make_unique<Stored[]>(kBatchRows);
};

// A column chunk whose pages all use one dictionary: each entry is converted once.
template <class Type, class Convert>
class DictionaryReader final : public FieldReader {
 public:
  using Stored = typename Type::c_type;

  DictionaryReader(std::shared_ptr<parquet::ColumnReader> reader, Convert convert)
      : reader_(std::static_pointer_cast<parquet::TypedColumnReader<Type>>(std::move(reader))),
        levels_max_(reader_->descr()->max_definition_level()),
        convert_(std::move(convert)) {}

  uint32_t ReadSome(uint32_t at, uint32_t want, Column* column, std::vector<BadRow>* bad) override {
    const Stored* entries = nullptr;
    int32_t size = 0;
    int64_t found = 0;
    if (column->indices.size() < kBatchRows) column->indices.resize(kBatchRows);
    uint32_t* indices = column->indices.data() + at;
    const int64_t read = reader_->ReadBatchWithDictionary(want, levels_.data(), nullptr,
                                                          reinterpret_cast<int32_t*>(indices),
                                                          &found, &entries, &size);
    if (read <= 0 || entries == nullptr) ThrowShortColumn();
    if (id_ == 0) Load(entries, static_cast<uint32_t>(size));
    CheckRange(indices, found);
    const auto rows = static_cast<uint32_t>(read);
    if (found != read) {
      PutNulls(found, rows, indices);
      column->kinds |= KindBit(Kind::kNull);
    }
    column->kinds |= KindBit(Convert::kKind);
    column->scale = ScaleOf<Stored>(convert_);
    column->dictionary_id = id_;
    column->dictionary = cells_.data();
    column->dictionary_size = static_cast<uint32_t>(cells_.size());
    if (has_refusals_) CollectBad(at, rows, indices, bad);
    return rows;
  }

  void Skip(uint64_t rows) override {
    if (reader_->Skip(static_cast<int64_t>(rows)) != static_cast<int64_t>(rows)) {
      ThrowShortColumn();
    }
  }

 private:
  // The entry after the last is null.
  void Load(const Stored* entries, uint32_t size) {
    id_ = NewDictionaryId();
    cells_.assign(size + 1, Cell::Null());
    refusals_.assign(size + 1, nullptr);
    if constexpr (requires { convert_.Reserve(size); }) convert_.Reserve(size);
    for (uint32_t i = 0; i < size; ++i) {
      refusals_[i] = convert_(entries[i], i, &cells_[i]);
      if (refusals_[i] != nullptr) cells_[i] = Cell::Null();
      has_refusals_ |= refusals_[i] != nullptr;
    }
  }

  void CheckRange(const uint32_t* indices, int64_t found) const {
    uint32_t greatest = 0;
    for (int64_t i = 0; i < found; ++i) greatest = std::max(greatest, indices[i]);
    if (found > 0 && greatest + 1 >= cells_.size()) {
      throw parquet::ParquetException("an index lies outside the dictionary");
    }
  }

  // Moves the first `found` indices to the rows that have one, from the last on.
  void PutNulls(int64_t found, uint32_t rows, uint32_t* indices) const {
    const auto null_entry = static_cast<uint32_t>(cells_.size() - 1);
    int64_t left = found;
    for (uint32_t i = rows; i-- > 0;) {
      const bool is_null = levels_[i] != levels_max_;
      if (!is_null && left == 0) ThrowShortColumn();
      indices[i] = is_null ? null_entry : indices[--left];
    }
  }

  void CollectBad(uint32_t at, uint32_t rows, const uint32_t* indices,
                  std::vector<BadRow>* bad) const {
    for (uint32_t i = 0; i < rows; ++i) {
      if (const Refusal* refusal = refusals_[indices[i]]) bad->push_back({at + i, refusal});
    }
  }

  std::shared_ptr<parquet::TypedColumnReader<Type>> reader_;
  const int16_t levels_max_;
  Convert convert_;
  uint64_t id_ = 0;
  std::vector<Cell> cells_;
  std::vector<const Refusal*> refusals_;
  bool has_refusals_ = false;
  std::array<int16_t, kBatchRows> levels_;
};

class MissingReader final : public FieldReader {
 public:
  uint32_t ReadSome(uint32_t at, uint32_t want, Column* column, std::vector<BadRow>*) override {
    std::fill_n(column->cells.begin() + at, want, Cell::Null());
    column->kinds |= KindBit(Kind::kNull);
    return want;
  }
  void Skip(uint64_t) override {}
};

template <class Type, class Convert>
std::unique_ptr<FieldReader> Make(std::shared_ptr<parquet::ColumnReader> reader, Convert convert) {
  if constexpr (!std::is_same_v<Type, parquet::BooleanType>) {
    if (reader->GetExposedEncoding() == parquet::ExposedEncoding::DICTIONARY) {
      return std::make_unique<DictionaryReader<Type, Convert>>(std::move(reader),
                                                               std::move(convert));
    }
  }
  return std::make_unique<FlatReader<Type, Convert>>(std::move(reader), std::move(convert));
}

TimeUnit UnitOf(LogicalType::TimeUnit::unit unit) {
  switch (unit) {
    case LogicalType::TimeUnit::MILLIS: return TimeUnit::kMillis;
    case LogicalType::TimeUnit::NANOS: return TimeUnit::kNanos;
    default: return TimeUnit::kMicros;
  }
}

bool IsUnsigned(const LogicalType& type) {
  return type.is_int() && !static_cast<const parquet::IntLogicalType&>(type).is_signed();
}

// INT32 and INT64, except timestamps.
template <class Type>
std::unique_ptr<FieldReader> MakeInteger(std::shared_ptr<parquet::ColumnReader> reader) {
  const LogicalType& type = *reader->descr()->logical_type();
  if (type.is_decimal()) {
    const int scale = reader->descr()->type_scale();
    return Make<Type>(std::move(reader), DecimalValue{scale});
  }
  if (type.is_time()) {
    const auto unit = static_cast<const parquet::TimeLogicalType&>(type).time_unit();
    return Make<Type>(std::move(reader), TimeOfDayValue{UnitOf(unit)});
  }
  if (IsUnsigned(type)) return Make<Type>(std::move(reader), UnsignedValue{});
  return Make<Type>(std::move(reader), IntValue{});
}

std::unique_ptr<FieldReader> MakeTimestamp(std::shared_ptr<parquet::ColumnReader> reader) {
  using parquet::Int64Type;
  const auto& type =
      static_cast<const parquet::TimestampLogicalType&>(*reader->descr()->logical_type());
  switch (UnitOf(type.time_unit())) {
    case TimeUnit::kMillis:
      return Make<Int64Type>(std::move(reader), TimeValue<TimeUnit::kMillis>{});
    case TimeUnit::kNanos: return Make<Int64Type>(std::move(reader), TimeValue<TimeUnit::kNanos>{});
    default: return Make<Int64Type>(std::move(reader), TimeValue<TimeUnit::kMicros>{});
  }
}

std::unique_ptr<FieldReader> MakeFixed(std::shared_ptr<parquet::ColumnReader> reader,
                                       uint64_t max_value_bytes) {
  using parquet::FLBAType;
  const LogicalType& type = *reader->descr()->logical_type();
  const auto size = static_cast<uint32_t>(reader->descr()->type_length());
  const int scale = reader->descr()->type_scale();
  if (type.is_decimal()) return Make<FLBAType>(std::move(reader), DecimalValue{scale, size});
  if (type.is_UUID() && size == kUuidBytes) return Make<FLBAType>(std::move(reader), UuidValue{});
  if (type.is_float16() && size == 2) return Make<FLBAType>(std::move(reader), HalfValue{});
  return Make<FLBAType>(std::move(reader), TextValue{max_value_bytes, size});
}

std::unique_ptr<FieldReader> MakeBytes(std::shared_ptr<parquet::ColumnReader> reader,
                                       uint64_t max_value_bytes) {
  using parquet::ByteArrayType;
  if (reader->descr()->logical_type()->is_decimal()) {
    const int scale = reader->descr()->type_scale();
    return Make<ByteArrayType>(std::move(reader), DecimalValue{scale});
  }
  return Make<ByteArrayType>(std::move(reader), TextValue{max_value_bytes});
}

}  // namespace

std::unique_ptr<FieldReader> OpenFlatReader(const RowGroup& group, int column,
                                            const FieldRequest& request, uint64_t max_value_bytes) {
  const parquet::ColumnDescriptor& descriptor = *group.metadata->schema()->Column(column);
  const LogicalType& type = *descriptor.logical_type();
  // An event time that is text or a number is parsed row by row.
  const bool parsed = request.as_time && !type.is_date() && !type.is_timestamp();
  const bool wants_dictionary = descriptor.physical_type() != parquet::Type::BOOLEAN && !parsed;
  auto reader = OpenColumn(group, column, wants_dictionary);
  switch (descriptor.physical_type()) {
    case parquet::Type::BOOLEAN: return Make<parquet::BooleanType>(std::move(reader), BoolValue{});
    case parquet::Type::INT32:
      if (type.is_date()) return Make<parquet::Int32Type>(std::move(reader), DateValue{});
      return MakeInteger<parquet::Int32Type>(std::move(reader));
    case parquet::Type::INT64:
      if (type.is_timestamp()) return MakeTimestamp(std::move(reader));
      return MakeInteger<parquet::Int64Type>(std::move(reader));
    case parquet::Type::INT96: return Make<parquet::Int96Type>(std::move(reader), Int96Value{});
    case parquet::Type::FLOAT: return Make<parquet::FloatType>(std::move(reader), DoubleValue{});
    case parquet::Type::DOUBLE: return Make<parquet::DoubleType>(std::move(reader), DoubleValue{});
    case parquet::Type::BYTE_ARRAY: return MakeBytes(std::move(reader), max_value_bytes);
    case parquet::Type::FIXED_LEN_BYTE_ARRAY: return MakeFixed(std::move(reader), max_value_bytes);
    default: break;
  }
  throw parquet::ParquetException("an unknown physical type");
}

std::unique_ptr<FieldReader> OpenMissingReader() { return std::make_unique<MissingReader>(); }

}  // namespace murmur::parquet_source
