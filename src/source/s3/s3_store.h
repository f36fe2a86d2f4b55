// S3 and stores that speak its protocol, as a definition names them.
#pragma once

#include <arrow/filesystem/filesystem.h>

#include <memory>
#include <string>
#include <string_view>

#include "murmur/definition.h"
#include "murmur/status.h"
#include "source/listing.h"

namespace murmur {

inline constexpr std::string_view kS3Scheme = "s3://";

// The store that `spec` describes by: endpoint ("http://127.0.0.1:9000"; default:
// AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, else AWS), region (default: AWS_REGION,
// AWS_DEFAULT_REGION, else us-east-1), path_style (default: true with an endpoint), access_key,
// secret_key and session_token, which may refer to environment variables. Without keys the standard
// chain decides: environment, profile, web identity, instance.
// Errors: kInvalidArgument, kNotFound (a variable is not set).
Result<std::shared_ptr<const ObjectStore>> OpenS3(const SourceSpec& spec);

// The same store as an Arrow filesystem, which may make buckets; for tests.
Result<std::shared_ptr<arrow::fs::FileSystem>> OpenS3ForWriting(const SourceSpec& spec);

}  // namespace murmur
