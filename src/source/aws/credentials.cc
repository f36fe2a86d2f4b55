#include "source/aws/credentials.h"

#include <arrow/filesystem/s3fs.h>

#include <atomic>
#include <cstdlib>
#include <mutex>

#include "definition/secret.h"
#include "murmur/run.h"
#include "source/client_library.h"
#include "source/objects.h"

namespace murmur {
namespace {

constexpr const char* kDefaultRegion = "us-east-1";

std::atomic<bool> is_started{false};

// Once per process; Shutdown ends it.
Status StartSdk() {
  MURMUR_TRY(LoadArrowS3());
  is_started = true;
  static std::once_flag once;
  static arrow::Status started;
  std::call_once(once, [] {
    arrow::fs::S3GlobalOptions options = arrow::fs::S3GlobalOptions::Defaults();
    options.log_level = arrow::fs::S3LogLevel::Off;
    started = arrow::fs::InitializeS3(options);
  });
  return FromArrow(started, "starting the AWS client");
}

// Empty: none of them is set.
std::string FromEnvironment(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  }
  return {};
}

Result<AwsCredentials> GivenKeys(const SourceSpec& spec) {
  AwsCredentials keys;
  MURMUR_ASSIGN(keys.access_key, AwsOption(spec, "access_key"));
  MURMUR_ASSIGN(keys.secret_key, AwsOption(spec, "secret_key"));
  MURMUR_ASSIGN(keys.session_token, AwsOption(spec, "session_token"));
  if (keys.access_key.empty() == keys.secret_key.empty()) return keys;
  return Status(Code::kInvalidArgument, "access_key and secret_key belong together");
}

// If keys are replaced meanwhile, they are read once more, so that they belong together.
AwsCredentials KeysIn(const arrow::fs::S3Options& options) {
  AwsCredentials keys;
  do {
    keys = {.access_key = options.GetAccessKey(),
            .secret_key = options.GetSecretKey(),
            .session_token = options.GetSessionToken()};
  } while (keys.access_key != options.GetAccessKey());
  return keys;
}

}  // namespace

Result<std::string> AwsOption(const SourceSpec& spec, const std::string& name) {
  const auto it = spec.options.find(name);
  if (it == spec.options.end()) return std::string();
  return ResolveSecret(it->second);
}

Result<std::string> AwsRegionOf(const SourceSpec& spec) {
  MURMUR_ASSIGN(std::string region, AwsOption(spec, "region"));
  if (region.empty()) region = FromEnvironment({"AWS_REGION", "AWS_DEFAULT_REGION"});
  return region.empty() ? kDefaultRegion : region;
}

Result<AwsEndpoint> AwsEndpointOf(const SourceSpec& spec,
                                  std::initializer_list<const char*> variables) {
  MURMUR_ASSIGN(std::string url, AwsOption(spec, "endpoint"));
  if (url.empty()) url = FromEnvironment(variables);
  if (url.empty()) url = FromEnvironment({"AWS_ENDPOINT_URL"});
  AwsEndpoint endpoint;
  std::string_view host = url;
  for (const char* scheme : {"http", "https"}) {
    const std::string prefix = std::string(scheme) + "://";
    if (!host.starts_with(prefix)) continue;
    endpoint.scheme = scheme;
    host.remove_prefix(prefix.size());
  }
  while (host.ends_with('/')) host.remove_suffix(1);
  endpoint.host = host;
  return endpoint;
}

Result<arrow::fs::S3Options> AwsSdkOptionsOf(const SourceSpec& spec) {
  MURMUR_TRY(StartSdk());
  arrow::fs::S3Options options;
  MURMUR_ASSIGN(const AwsCredentials keys, GivenKeys(spec));
  if (keys.access_key.empty()) {
    options.ConfigureDefaultCredentials();
  } else {
    options.ConfigureAccessKey(keys.access_key, keys.secret_key, keys.session_token);
  }
  MURMUR_ASSIGN(options.region, AwsRegionOf(spec));
  return options;
}

Result<AwsCredentialsSource> AwsCredentialsOf(const SourceSpec& spec) {
  MURMUR_ASSIGN(AwsCredentials keys, GivenKeys(spec));
  if (!keys.access_key.empty()) {
    return AwsCredentialsSource([keys = std::move(keys)] { return keys; });
  }
  MURMUR_ASSIGN(const arrow::fs::S3Options options, AwsSdkOptionsOf(spec));
  return AwsCredentialsSource([options] { return KeysIn(options); });
}

void Shutdown() noexcept {
  if (is_started) (void)arrow::fs::EnsureS3Finalized();
}

}  // namespace murmur
