#include "runtime/owner/owner_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace murmur {
namespace {

OwnerRequest FullRequest() {
  OwnerRequest request{.verb = OwnerVerb::kQuery, .version = 7, .format = RowFormat::kCsv};
  for (const char* text : {"", R"(5.5,"a,b",null,true)", "-9223372036854775808,0.1",
                           "12345678901234567890123456789012345678"}) {
    request.query.keys.push_back(ParseKey(text).value());
  }
  KeyValue bytes;
  bytes.kind = Kind::kString;
  bytes.text = std::string("\0\1\xFF", 3);
  KeyValue time;
  time.kind = Kind::kTime;
  time.i = kTimeInfinity;
  request.query.keys.push_back({.parts = {{bytes}, {time}}, .text = ""});
  request.query.rollup = {"a", "b"};
  request.query.range.last = TimeLength{.months = 3, .rest = std::chrono::seconds(5)};
  request.query.range.as_of = TimeBorder{.micros = -1, .local = true};
  request.query.range.from = TimeBorder{.micros = INT64_MIN, .local = false};
  request.query.range.until = TimeBorder{.micros = INT64_MAX, .local = true};
  request.query.total = true;
  request.query.trailing = TimeLength{.months = 1};
  request.query.aggregates = {"n"};
  return request;
}

TEST(OwnerRequestTest, EveryPartOfARequestArrivesAsItWasSent) {
  const OwnerRequest sent = FullRequest();
  const auto got = OwnerRequest::FromJson(sent.ToJson());
  ASSERT_TRUE(got.ok()) << got.status().ToString();
  EXPECT_EQ(got->verb, sent.verb);
  EXPECT_EQ(got->version, sent.version);
  EXPECT_EQ(got->format, sent.format);
  ASSERT_EQ(got->query.keys.size(), sent.query.keys.size());
  for (size_t i = 0; i < sent.query.keys.size(); ++i) {
    EXPECT_EQ(got->query.keys[i].parts, sent.query.keys[i].parts) << "key " << i;
    EXPECT_EQ(got->query.keys[i].text, sent.query.keys[i].text);
  }
  EXPECT_EQ(got->query.rollup, sent.query.rollup);
  EXPECT_EQ(got->query.range.last, sent.query.range.last);
  EXPECT_EQ(got->query.range.as_of, sent.query.range.as_of);
  EXPECT_EQ(got->query.range.from, sent.query.range.from);
  EXPECT_EQ(got->query.range.until, sent.query.range.until);
  EXPECT_EQ(got->query.total, sent.query.total);
  EXPECT_EQ(got->query.trailing, sent.query.trailing);
  EXPECT_EQ(got->query.aggregates, sent.query.aggregates);
}

TEST(OwnerRequestTest, ARequestOfAnotherProgramVersionIsToldSo) {
  const std::string old =
      R"({"verb":0,"format":0,"keys":["a"],"rollup":[],"total":false,"version":0})";
  auto changed = nlohmann::json::parse(FullRequest().ToJson());
  // Programs from before protocols had numbers refuse verbs that they don't know in these words.
  EXPECT_GT(changed["verb"].get<int>(), 3);
  changed["protocol"] = 1000;
  for (const std::string& text : {old, changed.dump()}) {
    const Status status = OwnerRequest::FromJson(text).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_EQ(status.message(), "a request of another program version");
  }
}

TEST(OwnerRequestTest, WhatIsNoRequestIsRefused) {
  const std::string good = FullRequest().ToJson();
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(OwnerRequest::FromJson(good.substr(0, size)).status().code(), Code::kInvalidArgument);
  }
  auto changed = nlohmann::json::parse(good);
  changed["query"]["keys"][1]["parts"][0][0] = "zz";
  EXPECT_EQ(OwnerRequest::FromJson(changed.dump()).status().code(), Code::kInvalidArgument);
  for (const char* text : {"5", "[]", "{\"protocol\":2}", "null"}) {
    EXPECT_EQ(OwnerRequest::FromJson(text).status().code(), Code::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace murmur
