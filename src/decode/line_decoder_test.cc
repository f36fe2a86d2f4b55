#include "decode/line_decoder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "base/decimal.h"
#include "murmur/decoder.h"

namespace murmur {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

FieldRequest Field(std::vector<FieldPath::Step> steps) {
  FieldRequest field;
  field.path.steps = std::move(steps);
  return field;
}

std::string ToText(const Cell& cell) {
  switch (cell.kind) {
    case Kind::kNull: return "null";
    case Kind::kBool: return cell.i != 0 ? "true" : "false";
    case Kind::kInt: return fmt::format("int {}", cell.i);
    case Kind::kTime: return fmt::format("time {}", cell.i);
    case Kind::kDouble: return fmt::format("double {:x}", std::bit_cast<uint64_t>(cell.d));
    case Kind::kDecimal: return "decimal " + FormatDecimal(cell.decimal(), cell.scale);
    case Kind::kString: return fmt::format("string {}", cell.text());
    case Kind::kJson: return fmt::format("json {}", cell.text());
  }
  return "?";
}

// What a block came to, in the order of its bytes: "offset: cell | cell", "offset: dead REASON".
class Decoded {
 public:
  Decoded(LineDecoder* decoder, std::string text, const Projection& projection,
          uint64_t offset = 0) {
    const size_t size = text.size();
    text.append(kBlockPadding, '\0');
    RecordBatch batch(projection);
    const char* begin = text.data();
    const char* end = begin + size;
    std::map<uint64_t, std::string> found;
    while (begin < end) {
      batch.Clear();
      for (Column& column : batch.columns) {
        std::fill(column.cells.begin(), column.cells.end(), Cell::String("stale"));
      }
      const char* rest = decoder->Decode(
          {begin, end, offset + static_cast<uint64_t>(begin - text.data())}, &batch);
      EXPECT_GT(rest, begin);
      begin = rest;
      for (uint32_t row = 0; row < batch.rows; ++row) {
        std::string line;
        for (const Column& column : batch.columns) {
          EXPECT_TRUE(column.kinds & KindBit(column.cells[row].kind));
          line += (line.empty() ? "" : " | ") + ToText(column.cells[row]);
        }
        found[batch.offsets[row]] = line;
      }
      for (const DeadLetter& dead : batch.dead_letters) {
        found[dead.offset] = fmt::format("dead {}", DeadReasonName(dead.reason));
        details.push_back(dead.detail);
        raws.push_back(dead.raw);
      }
    }
    for (const auto& [at, line] : found) lines.push_back(fmt::format("{}: {}", at, line));
  }

  std::vector<std::string> lines;
  std::vector<std::string> details;
  std::vector<std::string> raws;
};

std::unique_ptr<LineDecoder> MakeJson(const Projection& projection, uint64_t max = 1 << 20) {
  return std::move(MakeLineDecoder("json", projection, max)).value();
}

std::vector<std::string> Decode(const std::string& text, const Projection& projection) {
  return Decoded(MakeJson(projection).get(), text, projection).lines;
}

// The value of field "x" in one record, on the walk and as a learned shape; both must agree.
std::string Value(const std::string& json, FieldRequest field = Field({"x"})) {
  const Projection projection{{std::move(field)}};
  const auto decoder = MakeJson(projection);
  const std::string line = "{\"x\":" + json + "}\n";
  const auto walked = Decoded(decoder.get(), line, projection, 1).lines;
  const auto warm = Decoded(decoder.get(), "{\"x\":0}\n", projection, 1).lines;
  EXPECT_THAT(warm, testing::SizeIs(1));
  EXPECT_EQ(Decoded(decoder.get(), line, projection, 1).lines, walked);
  return walked.empty() ? "nothing" : walked[0].substr(3);
}

TEST(JsonLines, ScalarsBecomeCells) {
  EXPECT_EQ(Value("null"), "null");
  EXPECT_EQ(Value("true"), "true");
  EXPECT_EQ(Value("false"), "false");
  EXPECT_EQ(Value("\"\""), "string ");
  EXPECT_EQ(Value("\"caf\xC3\xA9\""), "string caf\xC3\xA9");
  EXPECT_EQ(Value("{\"a\": [1, {}]}"), "json {\"a\": [1, {}]}");
  EXPECT_EQ(Value("[]"), "json []");
}

TEST(JsonLines, EscapesAreDecoded) {
  EXPECT_EQ(Value(R"("a\"\\\/\b\f\n\r\tz")"), "string a\"\\/\b\f\n\r\tz");
  EXPECT_EQ(Value(R"("\u00e9\u20AC\ud83d\ude00")"), "string \xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(Value(R"("a\u0000b")"), std::string("string a\0b", 10));
  for (const char* bad : {R"("\x")", R"("\u12g4")", R"("\ud83d")", R"("\ud83d\u0041")",
                          R"("\ude00")", R"("\")", "\"a\x01\"", "\"a\tb\""}) {
    EXPECT_EQ(Value(bad), "dead undecodable") << bad;
  }
}

TEST(JsonLines, NumbersFollowTheGrammar) {
  const auto as_double = [](double d) { return ToText(Cell::Double(d)); };
  EXPECT_EQ(Value("0"), "int 0");
  EXPECT_EQ(Value("-0"), "int 0");
  EXPECT_EQ(Value("9223372036854775807"), "int 9223372036854775807");
  EXPECT_EQ(Value("-9223372036854775808"), "int -9223372036854775808");
  EXPECT_EQ(Value("9223372036854775808"), "dead number_overflow");
  EXPECT_EQ(Value("112.40"), as_double(112.40));
  EXPECT_EQ(Value("-0.0"), as_double(-0.0));
  EXPECT_EQ(Value("1e5"), as_double(1e5));
  EXPECT_EQ(Value("1E+2"), as_double(1e2));
  EXPECT_EQ(Value("0.1234567890123456789"), as_double(0.1234567890123456789));
  EXPECT_EQ(Value("5e-324"), as_double(5e-324));
  EXPECT_EQ(Value("1e-400"), as_double(0));
  EXPECT_EQ(Value("-0.00001e-400"), as_double(-0.0));
  EXPECT_EQ(Value("1e400"), "dead number_overflow");
  EXPECT_EQ(Value("1000e9223372036854775807"), "dead number_overflow");
  EXPECT_EQ(Value("1e99999999999999999999"), "dead number_overflow");
  EXPECT_EQ(Value("0e99999"), as_double(0));
  for (const char* bad : {"01", "+1", "1.", ".5", "-", "1e", "1e+", "NaN", "Infinity", "0x10", "1x",
                          "--1", "00.5", "1.2.3", "tru", "nulll", "truefalse"}) {
    EXPECT_EQ(Value(bad), "dead undecodable") << bad;
  }
}

TEST(JsonLines, DecimalsStayExactWhereAsked) {
  FieldRequest field = Field({"x"});
  field.exact_decimals = true;
  EXPECT_EQ(Value("0.1234567890123456789", field), "decimal 0.1234567890123456789");
  EXPECT_EQ(Value("12345678901234567.5e-3", field), "decimal 12345678901234.5675");
  EXPECT_EQ(Value("0.5", field), "decimal 0.5");
  EXPECT_EQ(Value("0.00000000000000000001", field), "decimal 0.00000000000000000001");
  EXPECT_EQ(Value("7", field), Value("7"));
  EXPECT_EQ(Value("18446744073709551615", field), "decimal 18446744073709551615");
  EXPECT_EQ(Value("1e-39", field), ToText(Cell::Double(1e-39)));  // beyond 38 digits
  EXPECT_EQ(Value("1e999", field), "dead number_overflow");
}

TEST(JsonLines, DoublesAreTheNearestOnes) {
  constexpr uint64_t kSeed = 7;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  for (int i = 0; i < 3000; ++i) {
    std::string text = i % 2 == 0 ? "-" : "";
    text += std::to_string(random() >> (random() % 64)) + ".";
    text += std::to_string(random() >> (random() % 64));
    ASSERT_EQ(Value(text), ToText(Cell::Double(std::strtod(text.c_str(), nullptr)))) << text;
  }
}

TEST(JsonLines, TimesAreTakenFromTextAndNumbers) {
  FieldRequest text = Field({"x"});
  text.as_time = true;
  EXPECT_EQ(Value("\"2026-03-01T12:00:00.25Z\"", text), "time 1772366400250000");
  EXPECT_EQ(Value("\"2026-03-01T12:00:00\\u005a\"", text), "time 1772366400000000");
  EXPECT_EQ(Value("\"yesterday\"", text), "string yesterday");
  EXPECT_EQ(Value("1772366400", text), "int 1772366400");
  FieldRequest seconds = text;
  seconds.unit = TimeUnit::kSeconds;
  EXPECT_EQ(Value("1772366400.123456", seconds), "time 1772366400123456");
  EXPECT_EQ(Value("1772366400", seconds), "time 1772366400000000");
  EXPECT_EQ(Value("null", seconds), "null");
  seconds.unit = TimeUnit::kNanos;
  EXPECT_EQ(Value("1772366400123456789", seconds), "time 1772366400123456");
}

TEST(JsonLines, PathsReachIntoObjectsAndLists) {
  const Projection projection{
      {Field({"a", "b"}), Field({"a", "c", 1u}), Field({"a"}), Field({"a", "c", 1u, "d"})}};
  EXPECT_THAT(Decode("{\"a\":{\"b\":1,\"c\":[5,{\"d\":2}]}}\n"
                     "{\"a\":{\"c\":[5,6],\"b\":null}}\n"
                     "{\"a\":[1]}\n"
                     "{\"b\":1}\n",
                     projection),
              ElementsAre("0: int 1 | json {\"d\":2} | json {\"b\":1,\"c\":[5,{\"d\":2}]} | int 2",
                          "30: null | int 6 | json {\"c\":[5,6],\"b\":null} | null",
                          "57: null | null | json [1] | null", "67: null | null | null | null"));
}

TEST(JsonLines, OfAKeyTwiceTheLastCounts) {
  const Projection projection{{Field({"x"}), Field({"a", "b"})}};
  const auto decoder = MakeJson(projection);
  const std::string text =
      "{\"x\":1,\"x\":2,\"a\":{\"b\":1},\"a\":3}\n{\"x\":1,\"a\":{\"b\":1,\"b\":2}}\n";
  for (int round = 0; round < 3; ++round) {
    EXPECT_THAT(Decoded(decoder.get(), text, projection).lines,
                ElementsAre("0: int 2 | null", "32: int 1 | int 2"));
  }
}

TEST(JsonLines, KeysWithEscapesAreTheKeysTheyMean) {
  EXPECT_THAT(Decode("{\"\\u0078\":1}\n{\"\\u0078\":2}\n", {{Field({"x"})}}),
              ElementsAre("0: int 1", "13: int 2"));
}

TEST(JsonLines, BlankLinesCarriageReturnsAndByteOrderMarksAreNoRecords) {
  EXPECT_THAT(
      Decode("\xEF\xBB\xBF{\"x\":1}\r\n\r\n \t\n{\"x\":2}\r\n\n{ \"x\" : 3 }", {{Field({"x"})}}),
      ElementsAre("3: int 1", "17: int 2", "27: int 3"));
}

TEST(JsonLines, WhatIsNoObjectIsDead) {
  const auto lines = Decode(
      "{}\n[1,2\nhello world\n}\n{\"x\":1}}\n{\"x\":1}{\"x\":2}\n{\"x\":1\n5\n{\"x\":1,}\n"
      "{x:1}\n{\"x\" 1}\n{\"x\":1} x\n[1]\n",
      {{Field({"x"})}});
  ASSERT_EQ(lines.size(), 13u);
  EXPECT_EQ(lines[0], "0: null");
  for (size_t i = 1; i < lines.size(); ++i) EXPECT_THAT(lines[i], HasSubstr("dead undecodable"));
}

TEST(JsonLines, ZeroBytesAreNoEnd) {
  const std::string text("{\"x\":1}\0\n{\"x\"\0:1}\n\0\n{\"x\":2\0}\n{\"x\":3}\0", 37);
  const auto lines = Decode(text, {{Field({"x"})}});
  ASSERT_EQ(lines.size(), 5u);
  for (const std::string& line : lines) EXPECT_THAT(line, HasSubstr("dead undecodable"));
}

TEST(JsonLines, InvalidUtf8IsDeadWhereverItStands) {
  const Projection projection{{Field({"x"})}};
  const auto decoder = MakeJson(projection);
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(
        Decoded(decoder.get(),
                "{\"x\":1,\"y\":\"ok\"}\n{\"x\":2,\"y\":\"\xFF\"}\n{\"x\":3,\"y\":\"\xC0\x80\"}\n"
                "{\"x\":4,\"y\":\"\xED\xA0\x80\"}\n{\"x\":5,\"y\":\"\xC3\xA9\"}\n\xFF\n",
                projection)
            .lines,
        ElementsAre("0: int 1", "17: dead invalid_utf8", "33: dead invalid_utf8",
                    "50: dead invalid_utf8", "68: int 5", "85: dead invalid_utf8"));
  }
}

TEST(JsonLines, NestingIsLimited) {
  const auto nested = [](int depth) {
    return std::string(static_cast<size_t>(depth), '[') +
           std::string(static_cast<size_t>(depth), ']');
  };
  EXPECT_THAT(Value(nested(511)), HasSubstr("json"));
  EXPECT_EQ(Value(nested(512)), "dead undecodable");
  EXPECT_EQ(Value(std::string(100000, '[')), "dead undecodable");
}

TEST(JsonLines, LongRecordsAreDeadWithTheStartOfTheirBytes) {
  const Projection projection{{Field({"x"})}};
  const auto decoder = MakeJson(projection, 20);
  const std::string fits = R"({"x":"0123456789ab"})";
  const std::string longer = R"({"x":"0123456789abc"})";
  ASSERT_EQ(fits.size(), 20u);
  const Decoded decoded(decoder.get(), fits + "\n" + longer + "\n", projection);
  EXPECT_THAT(decoded.lines, ElementsAre("0: string 0123456789ab", "21: dead too_long"));
  EXPECT_THAT(decoded.raws, ElementsAre(longer.substr(0, 20)));
  EXPECT_THAT(decoded.details[0], HasSubstr("max_record_bytes (20)"));
}

TEST(JsonLines, ABatchHoldsItsRowsAndNoMore) {
  std::string text;
  for (uint32_t i = 0; i < 2 * kBatchRows + 5; ++i) text += fmt::format("{{\"x\":{}}}\nbad\n", i);
  const Projection projection{{Field({"x"})}};
  const auto lines = Decode(text, projection);
  EXPECT_EQ(lines.size(), 2 * (2 * kBatchRows + 5));
}

TEST(JsonMessages, NewlinesAreSpaceAndMessagesNeedNoPadding) {
  const Projection projection{{Field({"x"}), Field({"y"})}};
  const auto decoder = std::move(MakeDecoder("json", projection)).value();
  RecordBatch batch(projection);
  DeadLetter dead;
  decoder->BeginBatch();
  for (uint32_t row = 0; row < 3; ++row) {
    const std::string message = fmt::format("{{\n \"x\": \"m\\u0061{}\",\n \"y\": 1\n}}\n", row);
    ASSERT_TRUE(decoder->Decode(message, row, &batch.columns, &dead));
  }
  EXPECT_EQ(ToText(batch.columns[0].cells[0]), "string ma0");
  EXPECT_EQ(ToText(batch.columns[0].cells[2]), "string ma2");
  EXPECT_FALSE(decoder->Decode("{\"x\":1}\n{\"x\":2}", 3, &batch.columns, &dead));
  EXPECT_EQ(dead.reason, DeadReason::kUndecodable);
  EXPECT_FALSE(decoder->Decode("", 3, &batch.columns, &dead));
}

// key=value;key=value
class PairsDecoder final : public RecordDecoder {
 public:
  explicit PairsDecoder(Projection projection) : projection_(std::move(projection)) {}

  bool Decode(std::string_view record, uint32_t row, std::vector<Column>* columns,
              DeadLetter* dead) override {
    if (record.find('=') == record.npos) {
      dead->reason = DeadReason::kUndecodable;
      dead->detail = "no '='";
      return false;
    }
    for (size_t i = 0; i < columns->size(); ++i) {
      const std::string key = projection_.fields[i].path.ToString() + "=";
      const size_t at = record.find(key);
      (*columns)[i].cells[row] = Cell::Null();
      if (at == record.npos) continue;
      const std::string_view value = record.substr(at + key.size());
      (*columns)[i].cells[row] = Cell::String(value.substr(0, value.find(';')));
    }
    return true;
  }

 private:
  Projection projection_;
};

TEST(CustomFormats, AreDecodedLineByLine) {
  ASSERT_TRUE(RegisterDecoder("pairs", [](const Projection& projection) {
                return Result<std::unique_ptr<RecordDecoder>>(
                    std::make_unique<PairsDecoder>(projection));
              }).ok());
  EXPECT_EQ(RegisterDecoder("pairs", nullptr).code(), Code::kAlreadyExists);
  const Projection projection{{Field({"x"}), Field({"y"})}};
  const auto decoder = std::move(MakeLineDecoder("pairs", projection, 100)).value();
  EXPECT_THAT(Decoded(decoder.get(), "x=1;y=2\r\nnone\n\ny=3\n", projection).lines,
              ElementsAre("0: string 1 | string 2", "9: dead undecodable", "15: null | string 3"));
  const auto unknown = MakeLineDecoder("csv", projection, 100);
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.status().code(), Code::kNotFound);
  EXPECT_THAT(unknown.status().message(), HasSubstr("json"));
}

// --- Against other readings of the same bytes ---

Projection ManyFields() {
  Projection projection{{Field({"id"}), Field({"ts"}), Field({"ts"}), Field({"user"}),
                         Field({"amount"}), Field({"a", "b"}), Field({"a", "c", 1u}),
                         Field({"a"})}};
  projection.fields[1].as_time = true;
  projection.fields[4].exact_decimals = true;
  return projection;
}

const std::vector<std::string>& GoodLines() {
  static const std::vector<std::string> lines = {
      R"({"id":"c0ffee","ts":"2026-03-01T12:34:56.789Z","user":"u000042","amount":112.40,"ms":17})",
      R"({"id": "c0ffee", "ts": "2026-03-01", "user": "u1", "amount": 12, "a": {"b": true}})",
      R"({"id":1,"user":null,"a":{"c":[1,{"b":[]},"x"],"b":"y"},"z":[{"q":"}"},[-1.5e3]]})",
      R"({"id":"\u00e9\n","user":"café","amount":0.12345678901234567890,"a":[1,[2]]})",
      R"({"user":"u","id":12345678901234,"skip":{"deep":{"er":[true,false,null]}},"amount":-1})",
      R"({})",
  };
  return lines;
}

std::string Mutate(std::string line, std::mt19937_64* random) {
  static constexpr std::string_view kBytes(
      "{}[]\",:\\/ueE0123456789.-+tfnalsr \t\r\x00\x01\x1f\x7f"
      "\x80\xa9\xc3\xed\xff",
      45);
  const auto below = [random](size_t n) { return n == 0 ? 0 : (*random)() % n; };
  for (size_t i = 1 + below(3); i > 0; --i) {
    const size_t at = below(line.size() + 1);
    const char byte = kBytes[below(kBytes.size())];
    switch (below(5)) {
      case 0: line.insert(at, 1, byte); break;
      case 1: line.erase(at, 1 + below(3)); break;
      case 2: line.insert(at, line.substr(below(line.size() + 1), below(12))); break;
      case 3: line.resize(at); break;
      default:
        if (at < line.size()) line[at] = byte;
    }
  }
  return line;
}

// Field values by nlohmann::json, an independent reading of the grammar; of lists and objects only
// that they are there. Empty: not an object.
std::optional<std::string> ReferenceValues(const std::string& line) {
  const auto json = nlohmann::json::parse(line);
  if (!json.is_object()) return std::nullopt;
  std::string out;
  for (const char* pointer : {"/id", "/ts", "/user", "/a/b", "/a/c/1"}) {
    const nlohmann::json::json_pointer path(pointer);
    const bool present = json.contains(path);
    const auto& value = present ? json.at(path) : nlohmann::json();
    out += value.is_structured() ? "json" : value.dump();
    out += " | ";
  }
  return out;
}

std::string OurValues(const Column* columns) {
  std::string out;
  for (const size_t column : {0, 2, 3, 5, 6}) {
    const Cell& cell = columns[column].cells[0];
    switch (cell.kind) {
      case Kind::kJson: out += "json"; break;
      case Kind::kString: out += nlohmann::json(std::string(cell.text())).dump(); break;
      case Kind::kInt: out += nlohmann::json(cell.i).dump(); break;
      case Kind::kDouble: out += nlohmann::json(cell.d).dump(); break;
      case Kind::kBool: out += cell.i != 0 ? "true" : "false"; break;
      default: out += "null";
    }
    out += " | ";
  }
  return out;
}

TEST(JsonLinesFuzz, ShapesAndWalkAgreeOnMutatedLines) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  const Projection projection = ManyFields();
  const auto warm = MakeJson(projection);
  size_t records = 0;
  for (int i = 0; i < 30000; ++i) {
    const std::string& good = GoodLines()[random() % GoodLines().size()];
    const std::string text = Mutate(good, &random) + "\n";
    // Teaches `warm` the shape of the line that was mutated.
    Decoded(warm.get(), good + "\n", projection, 1);
    const auto by_shape = Decoded(warm.get(), text, projection, 1);
    const auto by_walk = Decoded(MakeJson(projection).get(), text, projection, 1);
    ASSERT_EQ(by_shape.lines, by_walk.lines) << text;
    ASSERT_EQ(by_shape.details, by_walk.details) << text;
    records += by_walk.lines.size() - by_walk.details.size();
  }
  EXPECT_GT(records, 1000u);
}

// Lines of one shape are read several at a time; inner objects are a part of a shape, or vary.
TEST(JsonLinesFuzz, ManyLinesReadAsEachAlone) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  Projection projection = ManyFields();
  projection.fields.pop_back();  // "a" as a whole, without which its members can be in a shape
  projection.fields.push_back(Field({"o", "p", "q"}));
  projection.fields.push_back(Field({"amount"}));
  std::vector<std::string> good = GoodLines();
  good.push_back(R"({"id":"x","o":{"p":{"q":1,"r":"s"},"t":[{}]},"ts":"2026-03-01","amount":1.5})");
  good.push_back(R"({"id":"y","o":{"p":null},"ts":"2026-03-01","amount":2})");
  good.push_back(R"({"id":"z","o":null,"ts":"2026-03-01","amount":null})");
  for (int round = 0; round < 3000; ++round) {
    const auto decoder = MakeJson(projection, 120);
    std::vector<std::string> expected;
    std::string text;
    const size_t mostly = random() % good.size();
    for (uint64_t line = 0; line < 1 + random() % 40; ++line) {
      std::string one = good[random() % 8 == 0 ? random() % good.size() : mostly];
      if (random() % 16 == 0) one = Mutate(one, &random);
      one += '\n';
      for (auto& alone :
           Decoded(MakeJson(projection, 120).get(), one, projection, text.size()).lines) {
        expected.push_back(std::move(alone));
      }
      text += one;
    }
    ASSERT_EQ(Decoded(decoder.get(), text, projection).lines, expected) << text;
  }
}

TEST(JsonLinesFuzz, MutatedLinesReadAsAnotherParserReadsThem) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  const Projection projection = ManyFields();
  size_t records = 0;
  for (int i = 0; i < 30000; ++i) {
    std::string text = Mutate(GoodLines()[random() % GoodLines().size()], &random);
    std::optional<std::string> expected;
    try {
      expected = ReferenceValues(text);
    } catch (const nlohmann::json::parse_error&) {
    } catch (const nlohmann::json::out_of_range&) {
      continue;  // a double out of range, wherever it stands
    }
    if (text.find('\0') != text.npos) continue;  // which nlohmann::json takes for the end
    const bool blank = text.find_first_not_of(" \t\r") == text.npos;
    const size_t size = text.size();
    text.append(kBlockPadding, '\0');
    RecordBatch batch(projection);
    const auto decoder = MakeJson(projection);  // owns the unescaped strings
    decoder->Decode({text.data(), text.data() + size, 1}, &batch);
    text.resize(size);
    if (!batch.dead_letters.empty() &&
        batch.dead_letters[0].reason == DeadReason::kNumberOverflow) {
      continue;
    }
    ASSERT_EQ(batch.rows, expected ? 1u : 0u) << text;
    ASSERT_EQ(batch.dead_letters.size(), expected || blank ? 0u : 1u) << text;
    if (expected) {
      ASSERT_EQ(OurValues(batch.columns.data()), *expected) << text;
    }
    records += batch.rows;
  }
  EXPECT_GT(records, 1000u);
}

}  // namespace
}  // namespace murmur
