#include "source/jsonl/md5_bytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace murmur {
namespace {

constexpr char kMd5OfAbc[] = "kAFQmDzST7DWlj99KOF/cg==";  // RFC 1321

Result<std::string> ReadAll(const std::string& content, const std::string& md5) {
  std::istringstream reader(content);
  const auto bytes = CheckMd5(ReadReader(&reader, "a.gz"), md5, "a.gz");
  std::string all, piece(2, '\0');
  for (;;) {
    MURMUR_ASSIGN(const ByteRead read, bytes->Read({}, piece.data(), piece.size()));
    if (read.size == 0) return all;
    all.append(piece, 0, read.size);
  }
}

TEST(Md5Bytes, BytesThatAreAsTold) { EXPECT_EQ(*ReadAll("abc", kMd5OfAbc), "abc"); }

TEST(Md5Bytes, OthersAreRefusedAtTheirEnd) {
  const Status refused = ReadAll("abd", kMd5OfAbc).status();
  EXPECT_EQ(refused.code(), Code::kDataLoss);
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("a.gz"));
  EXPECT_EQ(ReadAll("", kMd5OfAbc).status().code(), Code::kDataLoss);
}

}  // namespace
}  // namespace murmur
