#include "source/aws/signature.h"

#include <fmt/format.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "base/civil_time.h"
#include "base/hex.h"

namespace murmur {
namespace {

std::string Sha256(std::string_view text) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

std::string HmacSha256(std::string_view key, std::string_view text) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(),
       reinterpret_cast<unsigned char*>(digest.data()), &size);
  return digest;
}

std::string Signature(const AwsCredentials& credentials, const AwsRequest& request,
                      const std::string& scope, const std::string& canonical) {
  const std::string text =
      fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", request.time, scope, Sha256Hex(canonical));
  std::string key = "AWS4" + credentials.secret_key;
  for (const std::string_view part :
       {std::string_view(request.time).substr(0, 8), std::string_view(request.region),
        request.service, std::string_view("aws4_request")}) {
    key = HmacSha256(key, part);
  }
  return ToHex(HmacSha256(key, text));
}

}  // namespace

std::string Sha256Hex(std::string_view text) { return ToHex(Sha256(text)); }

std::string AwsTime(int64_t micros) {
  const auto now = static_cast<std::time_t>(micros / kMicrosPerSecond);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &utc);
  return text.data();
}

std::vector<std::string> SignedHeaders(const AwsCredentials& credentials,
                                       const AwsRequest& request) {
  auto headers = request.headers;
  headers.emplace_back("host", request.host);
  headers.emplace_back("x-amz-date", request.time);
  if (!credentials.session_token.empty()) {
    headers.emplace_back("x-amz-security-token", credentials.session_token);
  }
  std::sort(headers.begin(), headers.end());
  std::string names;
  std::string lines;
  std::vector<std::string> all;
  for (const auto& [name, value] : headers) {
    names += (names.empty() ? "" : ";") + name;
    lines += fmt::format("{}:{}\n", name, value);
    all.push_back(fmt::format("{}: {}", name, value));
  }
  const std::string canonical = fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, request.uri,
                                            request.query, lines, names, Sha256Hex(request.body));
  const std::string scope = fmt::format("{}/{}/{}/aws4_request", request.time.substr(0, 8),
                                        request.region, request.service);
  all.push_back(fmt::format(
      "authorization: AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}",
      credentials.access_key, scope, names, Signature(credentials, request, scope, canonical)));
  return all;
}

}  // namespace murmur
