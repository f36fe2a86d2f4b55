#include "fold/row_codec.h"

#include <gtest/gtest.h>

#include <string>

namespace murmur {
namespace {

Projection OneField() {
  Projection projection;
  projection.fields.emplace_back().path.steps.emplace_back("a");
  return projection;
}

bool Reads(const std::string& bytes) {
  RecordBatch batch(OneField());
  Arena arena;
  return ReadRow(bytes, 0, &batch.columns, &arena);
}

// Impossible cells would become wrong keys and values.
TEST(RowCodecTest, CellsThatNoRecordHasAreRefused) {
  const std::string decimal(16, '\1');
  EXPECT_TRUE(Reads(std::string("\4\46", 2) + decimal)) << "38 decimals";
  EXPECT_FALSE(Reads(std::string("\4\47", 2) + decimal)) << "39 decimals";
  EXPECT_FALSE(Reads(std::string("\4\46", 2) + decimal.substr(1)));
  EXPECT_TRUE(Reads(std::string("\1\2", 2))) << "true";
  EXPECT_TRUE(Reads(std::string("\1\0", 2))) << "false";
  EXPECT_FALSE(Reads(std::string("\1\4", 2))) << "two";
  EXPECT_FALSE(Reads(std::string("\1\1", 2))) << "minus one";
  EXPECT_FALSE(Reads("\10")) << "a kind that is none";
  EXPECT_FALSE(Reads(std::string("\0\0", 2))) << "more than there are fields";
  EXPECT_FALSE(Reads("\5\4abc")) << "cut off";
}

}  // namespace
}  // namespace murmur
