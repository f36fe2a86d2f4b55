#include "source/s3/s3_store.h"

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

// Of the client, for one request; whole reads are tried again by retrying_file.h.
constexpr int64_t kAttemptsMax = 4;
constexpr double kConnectTimeoutSeconds = 5;
constexpr double kRequestTimeoutSeconds = 20;
constexpr const char* kDefaultRegion = "us-east-1";

std::atomic<bool> is_started{false};

// Once a process; Shutdown ends it.
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
  return FromArrow(started, "starting the S3 client");
}

// The option with references resolved; empty where it is not given.
Result<std::string> Option(const SourceSpec& spec, const std::string& name) {
  const auto it = spec.options.find(name);
  if (it == spec.options.end()) return std::string();
  return ResolveSecret(it->second);
}

std::string DefaultRegion() {
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  }
  return kDefaultRegion;
}

Status SetCredentials(const SourceSpec& spec, arrow::fs::S3Options* options) {
  MURMUR_ASSIGN(const std::string access_key, Option(spec, "access_key"));
  MURMUR_ASSIGN(const std::string secret_key, Option(spec, "secret_key"));
  MURMUR_ASSIGN(const std::string session_token, Option(spec, "session_token"));
  if (access_key.empty() != secret_key.empty()) {
    return Status(Code::kInvalidArgument, "access_key and secret_key belong together");
  }
  if (access_key.empty()) {
    options->ConfigureDefaultCredentials();
  } else {
    options->ConfigureAccessKey(access_key, secret_key, session_token);
  }
  return {};
}

Status SetEndpoint(const SourceSpec& spec, arrow::fs::S3Options* options) {
  MURMUR_ASSIGN(const std::string endpoint, Option(spec, "endpoint"));
  MURMUR_ASSIGN(const std::string path_style, Option(spec, "path_style"));
  std::string_view host = endpoint;
  for (const char* scheme : {"http", "https"}) {
    const std::string prefix = std::string(scheme) + "://";
    if (!host.starts_with(prefix)) continue;
    options->scheme = scheme;
    host.remove_prefix(prefix.size());
  }
  while (host.ends_with('/')) host.remove_suffix(1);
  options->endpoint_override = host;
  if (!path_style.empty() && path_style != "true" && path_style != "false") {
    return Status(Code::kInvalidArgument, "path_style: expected true or false");
  }
  options->force_virtual_addressing = path_style == "false";
  return {};
}

}  // namespace

Result<std::shared_ptr<arrow::fs::FileSystem>> OpenS3(const SourceSpec& spec, bool allow_buckets) {
  MURMUR_TRY(StartSdk());
  arrow::fs::S3Options options;
  MURMUR_TRY(SetCredentials(spec, &options));
  MURMUR_TRY(SetEndpoint(spec, &options));
  MURMUR_ASSIGN(options.region, Option(spec, "region"));
  if (options.region.empty()) options.region = DefaultRegion();
  options.allow_bucket_creation = allow_buckets;
  options.allow_delayed_open = true;  // small objects are written in one request
  options.connect_timeout = kConnectTimeoutSeconds;
  options.request_timeout = kRequestTimeoutSeconds;
  options.retry_strategy = arrow::fs::S3RetryStrategy::GetAwsStandardRetryStrategy(kAttemptsMax);
  auto store = arrow::fs::S3FileSystem::Make(options);
  if (!store.ok()) return FromArrow(store.status(), "opening the S3 store");
  return std::shared_ptr<arrow::fs::FileSystem>(*std::move(store));
}

void Shutdown() noexcept {
  if (is_started) (void)arrow::fs::EnsureS3Finalized();
}

std::string_view S3Remedy(std::string_view message) {
  const auto has = [message](std::string_view part) { return message.find(part) != message.npos; };
  if (has("ACCESS_DENIED") || has("SignatureDoesNotMatch") || has("SIGNATURE_DOES_NOT_MATCH") ||
      has("INVALID_ACCESS_KEY_ID") || has("InvalidAccessKeyId") || has("HTTP status 403")) {
    return "the store refuses these credentials, or they may not read there: check "
           "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or the profile), and the region";
  }
  if (has("NO_SUCH_BUCKET") || has("NoSuchBucket"))
    return "there is no such bucket: check the path";
  if (has("NETWORK_CONNECTION") || has("curlCode")) {
    return "the store can't be reached: check `endpoint:` and the network";
  }
  if (has("SLOW_DOWN") || has("SERVICE_UNAVAILABLE") || has("HTTP status 503")) {
    return "the store is overloaded; go on later, what was committed is safe";
  }
  return "";
}

}  // namespace murmur
