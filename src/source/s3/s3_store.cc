#include "source/s3/s3_store.h"

#include <arrow/filesystem/s3fs.h>

#include "source/aws/credentials.h"
#include "source/objects.h"
#include "source/s3/s3_client.h"

namespace murmur {
namespace {

Result<arrow::fs::S3Options> ArrowOptions(const SourceSpec& spec) {
  MURMUR_ASSIGN(arrow::fs::S3Options options, AwsSdkOptionsOf(spec));
  MURMUR_ASSIGN(const AwsEndpoint endpoint, AwsEndpointOf(spec, {"AWS_ENDPOINT_URL_S3"}));
  MURMUR_ASSIGN(const std::string path_style, AwsOption(spec, "path_style"));
  if (!path_style.empty() && path_style != "true" && path_style != "false") {
    return Status(Code::kInvalidArgument, "path_style: expected true or false");
  }
  options.scheme = endpoint.scheme;
  options.endpoint_override = endpoint.host;
  options.force_virtual_addressing = path_style == "false";
  return options;
}

}  // namespace

Result<std::shared_ptr<const ObjectStore>> OpenS3(const SourceSpec& spec) {
  MURMUR_ASSIGN(const arrow::fs::S3Options options, ArrowOptions(spec));
  const auto style = spec.options.find("path_style");
  S3ClientOptions client{.scheme = options.scheme,
                         .host = options.endpoint_override,
                         .region = options.region,
                         .credentials = nullptr};
  MURMUR_ASSIGN(client.credentials, AwsCredentialsOf(spec));
  client.path_style = style == spec.options.end() ? !client.host.empty() : style->second == "true";
  return std::shared_ptr<const ObjectStore>(std::make_shared<S3Client>(std::move(client)));
}

Result<std::shared_ptr<arrow::fs::FileSystem>> OpenS3ForWriting(const SourceSpec& spec) {
  MURMUR_ASSIGN(arrow::fs::S3Options options, ArrowOptions(spec));
  options.allow_bucket_creation = true;
  options.allow_delayed_open = true;  // small objects are written in one request
  auto store = arrow::fs::S3FileSystem::Make(options);
  if (!store.ok()) return FromArrow(store.status(), "opening the S3 store");
  return std::shared_ptr<arrow::fs::FileSystem>(*std::move(store));
}

}  // namespace murmur
