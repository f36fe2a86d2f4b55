// What a definition says of AWS: keys, region, and where it is asked, which the environment may say
// instead.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>

#include "murmur/definition.h"
#include "murmur/status.h"
#include "source/aws/signature.h"

namespace arrow::fs {
struct S3Options;
}

namespace murmur {

// The option with references resolved; empty where it is not given.
Result<std::string> AwsOption(const SourceSpec& spec, const std::string& name);

// `region`; default: AWS_REGION, AWS_DEFAULT_REGION, else us-east-1.
Result<std::string> AwsRegionOf(const SourceSpec& spec);

struct AwsEndpoint {
  std::string scheme = "https";
  std::string host;  // with a port if it has one; empty: AWS
};
// `endpoint` ("http://127.0.0.1:9000"); default: the first of `variables` that is set, else
// AWS_ENDPOINT_URL.
Result<AwsEndpoint> AwsEndpointOf(const SourceSpec& spec,
                                  std::initializer_list<const char*> variables);

// Gives the present keys: those of `access_key`, `secret_key` and `session_token`, or else what the
// standard chain finds: environment, profile, web identity, instance. They may change with time.
// Threads: any.
using AwsCredentialsSource = std::function<AwsCredentials()>;
// Errors: kInvalidArgument (one key without the other), kFailedPrecondition (the SDK's library is
// missing).
Result<AwsCredentialsSource> AwsCredentialsOf(const SourceSpec& spec);

// The same for the SDK's own client.
Result<arrow::fs::S3Options> AwsSdkOptionsOf(const SourceSpec& spec);

}  // namespace murmur
