#include "source/aws/signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace murmur {
namespace {

using testing::Contains;
using testing::EndsWith;

// Source: docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, its examples.
TEST(SignedHeaders, AreThoseOfSignatureVersionFour) {
  const AwsCredentials credentials{.access_key = "AKIAIOSFODNN7EXAMPLE",
                                   .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                                   .session_token = ""};
  const auto headers =
      SignedHeaders(credentials, {.host = "examplebucket.s3.amazonaws.com",
                                  .uri = "/",
                                  .query = "lifecycle=",
                                  .headers = {{"x-amz-content-sha256", Sha256Hex("")}},
                                  .service = "s3",
                                  .region = "us-east-1",
                                  .time = "20130524T000000Z"});
  EXPECT_THAT(headers, Contains(EndsWith(
                           "Signature="
                           "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")));
}

// Source: botocore 1.44 (botocore.auth.SigV4Auth) over the same request.
TEST(SignedHeaders, CoverTheBodyAndTheSessionToken) {
  const AwsCredentials credentials{
      .access_key = "AKIDEXAMPLE", .secret_key = "secret", .session_token = "token/+="};
  const auto headers =
      SignedHeaders(credentials, {.method = "POST",
                                  .host = "dynamodb.eu-west-1.amazonaws.com",
                                  .uri = "/",
                                  .body = R"({"TableName":"orders"})",
                                  .headers = {{"x-amz-target", "DynamoDB_20120810.DescribeTable"},
                                              {"content-type", "application/x-amz-json-1.0"}},
                                  .service = "dynamodb",
                                  .region = "eu-west-1",
                                  .time = "20260301T120000Z"});
  EXPECT_THAT(headers, Contains("x-amz-security-token: token/+="));
  EXPECT_THAT(headers,
              Contains(EndsWith(
                  "Signature=c41e29c6829594ea2f92713dee81c5c246529071b61a8ecdb0b8a171235d041c")));
}

TEST(AwsTime, IsInUtcWithoutPunctuation) {
  EXPECT_EQ(AwsTime(1'700'000'000'999'999), "20231114T221320Z");
}

}  // namespace
}  // namespace murmur
