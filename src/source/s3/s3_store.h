// S3 and stores that speak its protocol, as one of Arrow's filesystems.
#pragma once

#include <arrow/filesystem/filesystem.h>

#include <memory>
#include <string>
#include <string_view>

#include "murmur/definition.h"
#include "murmur/status.h"

namespace murmur {

inline constexpr std::string_view kS3Scheme = "s3://";

// Reaches what `spec` says under endpoint ("http://127.0.0.1:9000"; none: AWS), region (default:
// AWS_REGION, AWS_DEFAULT_REGION, else us-east-1), path_style (default: true with an endpoint),
// access_key, secret_key and session_token, which may refer to environment variables. Without keys
// the standard chain decides: environment, profile, web identity, instance.
// Errors: kInvalidArgument, kNotFound (a variable is not set), kUnavailable.
// `allow_buckets`: may make them, for tests.
Result<std::shared_ptr<arrow::fs::FileSystem>> OpenS3(const SourceSpec& spec,
                                                      bool allow_buckets = false);

// What to do about an error of the store; empty: nobody knows.
std::string_view S3Remedy(std::string_view message);

}  // namespace murmur
