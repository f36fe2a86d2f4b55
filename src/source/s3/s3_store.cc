#include "source/s3/s3_store.h"

#include <arrow/filesystem/s3fs.h>

#include <atomic>
#include <cstdlib>
#include <mutex>

#include "definition/secret.h"
#include "murmur/run.h"
#include "source/client_library.h"
#include "source/objects.h"
#include "source/s3/s3_client.h"

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
  MURMUR_ASSIGN(std::string endpoint, Option(spec, "endpoint"));
  for (const char* name : {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}) {
    const char* const value = std::getenv(name);
    if (endpoint.empty() && value != nullptr) endpoint = value;
  }
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

Result<arrow::fs::S3Options> ArrowOptions(const SourceSpec& spec) {
  MURMUR_TRY(StartSdk());
  arrow::fs::S3Options options;
  MURMUR_TRY(SetCredentials(spec, &options));
  MURMUR_TRY(SetEndpoint(spec, &options));
  MURMUR_ASSIGN(options.region, Option(spec, "region"));
  if (options.region.empty()) options.region = DefaultRegion();
  return options;
}

// If keys are replaced meanwhile, they are read once more, so that they belong together.
S3Credentials CredentialsOf(const arrow::fs::S3Options& options) {
  S3Credentials credentials;
  do {
    credentials = {.access_key = options.GetAccessKey(),
                   .secret_key = options.GetSecretKey(),
                   .session_token = options.GetSessionToken()};
  } while (credentials.access_key != options.GetAccessKey());
  return credentials;
}

}  // namespace

Result<std::shared_ptr<const ObjectStore>> OpenS3(const SourceSpec& spec) {
  MURMUR_ASSIGN(const arrow::fs::S3Options options, ArrowOptions(spec));
  const auto style = spec.options.find("path_style");
  S3ClientOptions client{.scheme = options.scheme,
                         .host = options.endpoint_override,
                         .region = options.region,
                         .credentials = [options] { return CredentialsOf(options); }};
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

void Shutdown() noexcept {
  if (is_started) (void)arrow::fs::EnsureS3Finalized();
}

}  // namespace murmur
