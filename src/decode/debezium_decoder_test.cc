#include "decode/debezium_decoder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/decimal.h"
#include "decode/json_canonical.h"
#include "murmur/key.h"
#include "murmur/row_version.h"

namespace murmur {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using Outcome = DecodedChange::Outcome;

FieldRequest Field(const std::string& name) {
  FieldRequest field;
  field.path.steps = {name};
  return field;
}
FieldRequest Time(const std::string& name, TimeUnit unit = TimeUnit::kNone) {
  FieldRequest field = Field(name);
  field.as_time = true;
  field.unit = unit;
  return field;
}
FieldRequest Exact(const std::string& name) {
  FieldRequest field = Field(name);
  field.exact_decimals = true;
  field.decimal_text = true;
  return field;
}

std::string ToText(const Cell& cell) {
  switch (cell.kind) {
    case Kind::kNull: return cell.is_unchanged() ? "unchanged" : "null";
    case Kind::kBool: return cell.i != 0 ? "true" : "false";
    case Kind::kInt: return std::to_string(cell.i);
    case Kind::kTime: return FormatTime(cell.i);
    case Kind::kDouble: return fmt::format("double {}", cell.d);
    case Kind::kDecimal: return "decimal " + FormatDecimal(cell.decimal(), cell.scale);
    case Kind::kString: return fmt::format("'{}'", cell.text());
    case Kind::kJson: return fmt::format("json {}", cell.text());
  }
  return "?";
}

// Each message is a batch of its own.
class Decoder {
 public:
  explicit Decoder(std::vector<FieldRequest> fields = {Field("a")},
                   const DebeziumOptions& options = {})
      : projection_{std::move(fields)},
        decoder_(MakeDebeziumDecoder(projection_, options)),
        columns_(projection_.fields.size()) {}

  DecodedChange Change(const std::string& key, const std::string& value) {
    decoder_->BeginBatch();
    dead = DeadLetter();
    return decoder_->Decode(key, value, 7, &columns_, &dead);
  }
  // "put KEY: CELL | CELL", "delete KEY", "nothing", "dead KEY: DETAIL", "stop: DETAIL"
  std::string Decode(const std::string& key, const std::string& value) {
    const DecodedChange change = Change(key, value);
    switch (change.outcome) {
      case Outcome::kNothing: return "nothing";
      case Outcome::kStop: return "stop: " + dead.detail;
      case Outcome::kDead: return fmt::format("dead {}: {}", change.key, dead.detail);
      case Outcome::kRow: break;
    }
    if (change.change == RowChange::kDelete) return fmt::format("delete {}", change.key);
    std::string text;
    for (const Column& column : columns_) {
      text += (text.empty() ? "" : " | ") + ToText(column.cells[7]);
    }
    return fmt::format("put {}: {}", change.key, text);
  }
  std::string Version(const std::string& value) {
    return std::string(Change(R"({"id":1})", value).version);
  }

  DeadLetter dead;

 private:
  const Projection projection_;
  std::unique_ptr<ChangeDecoder> decoder_;
  std::vector<Column> columns_;
};

std::string Envelope(const std::string& op, const std::string& after,
                     const std::string& source = R"({"connector":"none"})") {
  return fmt::format(R"({{"before":null,"after":{},"source":{},"op":"{}","ts_ms":1,)"
                     R"("transaction":null}})",
                     after, source, op);
}

// With the schema of columns {"field": …} of `after`.
std::string WithSchema(const std::string& fields, const std::string& payload) {
  return fmt::format(
      R"({{"schema":{{"type":"struct","fields":[{{"type":"struct","fields":[],"field":"before"}},)"
      R"({{"type":"struct","fields":[{}],"optional":true,"field":"after"}},)"
      R"({{"type":"string","field":"op"}}],"name":"s.t.Envelope"}},"payload":{}}})",
      fields, payload);
}

std::string Mysql(int server, const std::string& file, int pos, int row,
                  const std::string& snapshot = "false", const std::string& gtid = "null") {
  return fmt::format(R"({{"connector":"mysql","snapshot":"{}","server_id":{},"gtid":{},)"
                     R"("file":"{}","pos":{},"row":{}}})",
                     snapshot, server, gtid, file, pos, row);
}

TEST(DebeziumDecoderTest, ChangesOfRows) {
  Decoder decoder({Field("a"), Field("b")});
  for (const char* op : {"c", "r", "u"}) {
    EXPECT_EQ(decoder.Decode(R"({"id":1})", Envelope(op, R"({"id":1,"b":"x","a":2})")),
              R"(put {"id":1}: 2 | 'x')");
  }
  EXPECT_EQ(decoder.Decode(R"({"id":1})", Envelope("u", R"({"id":1,"a":2})")),
            R"(put {"id":1}: 2 | null)");
  EXPECT_EQ(decoder.Decode(R"({"id":1})", Envelope("d", "null")), R"(delete {"id":1})");
}
TEST(DebeziumDecoderTest, WithTheSchemaBesideThem) {
  Decoder decoder({Field("a")});
  const std::string key = R"({"schema":{"type":"struct","fields":[{"type":"int32","field":"id"}]},)"
                          R"("payload":{"id":1}})";
  EXPECT_EQ(decoder.Decode(key, WithSchema("", Envelope("c", R"({"a":3})"))), R"(put {"id":1}: 3)");
  EXPECT_EQ(decoder.Decode(key, WithSchema("", Envelope("d", "null"))), R"(delete {"id":1})");
  EXPECT_EQ(decoder.Decode(R"({"id":1})", Envelope("c", R"({"a":4})")), R"(put {"id":1}: 4)");
  EXPECT_EQ(decoder.Decode(key, R"({"schema":null,"payload":)" + Envelope("c", R"({"a":5})") + "}"),
            R"(put {"id":1}: 5)");
}
TEST(DebeziumDecoderTest, MembersInAnyOrderAndOnSeveralLines) {
  Decoder decoder;
  EXPECT_EQ(decoder.Decode("{ \"id\" : 1 }\n", "{\n\"op\": \"u\",\n \"after\": {\"a\":\n 1}\n}\n"),
            R"(put {"id":1}: 1)");
}
TEST(DebeziumDecoderTest, WhatIsAboutNoRow) {
  Decoder decoder;
  EXPECT_EQ(decoder.Decode(R"({"prefix":"p"})",
                           R"({"op":"m","message":{"prefix":"p","content":"eA=="}})"),
            "nothing");
  EXPECT_THAT(decoder.Decode("", R"({"before":null,"after":null,"op":"t"})"),
              StartsWith("stop: the table was truncated"));
}
TEST(DebeziumDecoderTest, WhatIsNoChange) {
  Decoder decoder;
  const auto refuses = [&](const std::string& value, const std::string& why) {
    EXPECT_THAT(decoder.Decode(R"({"id":1})", value), AllOf(StartsWith("dead"), HasSubstr(why)))
        << value;
  };
  refuses("no JSON", "the record is not JSON");
  refuses("[]", "not an object");
  refuses("{\"a\":\"\xff\"}", "not UTF-8");
  refuses(R"({"a":1})", "ExtractNewRecordState");
  refuses(R"({"op":"x","after":{"a":1}})", "`op` is none of");
  refuses(R"({"op":1,"after":{"a":1}})", "`op` is none of");
  refuses(R"({"schema":{},"payload":null})", "a message is an object");
  refuses(R"({"schema":{},"payload":{"a":1}})", "ExtractNewRecordState");
  refuses(R"({"id":1,"a":2,"__op":"c","__deleted":"false"})", "ExtractNewRecordState");
  refuses(Envelope("c", "null"), "`after` is null");
  refuses(R"({"op":"u"})", "`after` is null");
  refuses(Envelope("c", R"({"a":123456789012345678901})"), "outside the range");
}
// As Debezium writes them to separate topics.
TEST(DebeziumDecoderTest, MessagesBesideThoseOfTables) {
  const std::pair<std::string, std::string> others[] = {
      {R"({"status":"END","id":"571:53195832","event_count":2,"data_collections":[],"ts_ms":1})",
       "transactions begin and end"},
      {R"({"source":{},"databaseName":"shop","ddl":"DROP TABLE t","tableChanges":[]})",
       "how schemas change"},
      {R"({"ts_ms":1767225600000})", "heartbeats"},
  };
  for (const auto& [message, kind] : others) {
    for (const std::string& value : {message, R"({"schema":{},"payload":)" + message + "}"}) {
      EXPECT_THAT(Decoder().Decode(R"({"id":1})", value),
                  AllOf(StartsWith("dead"), HasSubstr(kind)));
      EXPECT_EQ(Decoder({Field("a")}, {.many_topics = true}).Decode(R"({"id":1})", value),
                "nothing");
    }
  }
  EXPECT_THAT(Decoder({Field("a")}, {.many_topics = true}).Decode(R"({"id":1})", R"({"a":1})"),
              StartsWith("dead"));
}
TEST(DebeziumDecoderTest, WhatLooksLikeAChange) {
  const std::string change = Envelope("c", R"({"a":1})");
  EXPECT_TRUE(LooksLikeDebezium(change));
  EXPECT_TRUE(LooksLikeDebezium(R"({"schema":{},"payload":)" + change + "}"));
  EXPECT_FALSE(LooksLikeDebezium(R"({"op":"c","source":"connector","after":{}})"));
  EXPECT_FALSE(LooksLikeDebezium(R"({"text":"\"op\" \"source\" \"connector\""})"));
  EXPECT_FALSE(LooksLikeDebezium("no JSON"));
}
TEST(DebeziumDecoderTest, ARowIsNamedThoughItCantBeRead) {
  Decoder decoder;
  EXPECT_THAT(decoder.Decode(R"({"id":1})", Envelope("c", "null")), StartsWith(R"(dead {"id":1})"));
}
TEST(DebeziumDecoderTest, WithoutAKeyNothingCanBeCounted) {
  Decoder decoder;
  for (const char* key : {"", "null", R"({"schema":{},"payload":null})"}) {
    EXPECT_THAT(decoder.Decode(key, Envelope("c", R"({"a":1})")),
                StartsWith("dead : the message has no key"));
    EXPECT_EQ(decoder.dead.reason, DeadReason::kMissingKey);
  }
  EXPECT_EQ(decoder.Decode("\x01x", Envelope("c", R"({"a":1})")),
            "dead : the message's key is not JSON");
}

TEST(DebeziumDecoderTest, ATombstoneFollowsADelete) {
  for (const bool compacted : {false, true}) {
    Decoder decoder({Field("a")}, {.compacted = compacted});
    EXPECT_EQ(decoder.Decode(R"({"id":1})", Envelope("d", "null")), R"(delete {"id":1})");
    EXPECT_EQ(decoder.Decode(R"({ "id":1})", ""), "nothing");
  }
}
TEST(DebeziumDecoderTest, WhereTheDeleteMayBeGoneATombstoneIsOne) {
  EXPECT_EQ(Decoder().Decode(R"({"id":1})", ""), "nothing");
  Decoder decoder({Field("a")}, {.compacted = true});
  EXPECT_EQ(decoder.Decode(R"({"id":1})", ""), R"(delete {"id":1})");
  EXPECT_EQ(decoder.Change(R"({"id":1})", "").version, "");
  (void)decoder.Decode(R"({"id":2})", Envelope("d", "null"));
  EXPECT_EQ(decoder.Decode(R"({"id":1})", ""), R"(delete {"id":1})");
  (void)decoder.Decode(R"({"id":2})", Envelope("d", "null"));
  (void)decoder.Decode(R"({"id":2})", Envelope("c", R"({"a":1})"));
  EXPECT_EQ(decoder.Decode(R"({"id":2})", ""), R"(delete {"id":2})");
  EXPECT_EQ(decoder.Decode("", ""), "nothing");
}

FieldRequest Within(const std::string& name, FieldPath::Step step) {
  FieldRequest field = Field(name);
  field.path.steps.push_back(std::move(step));
  return field;
}

// As Debezium 3.5 wrote them of PostgreSQL 15, but for the struct: text, json, xml; bytea in its
// three modes; text[] and varchar[]; bytea[]; int[], bigint[] and date[]; uuid[]; hstore in both of
// its modes.
TEST(DebeziumDecoderTest, ValuesThatTheDatabaseLeftOut) {
  const std::string bytes =
      "95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,118,97,"
      "108,117,101";
  const std::string forms[] = {
      R"("__debezium_unavailable_value")",
      R"("X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==")",
      R"("5f5f646562657a69756d5f756e617661696c61626c655f76616c7565")",
      R"(["__debezium_unavailable_value"])",
      R"(["X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="])",
      "[" + bytes + "]",
      "[ 95, " + bytes.substr(3) + " ]",
      R"(["b68a35a7-17ad-35b3-af2a-ae46edb4545a"])",
      R"({"__debezium_unavailable_value":"__debezium_unavailable_value"})",
      R"("{\"__debezium_unavailable_value\":\"__debezium_unavailable_value\"}")",
      R"({"wkb":"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==","srid":null})"};
  Decoder decoder(
      {Field("a"), Field("b"), Within("b", "k"), Within("b", 0u), Within("b", 7u), Time("b")});
  for (const std::string& form : forms) {
    EXPECT_EQ(decoder.Decode("1", Envelope("u", R"({"a":1,"b":)" + form + "}")),
              "put 1: 1 | unchanged | unchanged | unchanged | unchanged | unchanged")
        << form;
  }
  const std::string others[] = {"[" + bytes + ",7]",
                                "[95,95]",
                                R"(["b68a35a7"])",
                                R"(["__debezium_unavailable_value","x"])",
                                "[]",
                                "{}",
                                R"({"__debezium_unavailable_value":1})"};
  for (const std::string& other : others) {
    EXPECT_THAT(decoder.Decode("1", Envelope("u", R"({"a":1,"b":)" + other + "}")),
                Not(HasSubstr("unchanged")))
        << other;
  }
  EXPECT_EQ(Decoder().Decode("1", Envelope("u", R"({"a":1,"c":"__debezium_unavailable_value"})")),
            "put 1: 1");
}
TEST(DebeziumDecoderTest, AConnectorsOwnPlaceholder) {
  for (const char* property : {"__not_there__", "hex:5f5f6e6f745f74686572655f5f"}) {
    Decoder decoder({Field("a")}, {.placeholder = property});
    for (const char* form : {R"("__not_there__")", R"("X19ub3RfdGhlcmVfXw==")",
                             R"(["781275bb-a731-31d5-857d-58a20ea3d0fd"])",
                             "[95,95,110,111,116,95,116,104,101,114,101,95,95]"}) {
      EXPECT_EQ(decoder.Decode("1", Envelope("u", fmt::format(R"({{"a":{}}})", form))),
                "put 1: unchanged")
          << form;
    }
    EXPECT_EQ(decoder.Decode("1", Envelope("u", R"({"a":"__debezium_unavailable_value"})")),
              "put 1: '__debezium_unavailable_value'");
  }
  Decoder decoder({Field("a")}, {.placeholder = "\xc3\xa4"});  // Java's bytes have signs
  EXPECT_EQ(decoder.Decode("1", Envelope("u", R"({"a":[-61,-92]})")), "put 1: unchanged");
}

TEST(DebeziumDecoderTest, DecimalsByTheirSchema) {
  Decoder decoder({Field("d"), Exact("v")});
  const auto decoded = [&](const std::string& d, const std::string& v) {
    return decoder.Decode(
        R"({"id":1})",
        WithSchema(R"({"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","version":1,)"
                   R"("parameters":{"scale":"2","connect.decimal.precision":"10"},"field":"d"},)"
                   R"({"type":"struct","name":"io.debezium.data.VariableScaleDecimal",)"
                   R"("field":"v"})",
                   Envelope("c", fmt::format(R"({{"d":{},"v":{}}})", d, v))));
  };
  EXPECT_EQ(decoded(R"("BNI=")", R"({"scale":1,"value":"AP8="})"),
            R"(put {"id":1}: decimal 12.34 | decimal 25.5)");
  EXPECT_EQ(decoded(R"("/w==")", "null"), R"(put {"id":1}: decimal -0.01 | null)");
  EXPECT_EQ(decoded(R"("S7TKhaR/IQ==")", "null"),
            R"(put {"id":1}: decimal 213094051718428.49 | null)");
  EXPECT_EQ(decoded(R"("SztMqFqIayJFWUo3//////8=")", "null").substr(0, 25),
            R"(dead {"id":1}: d: no deci)");
  EXPECT_EQ(decoder.dead.reason, DeadReason::kNumberOverflow);
  EXPECT_THAT(decoded(R"("%%%%")", "null"), StartsWith("dead"));
  EXPECT_EQ(decoded("null", R"({"scale":-1,"value":"AP8="})"),
            R"(put {"id":1}: null | decimal 2550)");
  EXPECT_EQ(decoded("null", R"({"scale":-37,"value":"/w=="})"),
            R"(put {"id":1}: null | decimal -)" + ("1" + std::string(37, '0')));
  EXPECT_EQ(decoded("null", R"({"scale":-99,"value":"AA=="})"),
            R"(put {"id":1}: null | decimal 0)");
  for (const char* scale : {"-38", "-99", "-2147483648", "39"}) {
    EXPECT_THAT(decoded("null", fmt::format(R"({{"scale":{},"value":"AP8="}})", scale)),
                StartsWith("dead"));
  }
}
// Values as Debezium 3.5 wrote them of numeric(12,2) and numeric(12,0): without a schema the same
// text can be two numbers.
TEST(DebeziumDecoderTest, DecimalsWithoutASchema) {
  const auto decoded = [](const std::string& text, std::optional<int> scale, DecimalMode mode) {
    FieldRequest field = Exact("a");
    if (scale) field.declared = {.kind = Kind::kDecimal, .precision = 12, .scale = *scale};
    return Decoder({field}, {.decimals = mode})
        .Decode("1", Envelope("c", R"({"a":")" + text + R"("})"));
  };
  using enum DecimalMode;
  // -26588.24 is the bytes D7 6D F8, which as base64 are digits.
  EXPECT_THAT(decoded("1234", std::nullopt, kUnknown),
              AllOf(StartsWith("dead 1: a: '1234' is a number, or the bytes of another"),
                    HasSubstr("decimal.handling.mode")));
  EXPECT_EQ(decoded("1234", 2, kUnknown), "put 1: decimal -26588.24");
  EXPECT_THAT(decoded("1234", 0, kUnknown), StartsWith("dead 1: a: '1234' is a number, or"));
  EXPECT_EQ(decoded("1234", 0, kPrecise), "put 1: decimal -2658824");
  EXPECT_EQ(decoded("1234", 0, kString), "put 1: decimal 1234");
  EXPECT_EQ(decoded("1234", std::nullopt, kString), "put 1: decimal 1234");
  EXPECT_THAT(decoded("1234", std::nullopt, kPrecise),
              AllOf(StartsWith("dead"), HasSubstr("columns: {a: decimal(12,2)}")));
  // Text that is no base64 is a number's, whatever is declared.
  for (const auto scale : {std::optional<int>(), std::optional<int>(2), std::optional<int>(0)}) {
    for (const char* text : {"12.34", "-1234", "123", "12345"}) {
      EXPECT_EQ(decoded(text, scale, kUnknown), fmt::format("put 1: decimal {}", text));
    }
  }
  EXPECT_EQ(decoded("BNI=", 2, kUnknown), "put 1: decimal 12.34");
  EXPECT_EQ(decoded("BNI=", std::nullopt, kUnknown), "put 1: 'BNI='");  // nothing can take it
  EXPECT_EQ(decoded("12.34", 2, kPrecise), "put 1: '12.34'");

  FieldRequest field = Field("a");
  field.declared = {.kind = Kind::kDecimal, .precision = 38, .scale = 3};
  EXPECT_EQ(Decoder({field}).Decode("1", Envelope("c", R"({"a":{"scale":1,"value":"AP8="}})")),
            "put 1: decimal 25.5");
  // A schema says that text is text.
  EXPECT_EQ(Decoder({Exact("a")})
                .Decode("1", WithSchema(R"({"type":"string","field":"a"})",
                                        Envelope("c", R"({"a":"1234"})"))),
            "put 1: decimal 1234");
}
TEST(DebeziumDecoderTest, DecimalsAsText) {
  Decoder decoder({Exact("a"), Field("a")});
  EXPECT_EQ(decoder.Decode("1", Envelope("c", R"({"a":"-12.340"})")),
            "put 1: decimal -12.34 | '-12.340'");
  EXPECT_EQ(decoder.Decode("1", Envelope("c", R"({"a":"NaN"})")), "put 1: 'NaN' | 'NaN'");
}
TEST(DebeziumDecoderTest, TimesByTheirSchema) {
  const auto decoded = [&](const std::string& name, const std::string& value,
                           const FieldRequest& field) {
    return Decoder({field}).Decode(
        "1", WithSchema(fmt::format(R"({{"type":"int64","name":"{}","field":"t"}})", name),
                        Envelope("c", fmt::format(R"({{"t":{}}})", value))));
  };
  for (const FieldRequest& field : {Field("t"), Time("t"), Time("t", TimeUnit::kSeconds)}) {
    EXPECT_EQ(decoded("io.debezium.time.Timestamp", "1772366400123", field),
              "put 1: 2026-03-01T12:00:00.123Z");
    EXPECT_EQ(decoded("org.apache.kafka.connect.data.Timestamp", "1772366400123", field),
              "put 1: 2026-03-01T12:00:00.123Z");
    EXPECT_EQ(decoded("io.debezium.time.MicroTimestamp", "1772366400123456", field),
              "put 1: 2026-03-01T12:00:00.123456Z");
    EXPECT_EQ(decoded("io.debezium.time.NanoTimestamp", "1772366400123456789", field),
              "put 1: 2026-03-01T12:00:00.123456Z");
    EXPECT_EQ(decoded("io.debezium.time.ZonedTimestamp", R"("2026-03-01T13:00:00+01:00")", field),
              "put 1: 2026-03-01T12:00:00Z");
    EXPECT_EQ(decoded("io.debezium.time.Date", "20513", field), "put 1: 2026-03-01T00:00:00Z");
    EXPECT_EQ(decoded("io.debezium.time.IsoDate", R"("2026-03-01Z")", field),
              "put 1: 2026-03-01T00:00:00Z");
    EXPECT_EQ(decoded("io.debezium.time.IsoTimestamp", R"("2026-03-01T12:00:00Z")", field),
              "put 1: 2026-03-01T12:00:00Z");
  }
  EXPECT_EQ(decoded("io.debezium.time.MicroTime", "5", Field("t")), "put 1: 5");
}
TEST(DebeziumDecoderTest, InfiniteTimesByTheirSchema) {
  const auto decoded = [&](const std::string& name, const std::string& value) {
    return Decoder({Field("t")})
        .Decode("1", WithSchema(fmt::format(R"({{"type":"int64","name":"{}","field":"t"}})", name),
                                Envelope("c", fmt::format(R"({{"t":{}}})", value))));
  };
  for (const char* name : {"io.debezium.time.MicroTimestamp", "io.debezium.time.Timestamp"}) {
    EXPECT_EQ(decoded(name, "9223372036825200000"), "put 1: infinity");
    EXPECT_EQ(decoded(name, "9223371331200000000"), "put 1: infinity");
    EXPECT_EQ(decoded(name, "-9223372036832400000"), "put 1: -infinity");
  }
  EXPECT_EQ(decoded("io.debezium.time.Date", "2147483647"), "put 1: infinity");
  EXPECT_EQ(decoded("io.debezium.time.Date", "-2147483648"), "put 1: -infinity");
  EXPECT_EQ(decoded("io.debezium.time.ZonedTimestamp", R"("infinity")"), "put 1: infinity");
  EXPECT_EQ(decoded("io.debezium.time.ZonedTimestamp", R"("-infinity")"), "put 1: -infinity");
  // A distant time is a valid number of nanoseconds too.
  EXPECT_EQ(decoded("io.debezium.time.NanoTimestamp", "9223372036854775807"),
            "put 1: 2262-04-11T23:47:16.854775Z");
}
TEST(DebeziumDecoderTest, TimesWithoutASchema) {
  EXPECT_EQ(Decoder({Time("t", TimeUnit::kDays)}).Decode("1", Envelope("c", R"({"t":20513})")),
            "put 1: 2026-03-01T00:00:00Z");
  EXPECT_EQ(Decoder({Time("t")}).Decode("1", Envelope("c", R"({"t":"2026-03-05Z"})")),
            "put 1: 2026-03-05T00:00:00Z");
  EXPECT_EQ(Decoder({Time("t", TimeUnit::kMicros)})
                .Decode("1", Envelope("c", R"({"t":1772366400123456})")),
            "put 1: 2026-03-01T12:00:00.123456Z");
  EXPECT_EQ(Decoder({Time("t")}).Decode("1", Envelope("c", R"({"t":"2026-03-01T12:00:00Z"})")),
            "put 1: 2026-03-01T12:00:00Z");
  EXPECT_EQ(Decoder({Time("t")}).Decode("1", Envelope("c", R"({"t":17})")), "put 1: 17");
}
TEST(DebeziumDecoderTest, ASchemaThatChanges) {
  Decoder decoder({Field("t")});
  const auto decoded = [&](const std::string& name) {
    return decoder.Decode(
        "1", WithSchema(fmt::format(R"({{"type":"int64","name":"{}","field":"t"}})", name),
                        Envelope("c", R"({"t":1000})")));
  };
  EXPECT_EQ(decoded("io.debezium.time.Timestamp"), "put 1: 1970-01-01T00:00:01Z");
  EXPECT_EQ(decoded("io.debezium.time.MicroTimestamp"), "put 1: 1970-01-01T00:00:00.001Z");
  EXPECT_EQ(decoder.Decode("1", Envelope("c", R"({"t":1000})")), "put 1: 1000");
}
TEST(DebeziumDecoderTest, DocumentsOfMongo) {
  FieldRequest nested;
  nested.path.steps = {std::string("deep"), std::string("x"), uint32_t{1}};
  Decoder decoder({Field("long"), Field("name"), Field("oid"), Field("dec"), Time("at"), nested,
                   Field("other")});
  EXPECT_EQ(decoder.Decode(
                R"({"id":"{\"$oid\": \"596e275826f08b2730779e1f\"}"})",
                Envelope("u", R"("{\"_id\": 1, \"long\": {\"$numberLong\": \"12\"}, \"name\": )"
                              R"(\"\u00e9\\\"\", \"oid\": {\"$oid\": \"59\"}, \"dec\": )"
                              R"({\"$numberDecimal\": \"1.50\"}, \"at\": {\"$date\": 1000}, )"
                              R"(\"deep\": {\"x\": [0, 7]}, \"other\": {\"$a\": 1}}")")),
            R"(put {"id":"{\"$oid\": \"596e275826f08b2730779e1f\"}"}: 12 | 'é"' | '59' | )"
            R"(decimal 1.5 | 1970-01-01T00:00:01Z | 7 | json {"$a": 1})");
  EXPECT_THAT(decoder.Decode("1", Envelope("u", R"("no JSON")")), StartsWith("dead 1:"));
  EXPECT_EQ(decoder.Decode("1", Envelope("u", R"("{\"at\":{\"$date\":{\"$numberLong\":\"5\"}}}")")),
            "put 1: null | null | null | null | 1970-01-01T00:00:00.005Z | null | null");
}

// Any input is accepted or refused; the sanitizers check the rest.
TEST(DebeziumDecoderTest, MutatedMessages) {
  const std::vector<std::pair<std::string, std::string>> messages = {
      {R"({"schema":{"type":"struct"},"payload":{"id":1.50,"b":["\u00e9"]}})",
       WithSchema(R"({"name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"},)"
                  R"("field":"a"},{"name":"io.debezium.data.VariableScaleDecimal","field":"b"},)"
                  R"({"name":"io.debezium.time.Date","field":"t"})",
                  Envelope("u", R"({"a":"BNI=","b":{"scale":1,"value":"AP8="},"t":20513})",
                           R"({"connector":"postgresql","lsn":5,"sequence":"[\"4\",\"5\"]"})"))},
      {R"({"id":"{\"$oid\": \"59\"}"})",
       Envelope("u", R"("{\"a\":{\"$numberDecimal\":\"1.5\"},\"t\":{\"$date\":1}}")",
                R"({"connector":"mongodb","ts_ms":1000,"ord":2})")},
      {"1", Envelope("d", "null", Mysql(1, "b.000001", 4, 0, "false", R"("db58:7")"))}};
  std::mt19937 random(7);
  Decoder decoder({Exact("a"), Field("b"), Time("t", TimeUnit::kMillis)}, {.compacted = true});
  size_t taken = 0;
  for (int i = 0; i < 20000; ++i) {
    auto [key, value] = messages[random() % messages.size()];
    for (std::string* text : {&key, &value}) {
      for (size_t left = random() % 3; left > 0 && !text->empty(); --left) {
        const size_t at = random() % text->size();
        if (random() % 4 == 0) {
          text->erase(at, random() % 9);
        } else {
          (*text)[at] = R"({}[]":,\0129.eE+-$ nultrd)"[random() % 24];
        }
      }
    }
    taken += decoder.Change(key, value).outcome == Outcome::kRow ? 1 : 0;
  }
  EXPECT_GT(taken, 2000u);
}

TEST(CanonicalJsonTest, EqualValuesAreEqualBytes) {
  const auto canonical = [](std::string_view json) {
    std::string out;
    return AppendCanonicalJson(json, &out) ? out : "no JSON";
  };
  EXPECT_EQ(canonical(" {\"b\" : [1, {}, [], \"x\"],\n\"a\":null} "),
            R"({"a":null,"b":[1,{},[],"x"]})");
  EXPECT_EQ(canonical(R"({"a":1,"\u0061":2})"), R"({"a":2})");
  EXPECT_EQ(canonical(R"(["\u00e9\/\n\"\\","é/\u000a\u0022\u005c"])"),
            R"(["é/\u000a\"\\","é/\u000a\"\\"])");
  EXPECT_EQ(canonical("[1,1.0,10e-1,-0,0.0,1.50,123456789012345678901234567890]"),
            "[1,1,1,0,0,1.5,123456789012345678901234567890]");
  EXPECT_EQ(canonical("1e400"), "1e400");
  EXPECT_EQ(canonical("true"), "true");
  for (const char* bad : {"", "{", "01", "[1,]", "1 2", "\"\xff\"", "nul"}) {
    EXPECT_EQ(canonical(bad), "no JSON") << bad;
  }
  EXPECT_EQ(canonical(std::string(600, '[') + std::string(600, ']')), "no JSON");
}
TEST(CanonicalJsonTest, OnlyAWrapperHasAPayload) {
  EXPECT_EQ(ConnectPayload(R"({"schema":{"type":"int32"}, "payload" : 7 })"), "7");
  for (const char* json :
       {R"({"schema":1,"payload":7})", R"({"payload":7})", R"({"schema":{},"payload":7,"x":1})",
        R"({"schema":{},"payload":)", "7", ""}) {
    EXPECT_EQ(ConnectPayload(json), json);
  }
}

// --- versions ---

std::string Hex(std::string_view bytes) {
  std::string hex;
  for (const char byte : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return hex;
}

std::string Postgres(const std::string& sequence, const std::string& lsn,
                     const std::string& snapshot = "false") {
  return fmt::format(R"({{"connector":"postgresql","ts_ms":5,"snapshot":"{}","sequence":{},)"
                     R"("lsn":{}}})",
                     snapshot, sequence, lsn);
}
std::string SqlServer(const std::string& commit, const std::string& change, int serial) {
  return fmt::format(R"({{"connector":"sqlserver","change_lsn":{},"commit_lsn":"{}",)"
                     R"("event_serial_no":{}}})",
                     change, commit, serial);
}
std::string VersionOf(const std::string& op, const std::string& source) {
  return Decoder().Version(Envelope(op, op == "d" ? "null" : R"({"a":1})", source));
}

TEST(DebeziumVersionTest, GoldenBytes) {
  EXPECT_EQ(Hex(VersionOf("u", Postgres(R"("[\"255\",\"256\"]")", "256"))),
            "012d1000000000000000ff0000000000000100");
  EXPECT_EQ(Hex(VersionOf("d", Mysql(17, "mysql-bin.000258", 1081, 3, "false",
                                     R"("db58b0ae-2c10-11e6-b284-0242ac110002:199")"))),
            "02313718000000000000010200000000000004390000000000000003"
            "00000000000000c7");
  EXPECT_EQ(Hex(VersionOf("c", R"({"connector":"mongodb","ts_ms":1000,"ord":2})")),
            "012d1000000000000003e80000000000000002");
  EXPECT_EQ(Hex(VersionOf("c", R"({"connector":"oracle","scn":"1024"})")),
            "012d080000000000000400");
  EXPECT_EQ(VersionOf("c", SqlServer("00000027:00000758:0005", R"("00000027:00000758:0003")", 1)),
            std::string("\1-\x34"
                        "00000027:00000758:000500000027:00000758:0003\0\0\0\0\0\0\0\1",
                        55));
}
TEST(DebeziumVersionTest, WhereTheSourceTellsNothingOrderOfArrivalDoes) {
  for (const std::string& source :
       {std::string("null"), std::string("{}"), std::string(R"({"connector":"vitess","ts_ms":1})"),
        Postgres("null", "null"), Mysql(1, "nothing", 1, 0),
        std::string(R"({"connector":"mongodb","ts_ms":1})"),
        std::string(R"({"connector":"oracle","scn":"12,13"})"), SqlServer("27", "null", 1)}) {
    EXPECT_EQ(VersionOf("u", source), "") << source;
  }
}
TEST(DebeziumVersionTest, ChangesAreOrderedAsTheyWereCommitted) {
  const std::vector<std::vector<std::string>> logs = {
      {Postgres(R"("[null,\"90\"]")", "90"), Postgres(R"("[\"100\",\"95\"]")", "95"),
       Postgres(R"("[\"100\",\"1000\"]")", "1000"), Postgres(R"("[\"256\",\"200\"]")", "200"),
       Postgres(R"("[\"65536\",\"65537\"]")", "65537")},
      {Postgres("null", "90"), Postgres("null", "256")},
      {Mysql(1, "mysql-bin.000009", 500, 0), Mysql(1, "mysql-bin.000010", 4, 0),
       Mysql(1, "mysql-bin.000010", 4, 1), Mysql(1, "mysql-bin.000010", 300, 0),
       Mysql(1, "mysql-bin.1000000", 4, 0)},
      {R"({"connector":"mongodb","ts_ms":1000,"ord":9})",
       R"({"connector":"mongodb","ts_ms":1000,"ord":10})",
       R"({"connector":"mongodb","ts_ms":2000,"ord":1})"},
      {SqlServer("00000027:00000758:0005", R"("00000027:00000758:0003")", 1),
       SqlServer("00000027:00000758:0005", R"("00000027:00000758:0003")", 2),
       SqlServer("00000027:00000758:0005", R"("00000027:00000758:0004")", 1),
       SqlServer("00000027:00000758:000a", R"("00000027:00000758:0001")", 1)},
      {R"({"connector":"oracle","scn":"999"})", R"({"connector":"oracle","scn":"1000"})"}};
  for (const auto& log : logs) {
    for (size_t i = 0; i < log.size(); ++i) {
      for (size_t k = 0; k < log.size(); ++k) {
        EXPECT_EQ(IsOlderRowVersion(VersionOf("u", log[i]), VersionOf("d", log[k])), i < k)
            << log[i] << " " << log[k];
      }
    }
  }
}
TEST(DebeziumVersionTest, AServerThatTookOverIsNotCompared) {
  const std::string before = VersionOf("u", Mysql(1, "mysql-bin.000900", 500, 0));
  const std::string after = VersionOf("u", Mysql(2, "mysql-bin.000003", 4, 0));
  EXPECT_FALSE(IsOlderRowVersion(after, before));
}
// Both have the same server's changes, each in its own binlog.
TEST(DebeziumVersionTest, ReplicasAreNotCompared) {
  for (const auto& [early, late] :
       {std::pair(R"("db58:99")", R"("db58:100")"), std::pair(R"("0-1-99")", R"("0-1-100")")}) {
    const std::string before = VersionOf("u", Mysql(1, "a.000900", 500, 0, "false", early));
    EXPECT_FALSE(
        IsOlderRowVersion(VersionOf("u", Mysql(1, "b.000003", 4, 0, "false", late)), before));
    EXPECT_TRUE(
        IsOlderRowVersion(before, VersionOf("u", Mysql(1, "a.000900", 700, 0, "false", late))));
  }
}

// What a snapshot found of a row, and changes before and after it, in the order of the log.
TEST(DebeziumVersionTest, ASnapshotsRowsStandBetweenTheChanges) {
  struct Log {
    std::string before, snapshot, behind;
  };
  for (const Log& log :
       {Log{Postgres(R"("[\"90\",\"95\"]")", "95"), Postgres(R"("[null,\"100\"]")", "100", "true"),
            Postgres(R"("[\"100\",\"110\"]")", "110")},
        Log{Mysql(1, "b.000001", 4, 0), Mysql(0, "b.000001", 90, 0, "first"),
            Mysql(1, "b.000001", 90, 0)},
        Log{SqlServer("00000027:00000758:0005", R"("00000027:00000758:0003")", 1),
            SqlServer("00000027:00000759:0005", "null", 1),
            SqlServer("00000027:00000759:0006", R"("00000027:00000759:0001")", 1)},
        Log{R"({"connector":"mongodb","ts_ms":1000,"ord":1})",
            R"({"connector":"mongodb","snapshot":"true","ts_ms":1000,"ord":2})",
            R"({"connector":"mongodb","ts_ms":1000,"ord":2})"},
        Log{R"({"connector":"oracle","scn":"90"})",
            R"({"connector":"oracle","snapshot":"last","scn":"100"})",
            R"({"connector":"oracle","scn":"110"})"}}) {
    const std::string before = VersionOf("u", log.before);
    const std::string snapshot = VersionOf("r", log.snapshot);
    const std::string behind = VersionOf("u", log.behind);
    EXPECT_FALSE(IsOlderRowVersion(snapshot, before)) << log.snapshot;
    EXPECT_FALSE(IsOlderRowVersion(behind, snapshot)) << log.snapshot;
    EXPECT_TRUE(IsOlderRowVersion(snapshot, behind)) << log.snapshot;
  }
}
// A transaction that was open while the snapshot began: its change lies before the snapshot's
// place, but the snapshot has not seen it.
TEST(DebeziumVersionTest, WhatWasCommittedBehindTheSnapshotIsNewer) {
  const std::string snapshot = VersionOf("r", Postgres(R"("[null,\"100\"]")", "100", "true"));
  EXPECT_FALSE(IsOlderRowVersion(VersionOf("u", Postgres(R"("[null,\"95\"]")", "95")), snapshot));
  const std::string second = VersionOf("u", Postgres(R"("[\"105\",\"96\"]")", "96"));
  EXPECT_FALSE(IsOlderRowVersion(second, snapshot));
  EXPECT_TRUE(IsOlderRowVersion(snapshot, second));
}
TEST(DebeziumVersionTest, AnIncrementalSnapshotReadsBetweenTwoTransactions) {
  struct Log {
    std::string before, row, behind;
  };
  for (const Log& log : {Log{Postgres(R"("[\"90\",\"95\"]")", "95"),
                             Postgres(R"("[\"96\",\"100\"]")", "100", "incremental"),
                             Postgres(R"("[\"96\",\"98\"]")", "98")},
                         Log{Mysql(1, "b.000001", 4, 0), Mysql(1, "b.000001", 90, 0, "incremental"),
                             Mysql(1, "b.000001", 91, 0)}}) {
    const std::string before = VersionOf("u", log.before);
    const std::string row = VersionOf("r", log.row);
    const std::string behind = VersionOf("u", log.behind);
    EXPECT_TRUE(IsOlderRowVersion(before, row)) << log.row;
    EXPECT_FALSE(IsOlderRowVersion(row, before)) << log.row;
    EXPECT_TRUE(IsOlderRowVersion(row, behind)) << log.row;
    EXPECT_FALSE(IsOlderRowVersion(behind, row)) << log.row;
  }
}
// An SCN does not say when a transaction ended.
TEST(DebeziumVersionTest, WhereTheLogIsNotOrderedByCommitAChangeFollowsTheSnapshot) {
  const std::string row =
      VersionOf("r", R"({"connector":"oracle","snapshot":"incremental","scn":"100"})");
  EXPECT_FALSE(IsOlderRowVersion(VersionOf("u", R"({"connector":"oracle","scn":"90"})"), row));
}

}  // namespace
}  // namespace murmur
