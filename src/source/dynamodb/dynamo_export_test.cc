#include "source/dynamodb/dynamo_export.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace murmur {
namespace {

using nlohmann::json;

// As the service's documentation shows one.
json Summary() {
  return {{"version", "2020-06-30"},
          {"exportArn",
           "arn:aws:dynamodb:us-east-1:123456789012:table/Products/export/"
           "01234567890123-a1b2c3d4"},
          {"tableArn", "arn:aws:dynamodb:us-east-1:123456789012:table/Products"},
          {"tableId", "12345a12-abcd-123a-ab12-1234abc12345"},
          {"exportTime", "2020-11-04T07:28:34.028Z"},
          {"s3SseKmsKeyId", nullptr},
          {"itemCount", 8},
          {"outputFormat", "DYNAMODB_JSON"},
          {"exportType", "FULL_EXPORT"}};
}
Status Refused(const char* name, const json& value) {
  json summary = Summary();
  summary[name] = value;
  return ParseExportSummary(summary.dump()).status();
}

TEST(DynamoExport, ASummaryIsRead) {
  const auto exported = ParseExportSummary(Summary().dump());
  ASSERT_TRUE(exported.ok()) << exported.status().ToString();
  EXPECT_EQ(exported->id, "01234567890123-a1b2c3d4");
  EXPECT_EQ(exported->exported_at, 1604474914028);
  EXPECT_EQ(exported->table_id, "12345a12-abcd-123a-ab12-1234abc12345");
  EXPECT_EQ(exported->items, 8U);
}

TEST(DynamoExport, SummariesOfEarlierExportsSayNoType) {
  json summary = Summary();
  summary.erase("exportType");
  EXPECT_TRUE(ParseExportSummary(summary.dump()).ok());
}

TEST(DynamoExport, WhatIsNotReadIsRefused) {
  EXPECT_EQ(Refused("exportType", "INCREMENTAL_EXPORT").code(), Code::kFailedPrecondition);
  EXPECT_EQ(Refused("outputFormat", "ION").code(), Code::kUnimplemented);
  EXPECT_EQ(Refused("outputFormat", nullptr).code(), Code::kUnimplemented);
}

TEST(DynamoExport, AnExportOfAnotherTableIsRefused) {
  const DynamoExport exported = ParseExportSummary(Summary().dump()).value();
  DynamoTable table{.id = exported.table_id, .arn = exported.table_arn};
  EXPECT_EQ(CheckIsExportOf({}, table, exported), Status());
  table.id = "made anew";
  EXPECT_EQ(CheckIsExportOf({}, table, exported).code(), Code::kFailedPrecondition);
  table.has_own_id = false;
  EXPECT_EQ(CheckIsExportOf({}, table, exported), Status());
  table.arn = "arn:aws:dynamodb:us-east-1:123456789012:table/Other";
  EXPECT_EQ(CheckIsExportOf({}, table, exported).code(), Code::kFailedPrecondition);
}

TEST(DynamoExport, ADamagedSummaryIsRefused) {
  EXPECT_EQ(ParseExportSummary("").status().code(), Code::kDataLoss);
  EXPECT_EQ(ParseExportSummary("[]").status().code(), Code::kDataLoss);
  for (const char* name : {"tableId", "exportArn", "exportTime", "itemCount"}) {
    EXPECT_EQ(Refused(name, nullptr).code(), Code::kDataLoss) << name;
  }
  EXPECT_EQ(Refused("exportTime", "yesterday").code(), Code::kDataLoss);
  EXPECT_EQ(Refused("itemCount", -1).code(), Code::kDataLoss);
}

}  // namespace
}  // namespace murmur
