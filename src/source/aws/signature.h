// Signature Version 4 of requests to AWS, and to whoever speaks its protocols.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace murmur {

struct AwsCredentials {
  std::string access_key;  // empty: there are none
  std::string secret_key;
  std::string session_token;
};

struct AwsRequest {
  std::string_view method = "GET";
  std::string host;   // with a port if it has one
  std::string uri;    // the encoded path
  std::string query;  // encoded, in order of names
  std::string_view body = {};
  // Signed besides those of the signature; names in lower case.
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string_view service;
  std::string region;
  std::string time;  // "20260301T120000Z"
};

// The headers of the request as "name: value", signed. Source:
// docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
std::vector<std::string> SignedHeaders(const AwsCredentials& credentials,
                                       const AwsRequest& request);

// A time as AwsRequest has it.
std::string AwsTime(int64_t micros);

std::string Sha256Hex(std::string_view text);

}  // namespace murmur
