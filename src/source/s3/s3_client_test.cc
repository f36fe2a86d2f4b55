#include "source/s3/s3_client.h"

#include <gtest/gtest.h>

namespace murmur {
namespace {

TEST(PercentEncoded, LeavesWhatNeedsNoEncoding) {
  EXPECT_EQ(PercentEncoded("a-b.c_d~e/f g+%\xC3\xA9", "/"), "a-b.c_d~e/f%20g%2B%25%C3%A9");
  EXPECT_EQ(PercentEncoded("/"), "%2F");
}

TEST(ParseListing, ReadsKeysOfEveryKind) {
  const auto page = ParseListing(
      "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a//&lt;&amp;&#x41;&#233;/"
      "</Key><LastModified>2023-11-14T22:13:20.120Z</LastModified><ETag>&quot;ab&quot;</ETag>"
      "<Size>12</Size><StorageClass>GLACIER</StorageClass></Contents>"
      "<NextContinuationToken>x&amp;y</NextContinuationToken></ListBucketResult>");
  ASSERT_TRUE(page.ok()) << page.status().ToString();
  EXPECT_EQ(page->next, "x&y");
  ASSERT_EQ(page->objects.size(), 1u);
  const SourceObject& object = page->objects.front();
  EXPECT_EQ(object.name, "a//<&A\u00e9/");
  EXPECT_EQ(object.size, 12u);
  EXPECT_EQ(object.mtime_ns, 1'700'000'000'120'000'000);
  EXPECT_EQ(object.tag, "ab");
  EXPECT_EQ(object.cold, "GLACIER");
}

TEST(ParseListing, WhatIsNoListingIsDamage) {
  for (const char* text :
       {"", "<html>", "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>x</Size></Contents></ListBucketResult>"}) {
    EXPECT_EQ(ParseListing(text).status().code(), Code::kDataLoss) << text;
  }
}

}  // namespace
}  // namespace murmur
