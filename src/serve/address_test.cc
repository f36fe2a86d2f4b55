#include "serve/address.h"

#include <gtest/gtest.h>

namespace murmur {
namespace {

TEST(ServeAddressTest, WhatItMayBe) {
  EXPECT_EQ(ParseServeAddress("8080")->ToString(), "127.0.0.1:8080");
  EXPECT_EQ(ParseServeAddress("localhost:1")->ToString(), "localhost:1");
  EXPECT_EQ(ParseServeAddress("[::1]:65535")->ToString(), "[::1]:65535");
  for (const char* wrong : {"", ":", ":80", "a:b", "::1:80", "1.2.3.4:65536", "1.2.3.4:-1"}) {
    EXPECT_EQ(ParseServeAddress(wrong).status().code(), Code::kInvalidArgument) << wrong;
  }
}

TEST(ServeAddressTest, OtherMachinesReachAllButLoopback) {
  for (const char* own : {"80", "127.9.9.9:80", "[::1]:80", "localhost:80"}) {
    EXPECT_TRUE(ParseServeAddress(own)->IsLoopback()) << own;
  }
  for (const char* open : {"0.0.0.0:80", "[::]:80", "10.0.0.1:80", "example.org:80"}) {
    EXPECT_FALSE(ParseServeAddress(open)->IsLoopback()) << open;
  }
}

}  // namespace
}  // namespace murmur
