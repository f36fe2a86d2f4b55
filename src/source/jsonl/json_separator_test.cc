#include "source/jsonl/json_separator.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace murmur {
namespace {

// The output, read `size` bytes at a time.
std::string Separated(const std::string& text, size_t size = 1000) {
  std::istringstream reader(text);
  const auto bytes = SeparateJson(ReadReader(&reader, "test"));
  std::string out;
  std::string piece(size, '\0');
  for (;;) {
    const ByteRead read = bytes->Read({}, piece.data(), size).value();
    if (read.size == 0) return out;
    out.append(piece, 0, read.size);
  }
}

TEST(SeparateJson, ValuesBehindEachOtherGetLinesOfTheirOwn) {
  EXPECT_EQ(Separated("{\"a\":1}{\"a\":2}\n{\"a\":3}"), "{\"a\":1}\n{\"a\":2}\n{\"a\":3}");
  EXPECT_EQ(Separated("{}{}{}"), "{}\n{}\n{}");
  EXPECT_EQ(Separated("{}\n\n{}\n"), "{}\n{}\n");
  EXPECT_EQ(Separated(""), "");
}

TEST(SeparateJson, BracesInStringsAreText) {
  for (const char* value :
       {R"({"a":"}{"})", R"({"a":"\"}{"})", R"({"a":"\\"})", R"({"a":"{\\\""})"}) {
    EXPECT_EQ(Separated(std::string(value) + value), std::string(value) + "\n" + value);
  }
}

TEST(SeparateJson, AValueOfSeveralLinesBecomesOne) {
  EXPECT_EQ(Separated("{\n  \"a\": [\n{\"b\":1},\n{}\n]\n}\n{}"),
            "{   \"a\": [ {\"b\":1}, {} ] }\n{}");
}

TEST(SeparateJson, AValueThatIsCutOffTakesAtMostOneOtherWithIt) {
  EXPECT_EQ(Separated("{\"a\":1\n{\"b\":2}\n{\"c\":3}\n"), "{\"a\":1 \n{\"b\":2}\n{\"c\":3}\n");
  EXPECT_EQ(Separated("{\"a\":\"x\n{\"b\":2}\n{\"c\":3}\n"), "{\"a\":\"x \n{\"b\":2}\n{\"c\":3}\n");
  EXPECT_EQ(Separated("{\"a\":\n{\"b\":2}\n{\"c\":3}\n"), "{\"a\": {\"b\":2} \n{\"c\":3}\n");
}

TEST(SeparateJson, TheSizeOfReadsChangesNothing) {
  const std::string text = "{\"a\":\"}{\\\"\"}{\"b\":[1,\n2]}\n\n{\"c\":{}}{}x{}";
  for (size_t size = 1; size < 20; ++size) EXPECT_EQ(Separated(text, size), Separated(text));
}

}  // namespace
}  // namespace murmur
