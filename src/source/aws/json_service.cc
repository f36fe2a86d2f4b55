#include "source/aws/json_service.h"

#include <fmt/format.h>
#include <isa-l/crc.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/clock.h"

namespace murmur {
namespace {

constexpr int64_t kMicrosPerMilli = 1000;
// Less is the time that an answer takes, and dates have whole seconds.
constexpr int64_t kClockDiffersMillis = 5000;
constexpr std::chrono::milliseconds kFirstPause{50};
constexpr std::chrono::milliseconds kLongestPause{10'000};

bool IsAboutTime(std::string_view exception) {
  constexpr std::array<std::string_view, 6> kNames = {
      "InvalidSignatureException", "SignatureDoesNotMatch",
      "RequestTimeTooSkewed",      "RequestExpired",
      "RequestInTheFuture",        "AuthFailure"};
  return std::find(kNames.begin(), kNames.end(), exception) != kNames.end();
}

// "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException:http://…" → its name.
std::string NameOf(std::string_view type) {
  type = type.substr(0, type.find(':'));
  return std::string(type.substr(type.find('#') + 1));
}

void ReadException(AwsAnswer* answer) {
  const auto json = nlohmann::json::parse(answer->body, nullptr, /*allow_exceptions=*/false);
  const auto text = [&json](const char* name) {
    const auto it = json.is_object() ? json.find(name) : json.end();
    return json.is_object() && it != json.end() && it->is_string() ? it->get<std::string>() : "";
  };
  answer->exception = NameOf(text("__type"));
  answer->message = text("message");
  if (answer->message.empty()) answer->message = text("Message");
  if (answer->exception.empty()) answer->exception = fmt::format("HTTP {}", answer->http_status);
}

// Whether the body is what was sent; also if the service does not say.
bool IsWhole(const HttpAnswer& answer) {
  const std::string_view said = answer.Header("x-amz-crc32");
  uint32_t expected = 0;
  const auto parsed = std::from_chars(said.data(), said.data() + said.size(), expected);
  if (said.empty() || parsed.ec != std::errc()) return true;
  return crc32_gzip_refl(0, reinterpret_cast<const unsigned char*>(answer.body.data()),
                         answer.body.size()) == expected;
}

}  // namespace

AwsJsonService::AwsJsonService(AwsServiceOptions options)
    : options_(std::move(options)), http_("the service") {}

int64_t AwsClock::NowMillis() const {
  return Clock::System().WallMicros() / kMicrosPerMilli + ahead_.load();
}

bool AwsClock::Learn(std::string_view date) {
  std::tm time{};
  if (strptime(std::string(date).c_str(), "%a, %d %b %Y %H:%M:%S GMT", &time) == nullptr) {
    return false;
  }
  const int64_t here = Clock::System().WallMicros() / kMicrosPerMilli;
  const int64_t ahead = static_cast<int64_t>(timegm(&time)) * 1000 - here;
  if (std::abs(ahead - ahead_.load()) < kClockDiffersMillis) return false;
  ahead_ = std::abs(ahead) < kClockDiffersMillis ? 0 : ahead;
  return true;
}

Result<AwsAnswer> AwsJsonService::Ask(std::string_view operation, std::string_view body,
                                      const std::stop_token& stop) {
  bool learned = false;
  MURMUR_ASSIGN(AwsAnswer answer, AskOnce(operation, body, stop, &learned));
  if (!IsAboutTime(answer.exception) || !learned) return answer;
  return AskOnce(operation, body, stop, &learned);
}

Result<AwsAnswer> AwsJsonService::AskOnce(std::string_view operation, std::string_view body,
                                          const std::stop_token& stop, bool* learned) {
  const AwsCredentials credentials = options_.credentials();
  if (credentials.access_key.empty()) {
    return Status(Code::kPermissionDenied,
                  "there are no credentials of AWS: set AWS_ACCESS_KEY_ID and "
                  "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or say access_key and secret_key");
  }
  const AwsRequest request{.method = "POST",
                           .host = options_.endpoint.host,
                           .uri = "/",
                           .query = "",
                           .body = body,
                           .headers = {{"content-type", options_.content_type},
                                       {"x-amz-target", options_.target + std::string(operation)}},
                           .service = options_.name,
                           .region = options_.region,
                           .time = AwsTime(options_.clock->NowMillis() * kMicrosPerMilli)};
  std::vector<std::string> headers = SignedHeaders(credentials, request);
  headers.emplace_back("expect:");  // a body is sent at once
  MURMUR_ASSIGN(
      HttpAnswer got,
      http_.Ask({.url = fmt::format("{}://{}/", options_.endpoint.scheme, options_.endpoint.host),
                 .headers = std::move(headers),
                 .post = body},
                stop));
  *learned = options_.clock->Learn(got.Header("date"));
  if (!IsWhole(got)) {
    return Status(Code::kUnavailable, "the answer was damaged on its way (x-amz-crc32)");
  }
  AwsAnswer answer{.body = std::move(got.body), .http_status = got.status};
  if (answer.http_status != 200) ReadException(&answer);
  return answer;
}

bool IsThrottling(std::string_view exception) {
  constexpr std::array<std::string_view, 6> kNames = {
      "ThrottlingException",      "ProvisionedThroughputExceededException",
      "RequestLimitExceeded",     "LimitExceededException",
      "TooManyRequestsException", "SlowDown"};
  return std::find(kNames.begin(), kNames.end(), exception) != kNames.end();
}

void JitteredRetries::Progress(std::chrono::seconds patience) {
  longest_ = kFirstPause;
  give_up_ = std::chrono::steady_clock::now() + patience;
}

std::optional<std::chrono::milliseconds> JitteredRetries::Next() {
  if (std::chrono::steady_clock::now() >= give_up_) return std::nullopt;
  std::uniform_int_distribution<int64_t> pause(1, longest_.count());
  longest_ = std::min(2 * longest_, kLongestPause);
  return std::chrono::milliseconds(pause(random_));
}

}  // namespace murmur
