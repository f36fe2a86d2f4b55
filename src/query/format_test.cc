#include "query/format.h"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <gmock/gmock.h>
#include <parquet/arrow/reader.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "query/json_format.h"

namespace murmur {
namespace {

constexpr char kDigits38[] = "12345678901234567890123456789012345678";

KeyValue TextKey(std::string text) {
  KeyValue value;
  value.kind = Kind::kString;
  value.text = std::move(text);
  return value;
}
KeyValue IntKey(int64_t i) {
  KeyValue value;
  value.kind = Kind::kInt;
  value.i = i;
  return value;
}
KeyValue DecimalKey(std::string digits) {
  KeyValue value;
  value.kind = Kind::kDecimal;
  value.text = std::move(digits);
  return value;
}
KeyValue DoubleKey(double d) {
  KeyValue value;
  value.kind = Kind::kDouble;
  value.d = d;
  return value;
}

class FormatTest : public testing::Test {
 protected:
  FormatTest() {
    schema_.rollups = {{"page", "day"}, {"page"}, {}};
    schema_.aggregates = {{"n", OutputType::kInteger},
                          {"x", OutputType::kNumber},
                          {"t", OutputType::kText},
                          {"j", OutputType::kJson}};
    schema_.exactness = "exact";
  }

  void Add(size_t rollup, std::vector<KeyValue> key, std::vector<Value> values,
           std::optional<int64_t> bucket = {}) {
    rows_.push_back(
        {.rollup = rollup, .key = std::move(key), .bucket = bucket, .values = std::move(values)});
  }
  void AddExtremes() {
    Add(0, {TextKey("a,\"b\"\nc"), IntKey(INT64_MIN)},
        {Value::Integer(INT64_MIN), Value::Double(0.1), Value::Decimal(kDigits38),
         Value::List({})});
    Add(1, {DecimalKey(kDigits38)},
        {Value::Integer(UINT64_MAX), Value::Integer(INT64_MAX), Value::Text("say \"hi\"\n"),
         Value::Double(std::numeric_limits<double>::infinity())});
    Add(2, {}, {Value::Absent(), Value::Absent(), Value::Absent(), Value::Absent()});
    Add(0, {KeyValue(), DoubleKey(std::nan(""))},
        {Value::Integer(0), Value::Integer(std::string(30, '7')), Value::Text(""),
         Value::Bool(false)});
  }

  std::string Format(RowFormat format) const {
    std::string text;
    const auto sink = MakeFormatter(format, [&text](std::string_view piece) {
      text += piece;
      return Status();
    });
    EXPECT_EQ(sink->Begin(schema_), Status());
    for (const Row& row : rows_) EXPECT_EQ(sink->Add(row), Status());
    EXPECT_EQ(sink->End(), Status());
    return text;
  }

  AnswerSchema schema_;
  std::vector<Row> rows_;
};

TEST_F(FormatTest, JsonLinesHoldEveryDigitAndEscapeEveryText) {
  AddExtremes();
  const std::string expected =
      "{\"key\": {\"page\": \"a,\\\"b\\\"\\nc\", \"day\": -9223372036854775808}, \"window\": null, "
      "\"n\": -9223372036854775808, \"x\": 0.1, "
      "\"t\": \"12345678901234567890123456789012345678\", \"j\": []}\n"
      "{\"key\": {\"page\": \"12345678901234567890123456789012345678\"}, \"window\": null, "
      "\"n\": 18446744073709551615, \"x\": 9223372036854775807, \"t\": \"say \\\"hi\\\"\\n\", "
      "\"j\": \"Infinity\"}\n"
      "{\"key\": {}, \"window\": null, \"n\": null, \"x\": null, \"t\": null, \"j\": null}\n"
      "{\"key\": {\"page\": null, \"day\": null}, \"window\": null, \"n\": 0, "
      "\"x\": 777777777777777777777777777777, \"t\": \"\", \"j\": false}\n";
  EXPECT_EQ(Format(RowFormat::kJsonLines), expected);
}

TEST_F(FormatTest, JsonWithTagSaysHowExactItIs) {
  schema_.exactness = "approximate (n: \"x\")";
  Add(2, {}, {Value::Integer(1), Value::Absent(), Value::Absent(), Value::Absent()});
  EXPECT_EQ(Format(RowFormat::kJsonWithTag),
            "{\"key\": {}, \"window\": null, \"n\": 1, \"x\": null, \"t\": null, \"j\": null, "
            "\"_exact\": \"approximate (n: \\\"x\\\")\"}\n");
}

TEST_F(FormatTest, AWindowIsAnInstantAndACalendarWindowHasAnEnd) {
  schema_.aggregates.resize(1);
  schema_.buckets.every = 3600;
  Add(2, {}, {Value::Integer(1)}, 1);
  EXPECT_EQ(Format(RowFormat::kJsonLines),
            "{\"key\": {}, \"window\": \"1970-01-01T01:00:00Z\", \"n\": 1}\n");
  schema_.buckets = {.unit = CalendarUnit::kMonth};
  Add(2, {}, {Value::Integer(1)});
  EXPECT_EQ(Format(RowFormat::kJsonLines),
            "{\"key\": {}, \"window\": \"1970-02-01T00:00:00Z\", "
            "\"window_end\": \"1970-03-01T00:00:00Z\", \"n\": 1}\n"
            "{\"key\": {}, \"window\": null, \"window_end\": null, \"n\": 1}\n");
}

TEST_F(FormatTest, CsvQuotesWhatNeedsItAndLeavesAbsentEmpty) {
  AddExtremes();
  const std::string expected =
      "page,day,window,n,x,t,j\r\n"
      "\"a,\"\"b\"\"\nc\",-9223372036854775808,,-9223372036854775808,0.1,"
      "12345678901234567890123456789012345678,[]\r\n"
      "12345678901234567890123456789012345678,,,18446744073709551615,9223372036854775807,"
      "\"say \"\"hi\"\"\n\",Infinity\r\n"
      ",,,,,,\r\n"
      "null,null,,0,777777777777777777777777777777,,false\r\n";
  EXPECT_EQ(Format(RowFormat::kCsv), expected);
}

TEST_F(FormatTest, AnEmptyAnswerIsAHeaderInTheFlatFormatsAndNothingInJson) {
  EXPECT_EQ(Format(RowFormat::kCsv), "page,day,window,n,x,t,j\r\n");
  EXPECT_EQ(Format(RowFormat::kTable), "page  day  window  n  x  t  j\n");
  EXPECT_EQ(Format(RowFormat::kJsonLines), "");
}

TEST_F(FormatTest, ATableShowsTheKnownDigitsAndAlignsNumbers) {
  schema_.rollups = {{"k"}};
  schema_.aggregates = {{"n", OutputType::kInteger}, {"q", OutputType::kJson}};
  const auto names = Value::MakeNames({"0.5", "nan"});
  const auto about = [](double v) {
    return Value::Double(v).WithError(ErrorKind::kRelative, 0.01);
  };
  Add(0, {TextKey("a\nb")},
      {Value::Integer(5), Value::Record(names, {about(12.3456), Value::Integer(7)})});
  Add(0, {TextKey("c")}, {Value::Integer(12345), about(98765.4)});
  EXPECT_EQ(Format(RowFormat::kTable),
            "k     window      n  q\n"
            "a\\nb              5  {\"0.5\": 12.3, \"nan\": 7}\n"
            "c             12345  98800\n");
}

TEST_F(FormatTest, ATableCutsLongValuesBetweenCharactersAndSaysSo) {
  schema_.rollups = {{}};
  schema_.aggregates = {{"t", OutputType::kText}};
  std::string text;
  for (int i = 0; i < 61; ++i) text += "é";
  Add(0, {}, {Value::Text(text)});
  EXPECT_EQ(Format(RowFormat::kTable), "window  t\n        " + text.substr(0, 59 * 2) +
                                           "…\n… stands for more: --format json has all of it\n");
}

TEST_F(FormatTest, ParquetHasTypedColumnsInWhichTooWideIntegersAreNull) {
  AddExtremes();
  const std::string bytes = Format(RowFormat::kParquet);
  const auto buffer = std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(bytes));
  auto reader = parquet::arrow::OpenFile(buffer, arrow::default_memory_pool());
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  const auto read = (*reader)->ReadTable();
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  const std::shared_ptr<arrow::Table> table = *read;
  ASSERT_EQ(table->num_rows(), 4);
  EXPECT_EQ(table->schema()->field(3)->type()->id(), arrow::Type::INT64);
  EXPECT_EQ(table->schema()->field(4)->type()->id(), arrow::Type::DOUBLE);
  const auto at = [&](int column, int64_t row) {
    return table->column(column)->GetScalar(row).ValueOrDie()->ToString();
  };
  EXPECT_EQ(at(0, 0), "a,\"b\"\nc");
  EXPECT_EQ(at(0, 2), "null");
  EXPECT_EQ(at(0, 3), "null") << "a key that is null";
  EXPECT_EQ(at(1, 3), "null") << "a key that is not a number";
  EXPECT_EQ(at(3, 0), "-9223372036854775808");
  EXPECT_EQ(at(3, 1), "null") << "beyond 64 bits";
  EXPECT_EQ(at(3, 2), "null");
  EXPECT_EQ(at(3, 3), "0");
  EXPECT_EQ(at(4, 0), "0.1");
  EXPECT_EQ(at(5, 0), kDigits38);
  EXPECT_EQ(at(5, 1), "say \"hi\"\n");
  EXPECT_EQ(at(5, 3), "");
  EXPECT_EQ(at(6, 0), "[]");
  EXPECT_EQ(at(6, 1), "Infinity");
  EXPECT_EQ(at(6, 3), "false");
}

// What an aggregate of someone else gives: only JSON.
TEST_F(FormatTest, GivenJsonServesEveryFormat) {
  schema_.rollups = {{}};
  Add(0, {},
      {Value::Json("7"), Value::Json("1.50"), Value::Json("\"a\\\"b\""),
       Value::Json("{\"a\": 1}")});
  EXPECT_EQ(Format(RowFormat::kJsonLines),
            "{\"key\": {}, \"window\": null, \"n\": 7, \"x\": 1.50, \"t\": \"a\\\"b\", "
            "\"j\": {\"a\": 1}}\n");
  EXPECT_EQ(Format(RowFormat::kCsv), "window,n,x,t,j\r\n,7,1.50,\"a\"\"b\",\"{\"\"a\"\": 1}\"\r\n");
}

TEST_F(FormatTest, EveryLineOfAnyTextIsJson) {
  schema_.rollups = {{"k"}};
  schema_.aggregates = {{"t", OutputType::kText}};
  for (int c = 0; c < 256; ++c) {
    const std::string text = std::string("x") + static_cast<char>(c) + "y";
    Add(0, {TextKey(text)}, {Value::Text(text)});
  }
  std::string line;
  for (const char c : Format(RowFormat::kJsonLines)) {
    if (c != '\n') {
      line += c;
      continue;
    }
    EXPECT_TRUE(nlohmann::json::accept(line)) << line;
    line.clear();
  }
}

TEST_F(FormatTest, WhatTheWriterSaysEndsTheAnswer) {
  AddExtremes();
  for (const RowFormat format :
       {RowFormat::kJsonLines, RowFormat::kTable, RowFormat::kCsv, RowFormat::kParquet}) {
    const auto sink =
        MakeFormatter(format, [](std::string_view) { return Status(Code::kUnavailable, "gone"); });
    Status status = sink->Begin(schema_);
    for (const Row& row : rows_) {
      if (status.ok()) status = sink->Add(row);
    }
    if (status.ok()) status = sink->End();
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("gone"));
  }
}

}  // namespace
}  // namespace murmur
