#include "state/records.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace murmur {
namespace {

std::string Hex(const std::string& bytes) {
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return hex;
}

void ExpectBytes(const RetentionRecord& record, const char* hex) {
  const std::string bytes = EncodeRetention(record);
  EXPECT_EQ(Hex(bytes), hex);
  const auto again = DecodeRetention(bytes);
  ASSERT_TRUE(again.ok()) << again.status().ToString();
  EXPECT_EQ(*again, record);
}

TEST(RecordsTest, TheBytesOfARetentionStay) {
  ExpectBytes({.rule = {.every = 86400}, .floor = 3}, "0180c60a000106");
  ExpectBytes(
      {.rule = {.every = 60, .offset = 7, .keep = TimeLength{.rest = std::chrono::hours(1)}},
       .floor = -2},
      "01780ea03803");
  ExpectBytes(
      {.rule = {.unit = CalendarUnit::kMonth, .keep = TimeLength{.months = 13}}, .floor = 1},
      "0100000002031a");
  ExpectBytes({.rule = {.every = 60, .keep = TimeLength{.months = 1}}, .floor = 0},
              "01780000000002");
}

TEST(RecordsTest, WhatAVersionSaysOfItsHoldAndEndsStandsAtTheEnd) {
  VersionInfo info;
  info.number = 3;
  const std::string none = EncodeInfo(info);
  info.log_hold = "hold";
  const std::string held = EncodeInfo(info);
  EXPECT_EQ(held, none + "\x04hold");
  EXPECT_EQ(*DecodeInfo(held), info);
  EXPECT_EQ(DecodeInfo(held + "\x01").status().code(), Code::kDataLoss);
  info.assumed_ends = {{"a", "1"}, {"b", ""}};
  const std::string assumed = EncodeInfo(info);
  EXPECT_EQ(assumed, held + std::string("\x02\x01"
                                        "a\x01"
                                        "1\x01"
                                        "b\0",
                                        8));
  EXPECT_EQ(*DecodeInfo(assumed), info);
  info.log_hold.clear();
  EXPECT_EQ(*DecodeInfo(EncodeInfo(info)), info);
  EXPECT_EQ(DecodeInfo(assumed + "\x01").status().code(), Code::kDataLoss);
}

TEST(RecordsTest, ARetentionOfAnUnknownUnitIsDamaged) {
  for (const char* tail : {"\x07\x02", "\x01", "\x01\x02\x03"}) {
    const std::string bytes = std::string("\x01\0\0\1\0", 5) + tail;
    EXPECT_EQ(DecodeRetention(bytes).status().code(), Code::kDataLoss);
  }
}

}  // namespace
}  // namespace murmur
