// Every type that Parquet can store, as the cell it must become.
#include <arrow/api.h>
#include <gmock/gmock.h>
#include <parquet/types.h>

#include <array>
#include <limits>

#include "source/parquet/parquet_testing.h"

namespace murmur::parquet_source {
namespace {

using parquet::ConvertedType;
using parquet::LogicalType;
using parquet::schema::PrimitiveNode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Unit = LogicalType::TimeUnit;

constexpr auto kOptional = parquet::Repetition::OPTIONAL;

parquet::schema::NodePtr Node(parquet::Type::type physical,
                              std::shared_ptr<const LogicalType> logical = LogicalType::None(),
                              int size = -1) {
  return PrimitiveNode::Make("x", kOptional, std::move(logical), physical, size);
}

parquet::ByteArray Bytes(std::string_view text) { return parquet::ByteArray(text); }

parquet::FixedLenByteArray Fixed(const char* bytes) {
  return parquet::FixedLenByteArray(reinterpret_cast<const uint8_t*>(bytes));
}

template <class Type>
ReadResult ReadValues(parquet::schema::NodePtr node,
                      const std::vector<std::optional<typename Type::c_type>>& values,
                      const std::string& path = "x") {
  return ReadBytes(WriteColumn<Type>(std::move(node), {values}), {path});
}

TEST(ParquetTypes, Booleans) {
  EXPECT_THAT(
      ReadValues<parquet::BooleanType>(Node(parquet::Type::BOOLEAN), {true, std::nullopt, false})
          .Values(),
      ElementsAre("boolean 1", "null", "boolean 0"));
}

TEST(ParquetTypes, Integers) {
  using parquet::Int32Type;
  using parquet::Int64Type;
  const auto read32 = [](int bits, bool is_signed, int32_t value) {
    return ReadValues<Int32Type>(Node(parquet::Type::INT32, LogicalType::Int(bits, is_signed)),
                                 {value})
        .Values()[0];
  };
  EXPECT_EQ(read32(8, true, -128), "integer -128");
  EXPECT_EQ(read32(16, true, -32768), "integer -32768");
  EXPECT_EQ(read32(32, true, INT32_MIN), "integer -2147483648");
  EXPECT_EQ(read32(8, false, 255), "integer 255");
  EXPECT_EQ(read32(16, false, 65535), "integer 65535");
  EXPECT_EQ(read32(32, false, -1), "integer 4294967295");
  EXPECT_THAT(ReadValues<Int64Type>(Node(parquet::Type::INT64), {INT64_MIN, INT64_MAX}).Values(),
              ElementsAre("integer -9223372036854775808", "integer 9223372036854775807"));
}

TEST(ParquetTypes, UnsignedOver63BitsIsADeadLetter) {
  const auto result = ReadValues<parquet::Int64Type>(
      Node(parquet::Type::INT64, LogicalType::Int(64, false)), {INT64_MAX, -1, 7});
  EXPECT_THAT(result.Values(), ElementsAre("integer 9223372036854775807", "integer 7"));
  ASSERT_EQ(result.dead_letters.size(), 1u);
  EXPECT_EQ(result.dead_letters[0].reason, DeadReason::kNumberOverflow);
  EXPECT_EQ(result.dead_letters[0].offset, 1u);
  EXPECT_EQ(result.dead_letters[0].object, "f.parquet");
  EXPECT_THAT(result.dead_letters[0].detail, HasSubstr("field 'x' is an unsigned integer over"));
  EXPECT_EQ(result.records[1].offset, 2u);
}

TEST(ParquetTypes, Floats) {
  EXPECT_THAT(ReadValues<parquet::FloatType>(Node(parquet::Type::FLOAT), {0.1f, -2.0f}).Values(),
              ElementsAre("float " + std::to_string(double{0.1f}), "float -2.000000"));
  EXPECT_THAT(
      ReadValues<parquet::DoubleType>(Node(parquet::Type::DOUBLE),
                                      {0.1, std::numeric_limits<double>::infinity(), std::nullopt})
          .Values(),
      ElementsAre("float 0.100000", "float inf", "null"));
  EXPECT_THAT(ReadValues<parquet::FLBAType>(
                  Node(parquet::Type::FIXED_LEN_BYTE_ARRAY, LogicalType::Float16(), 2),
                  {Fixed("\x00\x3e"), Fixed("\x00\xc0")})
                  .Values(),
              ElementsAre("float 1.500000", "float -2.000000"));
}

TEST(ParquetTypes, Decimals) {
  const auto decimal = [](int precision, int scale) {
    return LogicalType::Decimal(precision, scale);
  };
  EXPECT_THAT(ReadValues<parquet::Int32Type>(Node(parquet::Type::INT32, decimal(9, 2)),
                                             {-150, std::nullopt, 999999999})
                  .Values(),
              ElementsAre("decimal -1.50", "null", "decimal 9999999.99"));
  EXPECT_THAT(ReadValues<parquet::Int64Type>(Node(parquet::Type::INT64, decimal(18, 18)),
                                             {-1, 123456789012345678})
                  .Values(),
              ElementsAre("decimal -0.000000000000000001", "decimal 0.123456789012345678"));
  EXPECT_THAT(
      ReadValues<parquet::ByteArrayType>(Node(parquet::Type::BYTE_ARRAY, decimal(20, 3)),
                                         {Bytes("\xff"), Bytes(std::string_view("\x01\x00", 2))})
          .Values(),
      ElementsAre("decimal -0.001", "decimal 0.256"));
  // 10^38 - 1 and its negative, computed by Python's int.to_bytes.
  EXPECT_THAT(ReadValues<parquet::FLBAType>(
                  Node(parquet::Type::FIXED_LEN_BYTE_ARRAY, decimal(38, 0), 16),
                  {Fixed("\x4b\x3b\x4c\xa8\x5a\x86\xc4\x7a\x09\x8a\x22\x3f\xff\xff\xff\xff"),
                   Fixed("\xb4\xc4\xb3\x57\xa5\x79\x3b\x85\xf6\x75\xdd\xc0\x00\x00\x00\x01")})
                  .Values(),
              ElementsAre("decimal 99999999999999999999999999999999999999",
                          "decimal -99999999999999999999999999999999999999"));
}

TEST(ParquetTypes, WideDecimalsAreReadWhereTheyFit) {
  std::array<char, 20> small;
  small.fill('\xff');
  std::array<char, 20> large{};
  large[0] = 1;
  const auto result = ReadValues<parquet::FLBAType>(
      Node(parquet::Type::FIXED_LEN_BYTE_ARRAY, LogicalType::Decimal(46, 1), 20),
      {Fixed(small.data()), Fixed(large.data())});
  EXPECT_THAT(result.Values(), ElementsAre("decimal -0.1"));
  ASSERT_EQ(result.dead_letters.size(), 1u);
  EXPECT_EQ(result.dead_letters[0].reason, DeadReason::kNumberOverflow);
}

TEST(ParquetTypes, Texts) {
  const auto read = [](std::shared_ptr<const LogicalType> type, std::string_view text) {
    return ReadValues<parquet::ByteArrayType>(Node(parquet::Type::BYTE_ARRAY, std::move(type)),
                                              {Bytes(text)})
        .Values()[0];
  };
  EXPECT_EQ(read(LogicalType::String(), "héllo"), "string héllo");
  EXPECT_EQ(read(LogicalType::Enum(), "RED"), "string RED");
  EXPECT_EQ(read(LogicalType::JSON(), R"({"a":1})"), R"(string {"a":1})");
  EXPECT_EQ(read(LogicalType::None(), "plain bytes"), "string plain bytes");
  EXPECT_EQ(read(LogicalType::String(), ""), "string ");
  EXPECT_THAT(ReadValues<parquet::FLBAType>(
                  Node(parquet::Type::FIXED_LEN_BYTE_ARRAY, LogicalType::None(), 3), {Fixed("abc")})
                  .Values(),
              ElementsAre("string abc"));
  EXPECT_THAT(
      ReadValues<parquet::FLBAType>(
          Node(parquet::Type::FIXED_LEN_BYTE_ARRAY, LogicalType::UUID(), 16),
          {Fixed("\xf8\x1d\x4f\xae\x7d\xec\x11\xd0\xa7\x65\x00\xa0\xc9\x1e\x6b\xf6"), std::nullopt})
          .Values(),
      ElementsAre("string f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "null"));
}

TEST(ParquetTypes, TextMustBeUtf8) {
  const std::string surrogate = "\xed\xa0\x80";
  const std::vector<std::optional<parquet::ByteArray>> values = {
      Bytes("a"), Bytes("b\xff"), std::nullopt, Bytes(surrogate), Bytes("é"), Bytes("b\xff")};
  for (const bool dictionary : {true, false}) {
    parquet::WriterProperties::Builder properties;
    dictionary ? properties.enable_dictionary() : properties.disable_dictionary();
    const auto result = ReadBytes(
        WriteColumn<parquet::ByteArrayType>(Node(parquet::Type::BYTE_ARRAY, LogicalType::String()),
                                            {values}, properties.build()),
        {"x"});
    EXPECT_THAT(result.Values(), ElementsAre("string a", "null", "string é"));
    ASSERT_EQ(result.dead_letters.size(), 3u);
    for (const DeadLetter& letter : result.dead_letters) {
      EXPECT_EQ(letter.reason, DeadReason::kInvalidUtf8);
    }
    EXPECT_EQ(result.dead_letters[2].offset, 5u);
  }
}

TEST(ParquetTypes, LongTextIsADeadLetter) {
  Definition definition;
  definition.max_record_bytes = 4;
  for (const bool dictionary : {true, false}) {
    parquet::WriterProperties::Builder properties;
    dictionary ? properties.enable_dictionary() : properties.disable_dictionary();
    const auto result = ReadBytes(
        WriteColumn<parquet::ByteArrayType>(Node(parquet::Type::BYTE_ARRAY, LogicalType::String()),
                                            {{Bytes("abcd"), Bytes("abcde")}}, properties.build()),
        {"x"}, definition);
    EXPECT_THAT(result.Values(), ElementsAre("string abcd"));
    ASSERT_EQ(result.dead_letters.size(), 1u);
    EXPECT_EQ(result.dead_letters[0].reason, DeadReason::kTooLong);
  }
}

TEST(ParquetTypes, Timestamps) {
  const auto read = [](Unit::unit unit, bool utc, std::vector<std::optional<int64_t>> values) {
    return ReadValues<parquet::Int64Type>(
               Node(parquet::Type::INT64, LogicalType::Timestamp(utc, unit)), values)
        .Values();
  };
  EXPECT_THAT(
      read(Unit::MILLIS, true, {1772323200123, -1}),
      ElementsAre("timestamp 2026-03-01T00:00:00.123Z", "timestamp 1969-12-31T23:59:59.999Z"));
  EXPECT_THAT(read(Unit::MICROS, false, {1772323200000001, std::nullopt}),
              ElementsAre("timestamp 2026-03-01T00:00:00.000001Z", "null"));
  EXPECT_THAT(read(Unit::NANOS, true, {1772323200000001999, -1}),
              ElementsAre("timestamp 2026-03-01T00:00:00.000001Z",
                          "timestamp 1969-12-31T23:59:59.999999Z"));
}

TEST(ParquetTypes, TimesOutOfRangeAreInfinite) {
  for (const auto unit : {Unit::MILLIS, Unit::MICROS}) {
    // As DuckDB writes its infinities.
    const auto result = ReadValues<parquet::Int64Type>(
        Node(parquet::Type::INT64, LogicalType::Timestamp(true, unit)), {INT64_MAX, -INT64_MAX, 0});
    EXPECT_THAT(result.Values(), ElementsAre("timestamp infinity", "timestamp -infinity",
                                             "timestamp 1970-01-01T00:00:00Z"));
  }
  const auto days = ReadValues<parquet::Int32Type>(Node(parquet::Type::INT32, LogicalType::Date()),
                                                   {INT32_MAX, -INT32_MAX});
  EXPECT_THAT(days.Values(), ElementsAre("timestamp infinity", "timestamp -infinity"));
}

TEST(ParquetTypes, DatesAndTimesOfDay) {
  EXPECT_THAT(
      ReadValues<parquet::Int32Type>(Node(parquet::Type::INT32, LogicalType::Date()), {20513, -1})
          .Values(),
      ElementsAre("timestamp 2026-03-01T00:00:00Z", "timestamp 1969-12-31T00:00:00Z"));
  EXPECT_THAT(ReadValues<parquet::Int32Type>(
                  Node(parquet::Type::INT32, LogicalType::Time(true, Unit::MILLIS)), {1500})
                  .Values(),
              ElementsAre("integer 1500000"));
  EXPECT_THAT(ReadValues<parquet::Int64Type>(
                  Node(parquet::Type::INT64, LogicalType::Time(true, Unit::MICROS)), {1500})
                  .Values(),
              ElementsAre("integer 1500"));
  EXPECT_THAT(ReadValues<parquet::Int64Type>(
                  Node(parquet::Type::INT64, LogicalType::Time(true, Unit::NANOS)), {1999})
                  .Values(),
              ElementsAre("integer 1"));
}

TEST(ParquetTypes, Int96) {
  parquet::Int96 value;  // 2026-03-01 is Julian day 2461101; 1 h and 1,999 ns
  const int64_t nanos = 3600ll * 1000000000 + 1999;
  std::memcpy(value.value.data(), &nanos, sizeof(nanos));
  value.value[2] = 2461101;
  parquet::Int96 far = value;
  far.value[2] = INT32_MAX;
  const auto result =
      ReadValues<parquet::Int96Type>(Node(parquet::Type::INT96), {value, std::nullopt, far});
  EXPECT_THAT(result.Values(),
              ElementsAre("timestamp 2026-03-01T01:00:00.000001Z", "null", "timestamp infinity"));
}

TEST(ParquetTypes, OldAnnotationsMeanTheSame) {
  const auto node = [](parquet::Type::type physical, ConvertedType::type converted) {
    return PrimitiveNode::Make("x", kOptional, physical, converted);
  };
  EXPECT_THAT(ReadValues<parquet::Int64Type>(
                  node(parquet::Type::INT64, ConvertedType::TIMESTAMP_MILLIS), {1772323200000})
                  .Values(),
              ElementsAre("timestamp 2026-03-01T00:00:00Z"));
  EXPECT_THAT(
      ReadValues<parquet::Int32Type>(node(parquet::Type::INT32, ConvertedType::UINT_8), {200})
          .Values(),
      ElementsAre("integer 200"));
}

TEST(ParquetTypes, EventTimeFromTextAndNumbers) {
  EXPECT_THAT(ReadValues<parquet::ByteArrayType>(
                  Node(parquet::Type::BYTE_ARRAY, LogicalType::String()),
                  {Bytes("2026-03-01T01:00:00+01:00"), Bytes("no time"), std::nullopt}, "x@")
                  .Values(),
              ElementsAre("timestamp 2026-03-01T00:00:00Z", "string no time", "null"));
  EXPECT_THAT(
      ReadValues<parquet::Int64Type>(Node(parquet::Type::INT64), {1772323200001}, "x@").Values(),
      ElementsAre("timestamp 2026-03-01T00:00:00.001Z"));
  EXPECT_THAT(
      ReadValues<parquet::Int32Type>(Node(parquet::Type::INT32, LogicalType::Date()), {20513}, "x@")
          .Values(),
      ElementsAre("timestamp 2026-03-01T00:00:00Z"));
}

// Nested: [{user: {id, tags: [..]}, scores: {k: v}, when: [ts]}], through Arrow's own writer.
template <class Builder, class... Values>
void Append(arrow::ArrayBuilder* builder, const Values&... values) {
  for (const auto& status : {static_cast<Builder*>(builder)->Append(values)...}) {
    ASSERT_TRUE(status.ok());
  }
}

class ParquetNested : public ::testing::Test {
 protected:
  std::string Write() {
    using namespace arrow;  // NOLINT: the type functions of Arrow's schemas
    const auto user = struct_({field("id", int64()), field("tags", list(utf8()))});
    const auto type = arrow::schema({field("user", user), field("scores", map(utf8(), float64())),
                                     field("when", list(timestamp(arrow::TimeUnit::MILLI))),
                                     field("price", list(decimal128(10, 2)))});
    auto builder = RecordBatchBuilder::Make(type, default_memory_pool()).ValueOrDie();
    FillFirst(builder.get());
    FillEmpty(builder.get());
    for (int i = 0; i < builder->num_fields(); ++i) {
      EXPECT_TRUE(builder->GetField(i)->AppendNull().ok());
    }
    const std::shared_ptr<arrow::RecordBatch> rows = builder->Flush().ValueOrDie();
    const auto table = Table::FromRecordBatches({rows}).ValueOrDie();
    return WriteTable(*table, 1000);
  }

  static void FillFirst(arrow::RecordBatchBuilder* row) {
    auto* user = row->GetFieldAs<arrow::StructBuilder>(0);
    EXPECT_TRUE(user->Append().ok());
    Append<arrow::Int64Builder>(user->field_builder(0), 7);
    auto* tags = static_cast<arrow::ListBuilder*>(user->field_builder(1));
    EXPECT_TRUE(tags->Append().ok());
    Append<arrow::StringBuilder>(tags->value_builder(), "x\"\n");
    EXPECT_TRUE(tags->value_builder()->AppendNull().ok());
    Append<arrow::StringBuilder>(tags->value_builder(), "é");
    auto* scores = row->GetFieldAs<arrow::MapBuilder>(1);
    EXPECT_TRUE(scores->Append().ok());
    Append<arrow::StringBuilder>(scores->key_builder(), "a", "b");
    Append<arrow::DoubleBuilder>(scores->item_builder(), 1.5, 2.0);
    auto* when = row->GetFieldAs<arrow::ListBuilder>(2);
    EXPECT_TRUE(when->Append().ok());
    Append<arrow::TimestampBuilder>(when->value_builder(), int64_t{1772323200000});
    auto* price = row->GetFieldAs<arrow::ListBuilder>(3);
    EXPECT_TRUE(price->Append().ok());
    Append<arrow::Decimal128Builder>(price->value_builder(), arrow::Decimal128(-150));
  }

  static void FillEmpty(arrow::RecordBatchBuilder* row) {
    auto* user = row->GetFieldAs<arrow::StructBuilder>(0);
    EXPECT_TRUE(user->Append().ok());
    EXPECT_TRUE(user->field_builder(0)->AppendNull().ok());
    EXPECT_TRUE(static_cast<arrow::ListBuilder*>(user->field_builder(1))->Append().ok());
    EXPECT_TRUE(row->GetFieldAs<arrow::MapBuilder>(1)->Append().ok());
    EXPECT_TRUE(row->GetFieldAs<arrow::ListBuilder>(2)->Append().ok());
    EXPECT_TRUE(row->GetFieldAs<arrow::ListBuilder>(3)->Append().ok());
  }
};

TEST_F(ParquetNested, PathsReachStructsListsAndMaps) {
  const auto result = ReadBytes(Write(), {"user.id", "user.tags[0]", "user.tags[1]", "user.tags[2]",
                                          "user.tags[3]", "scores.b", "scores.c", "when[0]@",
                                          "price[0]", "user.id.none", "user[0]", "gone.x"});
  ASSERT_EQ(result.records.size(), 3u) << result.status.ToString();
  EXPECT_THAT(
      result.records[0].cells,
      ElementsAre("integer 7", "string x\"\n", "null", "string é", "null", "float 2.000000", "null",
                  "timestamp 2026-03-01T00:00:00Z", "decimal -1.50", "null", "null", "null"));
  for (const size_t row : {1, 2}) {
    EXPECT_THAT(result.records[row].cells, ::testing::Each("null"));
  }
}

TEST_F(ParquetNested, WholesAreJson) {
  const auto result = ReadBytes(Write(), {"user", "scores", "when", "price", "user.tags"});
  ASSERT_EQ(result.records.size(), 3u) << result.status.ToString();
  EXPECT_THAT(
      result.records[0].cells,
      ElementsAre(R"(object or list {"id":7,"tags":["x\"\u000a",null,"é"]})",
                  R"(object or list {"a":1.5,"b":2})", R"(object or list ["2026-03-01T00:00:00Z"])",
                  R"(object or list [-1.50])", R"(object or list ["x\"\u000a",null,"é"])"));
  EXPECT_THAT(result.records[1].cells,
              ElementsAre(R"(object or list {"id":null,"tags":[]})", "object or list {}",
                          "object or list []", "object or list []", "object or list []"));
  EXPECT_THAT(result.records[2].cells, ::testing::Each("null"));
}

TEST_F(ParquetNested, LongJsonIsADeadLetter) {
  Definition definition;
  definition.max_record_bytes = 20;
  const auto result = ReadBytes(Write(), {"user"}, definition);
  ASSERT_EQ(result.dead_letters.size(), 1u);
  EXPECT_EQ(result.dead_letters[0].reason, DeadReason::kTooLong);
}

}  // namespace
}  // namespace murmur::parquet_source
