// S3 as a store of keys: lists and reads any possible key ("//" in it, a '/' at its end), which
// Arrow's filesystem of folders can't.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "source/aws/credentials.h"
#include "source/aws/http.h"
#include "source/listing.h"

namespace murmur {

struct S3ClientOptions {
  std::string scheme = "https";
  std::string host;  // of the endpoint, with a port if it has one; empty: AWS
  std::string region;
  bool path_style = true;  // else the bucket is the first part of the host
  AwsCredentialsSource credentials;
};

// Writes bytes as %XX, except those that need no encoding (RFC 3986) and those in `keep`.
std::string PercentEncoded(std::string_view text, std::string_view keep = "");

struct ListedPage {
  std::vector<SourceObject> objects;  // names are keys
  std::string next;                   // the token of the next page; empty: the last
};
// An answer to ListObjectsV2. Errors: kDataLoss.
Result<ListedPage> ParseListing(std::string_view xml);

class S3Client final : public ObjectStore {
 public:
  explicit S3Client(S3ClientOptions options) : options_(std::move(options)) {}

  Result<std::vector<SourceObject>> List(const std::string& prefix, size_t limit,
                                         const std::stop_token& stop) const override;
  Result<std::shared_ptr<arrow::io::RandomAccessFile>> Open(
      const std::string& name, const SourceObject& object) const override;

  // One request. With an empty `key`, for the bucket itself. Errors: the store's answer as a code
  // with a remedy; kUnavailable may be retried.
  Result<HttpAnswer> Get(const std::string& bucket, const std::string& key,
                         const std::string& query, std::vector<std::string> headers,
                         std::span<char> out, const std::stop_token& stop) const;

 private:
  const S3ClientOptions options_;
  mutable HttpClient http_{"the store"};
};

}  // namespace murmur
