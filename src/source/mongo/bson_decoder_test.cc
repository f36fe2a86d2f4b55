#include "source/mongo/bson_decoder.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdio>
#include <random>
#include <string>

#include "base/decimal.h"
#include "source/mongo/bson.h"

namespace murmur {
namespace {

BsonDocument Parse(std::string_view json) {
  bson_error_t error;
  bson_t* bson = bson_new_from_json(reinterpret_cast<const uint8_t*>(json.data()),
                                    static_cast<ssize_t>(json.size()), &error);
  if (bson == nullptr) {
    ADD_FAILURE() << json << ": " << error.message;
    return BsonDocument();
  }
  return BsonDocument(bson);
}

// A path from names and list indices: {"a", 0u}.
FieldRequest Field(std::vector<FieldPath::Step> steps) { return {.path = {std::move(steps)}}; }
FieldRequest TimeField(std::string name, TimeUnit unit = TimeUnit::kNone) {
  return {.path = {{std::move(name)}}, .as_time = true, .unit = unit};
}

std::string Describe(const Cell& cell) {
  switch (cell.kind) {
    case Kind::kNull: return "null";
    case Kind::kBool: return cell.i != 0 ? "true" : "false";
    case Kind::kInt: return "int " + std::to_string(cell.i);
    case Kind::kDouble: {
      char text[32];
      std::snprintf(text, sizeof text, "double %.17g", cell.d);
      return text;
    }
    case Kind::kDecimal: return "decimal " + FormatDecimal(cell.decimal(), cell.scale);
    case Kind::kString: return "string " + std::string(cell.text());
    case Kind::kTime: return "time " + std::to_string(cell.i);
    case Kind::kJson: return "json " + std::string(cell.text());
  }
  return "";
}

// Decodes documents one by one, each into the first row of a new batch.
class Decoding {
 public:
  explicit Decoding(std::vector<FieldRequest> fields)
      : decoder_(Projection{fields}), columns_(fields.size()) {}

  bool Decode(const BsonDocument& document) {
    decoder_.BeginBatch();
    return decoder_.Decode(document.data(), document.size(), 0, &columns_, &dead_);
  }
  // The cell of the only field.
  std::string Read(const BsonDocument& document) {
    return Decode(document) ? Describe(columns_[0].cells[0]) : "refused: " + dead_.detail;
  }
  std::string Read(std::string_view json) {
    document_ = Parse(json);
    return Read(document_);
  }
  std::vector<std::string> ReadAll(std::string_view json) {
    document_ = Parse(json);
    if (!Decode(document_)) return {"refused: " + dead_.detail};
    std::vector<std::string> cells;
    for (const Column& column : columns_) cells.push_back(Describe(column.cells[0]));
    return cells;
  }
  const DeadLetter& dead() const { return dead_; }
  const Cell& cell() const { return columns_[0].cells[0]; }

 private:
  BsonDecoder decoder_;
  std::vector<Column> columns_;
  BsonDocument document_;
  DeadLetter dead_;
};

struct Case {
  std::string value;
  std::string cell;
};

TEST(BsonDecoderTest, EveryTypeHasItsCell) {
  Decoding decoding({Field({"v"})});
  for (const Case& c : std::vector<Case>{
           {R"({"$numberInt": "-7"})", "int -7"},
           {R"({"$numberLong": "9223372036854775807"})", "int 9223372036854775807"},
           {R"({"$numberDouble": "0.1"})", "double 0.10000000000000001"},
           {R"({"$numberDouble": "2.0"})", "double 2"},
           {R"({"$numberDouble": "-Infinity"})", "double -inf"},
           {R"("")", "string "},
           {R"("é€")", "string é€"},
           {R"({"$symbol": "s"})", "string s"},
           {R"({"$code": "f;"})", "string f;"},
           {"true", "true"},
           {"false", "false"},
           {"null", "null"},
           {R"({"$undefined": true})", "null"},
           {R"({"$date": {"$numberLong": "1700000000123"}})", "time 1700000000123000"},
           {R"({"$date": {"$numberLong": "-1"}})", "time -1000"},
           {R"({"$timestamp": {"t": 4294967295, "i": 7}})", "time 4294967295000000"},
           {R"({"$oid": "65f000000000000000ABCDEF"})", "string 65f000000000000000abcdef"},
           {R"({"$binary": {"base64": "+B1Prn3sEdCnZQCgyR5r9g==", "subType": "04"}})",
            "string f81d4fae-7dec-11d0-a765-00a0c91e6bf6"},
           {R"({"$binary": {"base64": "+B1Prn3sEdCnZQCgyR5r9g==", "subType": "03"}})",
            "string +B1Prn3sEdCnZQCgyR5r9g=="},
           {R"({"$binary": {"base64": "", "subType": "00"}})", "string "},
           {R"({"$binary": {"base64": "/w==", "subType": "00"}})", "string /w=="},
           {R"({"$binary": {"base64": "//4=", "subType": "04"}})", "string //4="},
           {R"({"$binary": {"base64": "//79", "subType": "02"}})", "string //79"},
           {"{}", "json {  }"},
           {R"({"a": [1, {"b": "x"}]})", R"(json { "a" : [ 1, { "b" : "x" } ] })"},
           {"[]", "json [  ]"},
           {R"([{}, [[]], "{ }"])", R"(json [ {  }, [ [  ] ], "{ }" ])"},
           {R"({"\" { }": {}, "b\\": []})", R"(json { "\" { }" : {  }, "b\\" : [  ] })"},
           {R"([{"$numberLong": "5"}, null])", "json [ 5, null ]"},
           {R"({"$regularExpression": {"pattern": "a.*", "options": "i"}})",
            R"(json { "$regularExpression" : { "pattern" : "a.*", "options" : "i" } })"},
           {R"({"$minKey": 1})", R"(json { "$minKey" : 1 })"},
           {R"({"$maxKey": 1})", R"(json { "$maxKey" : 1 })"},
           {R"({"$code": "f", "$scope": {}})", R"(json { "$code" : "f", "$scope" : { } })"},
       }) {
    EXPECT_EQ(decoding.Read(R"({"u": 1, "v": )" + c.value + "}"), c.cell) << c.value;
  }
  EXPECT_EQ(decoding.Read("{}"), "null");
  EXPECT_EQ(decoding.Read(R"({"V": 1, "vv": 2})"), "null");
}

TEST(BsonDecoderTest, Decimal128IsExactUpTo38Digits) {
  Decoding decoding({Field({"v"})});
  for (const Case& c : std::vector<Case>{
           {"1.00", "decimal 1"},
           {"-12.50", "decimal -12.5"},
           {"0E-6176", "decimal 0"},
           {"-0", "decimal 0"},
           {"1E+3", "decimal 1000"},
           {"9.999999999999999999999999999999999", "decimal 9.999999999999999999999999999999999"},
           {"9999999999999999999999999999999999E+4",
            "decimal 99999999999999999999999999999999990000"},
           {"1E+37", "decimal 10000000000000000000000000000000000000"},
           {"1E-38", "decimal 0.00000000000000000000000000000000000001"},
           {"10E-39", "decimal 0.00000000000000000000000000000000000001"},
           {"1E+38", "double 9.9999999999999998e+37"},
           {"9999999999999999999999999999999999E+5", "double 9.9999999999999994e+38"},
           {"-1E-39", "double -9.9999999999999993e-40"},
           {"1E-6176", "double 0"},
           {"1E+309", "refused: v: a decimal outside the range of doubles"},
           {"NaN", "double nan"},
           {"Infinity", "double inf"},
           {"-Infinity", "double -inf"},
       }) {
    EXPECT_EQ(decoding.Read(R"({"v": {"$numberDecimal": ")" + c.value + "\"}}"), c.cell) << c.value;
  }
}

TEST(BsonDecoderTest, ADecimalThatDoesNotFitIsMarkedAsRounded) {
  FieldRequest field = Field({"v"});
  field.exact_decimals = true;
  Decoding decoding({field});
  EXPECT_EQ(decoding.Read(R"({"v": {"$numberDecimal": "0.1"}})"), "decimal 0.1");
  for (const std::string text : {"1E+38", "1E-39"}) {
    EXPECT_THAT(decoding.Read(R"({"v": {"$numberDecimal": ")" + text + "\"}}"),
                ::testing::StartsWith("double "));
    EXPECT_EQ(decoding.cell().flags, Cell::kRounded);
  }
  EXPECT_EQ(decoding.Read(R"({"v": {"$numberDecimal": "NaN"}})"), "double nan");
}

TEST(BsonDecoderTest, DatesOutsideTheRangeAreInfinite) {
  Decoding decoding({Field({"v"})});
  const auto read = [&](const std::string& millis) {
    return decoding.Read(R"({"v": {"$date": {"$numberLong": ")" + millis + R"("}}})");
  };
  EXPECT_EQ(read("9223371244799999"), "time 9223371244799999000");
  EXPECT_EQ(read("9223371244800000"), "time 9223372036854775807");
  EXPECT_EQ(read("9223372036854775807"), "time 9223372036854775807");
  EXPECT_EQ(read("-9223372036854775808"), "time -9223372036854775808");
}

TEST(BsonDecoderTest, TextThatIsNotUtf8IsRefusedWhereItIsUsed) {
  BsonDocument document;
  bson_append_utf8(document.get(), "v", 1, "a\xFF", 2);
  BsonDocument inner;
  bson_append_utf8(inner.get(), "w", 1, "\xC0\x80", 2);
  bson_append_document(document.get(), "d", 1, inner.get());

  EXPECT_EQ(Decoding({Field({"u"})}).Read(document), "null");
  Decoding text({Field({"v"})});
  EXPECT_EQ(text.Read(document), "refused: v: a string that is not UTF-8");
  EXPECT_EQ(text.dead().reason, DeadReason::kInvalidUtf8);
  Decoding json({Field({"d"})});
  EXPECT_EQ(json.Read(document), "refused: d: a string in it is not UTF-8");
  EXPECT_EQ(json.dead().reason, DeadReason::kInvalidUtf8);
}

BsonDocument Nested(int depth) {
  BsonDocument document;
  for (int i = 0; i < depth; ++i) {
    BsonDocument outer;
    bson_append_document(outer.get(), "v", 1, document.get());
    document = std::move(outer);
  }
  return document;
}

TEST(BsonDecoderTest, NestedDocumentsAreWrittenWholeOrRefused) {
  Decoding decoding({Field({"v"})});
  const std::string text = decoding.Read(Nested(200));
  EXPECT_EQ(std::count(text.begin(), text.end(), '}'), 200);
  EXPECT_EQ(text.find("..."), text.npos);
  EXPECT_EQ(decoding.Read(Nested(201)), "refused: the record is no valid BSON");
}

TEST(BsonDecoderTest, ZerosInTextAreKept) {
  Decoding decoding({Field({"v"})});
  EXPECT_EQ(decoding.Read(R"({"v": "a\u0000b"})"), std::string("string a\0b", 10));
  EXPECT_EQ(decoding.Read(R"({"v": ["a\u0000b"]})"), R"(json [ "a\u0000b" ])");
}

TEST(BsonDecoderTest, StringsAreViewsIntoTheDocument) {
  Decoding decoding({Field({"v"})});
  const BsonDocument document = Parse(R"({"v": "text"})");
  ASSERT_EQ(decoding.Read(document), "string text");
  const char* begin = reinterpret_cast<const char*>(document.data());
  EXPECT_GE(decoding.cell().s, begin);
  EXPECT_LT(decoding.cell().s, begin + document.size());
}

TEST(BsonDecoderTest, CellsOfABatchLiveTogether) {
  BsonDecoder decoder(Projection{{Field({"_id"}), Field({"d"})}});
  std::vector<Column> columns(2);
  DeadLetter dead;
  const BsonDocument document =
      Parse(R"({"_id": {"$oid": "65f000000000000000000001"}, "d": {"$numberDecimal": "1.5"}})");
  decoder.BeginBatch();
  for (uint32_t row = 0; row < kBatchRows; ++row) {
    ASSERT_TRUE(decoder.Decode(document.data(), document.size(), row, &columns, &dead));
  }
  for (uint32_t row = 0; row < kBatchRows; ++row) {
    ASSERT_EQ(columns[0].cells[row].text(), "65f000000000000000000001");
    ASSERT_EQ(Describe(columns[1].cells[row]), "decimal 1.5");
  }
}

TEST(BsonDecoderTest, TimesComeFromDatesTextNumbersAndObjectIds) {
  Decoding plain({TimeField("t")});
  EXPECT_EQ(plain.Read(R"({"t": {"$date": {"$numberLong": "1500"}}})"), "time 1500000");
  EXPECT_EQ(plain.Read(R"({"t": {"$timestamp": {"t": 2, "i": 1}}})"), "time 2000000");
  EXPECT_EQ(plain.Read(R"({"t": "1970-01-01T00:00:01.5Z"})"), "time 1500000");
  EXPECT_EQ(plain.Read(R"({"t": {"$oid": "ffffffff0000000000000000"}})"), "time 4294967295000000");
  EXPECT_EQ(plain.Read(R"({"t": "soon"})"), "string soon");
  EXPECT_EQ(plain.Read(R"({"t": 12})"), "int 12");
  EXPECT_EQ(plain.Read(R"({"t": true})"), "true");

  Decoding seconds({TimeField("t", TimeUnit::kSeconds)});
  EXPECT_EQ(seconds.Read(R"({"t": 12})"), "time 12000000");
  EXPECT_EQ(seconds.Read(R"({"t": {"$numberDouble": "-0.5"}})"), "time -500000");
  EXPECT_EQ(seconds.Read(R"({"t": {"$numberDecimal": "1772366400.123456"}})"),
            "time 1772366400123456");
  EXPECT_EQ(seconds.Read(R"({"t": {"$numberLong": "9223372036854775807"}})"),
            "time 9223372036854775807");  // infinite
  EXPECT_EQ(seconds.Read(R"({"t": {"$date": {"$numberLong": "1500"}}})"), "time 1500000");
  EXPECT_EQ(Decoding({TimeField("t", TimeUnit::kNanos)}).Read(R"({"t": 1999})"), "time 1");
}

TEST(BsonDecoderTest, PathsLeadThroughDocumentsAndArrays) {
  Decoding decoding({Field({"a"}), Field({"a", "b"}), Field({"a", "b", 1u}), Field({"a", "c", "d"}),
                     Field({"a", 0u}), Field({"a", "b"}), Field({"a", "b", "1"})});
  using testing::ElementsAre;
  EXPECT_THAT(decoding.ReadAll(R"({"x": {"a": 0}, "a": {"b": [5, 6], "c": {"d": "e"}}})"),
              ElementsAre(R"(json { "b" : [ 5, 6 ], "c" : { "d" : "e" } })", "json [ 5, 6 ]",
                          "int 6", "string e", "null", "json [ 5, 6 ]", "null"));
  EXPECT_THAT(decoding.ReadAll(R"({"a": [{"b": 1}, 2]})"),
              ElementsAre(R"(json [ { "b" : 1 }, 2 ])", "null", "null", "null",
                          R"(json { "b" : 1 })", "null", "null"));
  EXPECT_THAT(decoding.ReadAll(R"({"a": 3})"),
              ElementsAre("int 3", "null", "null", "null", "null", "null", "null"));
  EXPECT_THAT(decoding.ReadAll(R"({"a": {"b": {"1": 9}, "c": []}})"),
              ElementsAre(R"(json { "b" : { "1" : 9 }, "c" : [  ] })", R"(json { "1" : 9 })",
                          "null", "null", "null", R"(json { "1" : 9 })", "int 9"));
}

TEST(BsonDecoderTest, TheLastOfANameThatOccursTwiceCounts) {
  BsonDocument document;
  bson_append_int32(document.get(), "v", 1, 1);
  bson_append_int32(document.get(), "v", 1, 2);
  EXPECT_EQ(Decoding({Field({"v"})}).Read(document), "int 2");
  BsonDocument nested;
  const BsonDocument first = Parse(R"({"b": 1})");
  bson_append_document(nested.get(), "a", 1, first.get());
  bson_append_int32(nested.get(), "a", 1, 2);
  EXPECT_EQ(Decoding({Field({"a", "b"})}).Read(nested), "null");
}

TEST(BsonDecoderTest, DamagedBytesAreRefusedAndNeverReadBeyond) {
  const BsonDocument document = Parse(
      R"({"_id": 1, "s": "text", "d": {"x": [1, "y", {"$oid": "65f000000000000000000001"}]},
          "n": {"$numberDecimal": "1.5"}, "b": {"$binary": {"base64": "AAEC", "subType": "00"}}})");
  BsonDecoder decoder(Projection{{Field({"s"}), Field({"d"}), Field({"d", "x", 1u}), Field({"n"}),
                                  Field({"b"}), TimeField("_id")}});
  std::vector<Column> columns(6);
  DeadLetter dead;
  constexpr uint32_t kSeed = 3;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  std::mt19937 random(kSeed);
  for (size_t size = 0; size < document.size(); ++size) {
    const std::vector<uint8_t> cut(document.data(), document.data() + size);
    EXPECT_FALSE(decoder.Decode(cut.data(), cut.size(), 0, &columns, &dead));
    EXPECT_EQ(dead.reason, DeadReason::kUndecodable);
  }
  for (int i = 0; i < 20000; ++i) {
    std::vector<uint8_t> bytes(document.data(), document.data() + document.size());
    for (size_t left = 1 + random() % 3; left > 0; --left) {
      bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    }
    decoder.BeginBatch();
    decoder.Decode(bytes.data(), bytes.size(), 0, &columns, &dead);
  }
}

TEST(BsonDecoderTest, AnElementWithoutAnEndIsRefused) {
  // {"v": 1}, and then a type and a name that nothing ends but the document.
  const std::vector<uint8_t> bytes = {14, 0, 0, 0, 0x10, 'v', 0, 1, 0, 0, 0, 0x10, 'w', 0};
  BsonDecoder decoder(Projection{{Field({"v"})}});
  std::vector<Column> columns(1);
  DeadLetter dead;
  EXPECT_FALSE(decoder.Decode(bytes.data(), bytes.size(), 0, &columns, &dead));
  EXPECT_EQ(dead.reason, DeadReason::kUndecodable);
}

std::string ProjectionFor(std::vector<FieldRequest> fields) {
  BsonDocument document;
  AppendServerProjection(Projection{std::move(fields)}, document.get());
  const BsonText text(bson_as_relaxed_extended_json(document.get(), nullptr));
  return text.get();
}

TEST(ServerProjectionTest, NamesWhatIsNeeded) {
  EXPECT_EQ(ProjectionFor({}), R"({ "_id" : 1 })");
  EXPECT_EQ(ProjectionFor({Field({"b", "c"}), Field({"a"}), Field({"a"})}),
            R"({ "_id" : 1, "a" : 1, "b.c" : 1 })");
}

TEST(ServerProjectionTest, PathsDoNotCollide) {
  EXPECT_EQ(ProjectionFor({Field({"a", "b"}), Field({"a"}), Field({"a", "c", "d"}),
                           Field({"a-b", "x"}), Field({"a-b", "y"}), Field({"_id", "x"})}),
            R"({ "_id" : 1, "a" : 1, "a-b.x" : 1, "a-b.y" : 1 })");
}

TEST(ServerProjectionTest, ListIndicesAndNamesThatCanNotBeSaidCutThePath) {
  EXPECT_EQ(ProjectionFor({Field({"a", 0u, "b"}), Field({"c", "$d"}), Field({"e", "f", "g.h"}),
                           Field({"i", ""})}),
            R"({ "_id" : 1, "a" : 1, "c" : 1, "e.f" : 1, "i" : 1 })");
  for (const char* name : {"$a", "a.b", ""}) {
    EXPECT_EQ(ProjectionFor({Field({"x"}), Field({name, "y"})}), "{ }") << name;
  }
}

}  // namespace
}  // namespace murmur
