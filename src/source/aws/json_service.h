// A service of AWS that is asked by POSTs of JSON (DynamoDB, Kinesis).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <string_view>

#include "murmur/status.h"
#include "source/aws/credentials.h"
#include "source/aws/http.h"

namespace murmur {

// The time by the clock of a service, which may differ from the one here. Threads: any.
class AwsClock {
 public:
  // In ms since the Unix epoch.
  int64_t NowMillis() const;
  // Takes the Date of an answer. Whether it differs by something that was not known.
  bool Learn(std::string_view date);

 private:
  std::atomic<int64_t> ahead_{0};  // ms by which the service's clock is ahead
};

struct AwsServiceOptions {
  std::string name;    // as signatures have it: "dynamodb"
  std::string target;  // before the operation in x-amz-target: "DynamoDB_20120810."
  std::string content_type = "application/x-amz-json-1.0";
  AwsEndpoint endpoint;
  std::string region;
  AwsCredentialsSource credentials;
  std::shared_ptr<AwsClock> clock = std::make_shared<AwsClock>();
};

struct AwsAnswer {
  std::string body;
  std::string exception;  // "ThrottlingException"; empty: it is the answer to what was asked
  std::string message;    // of the exception
  int http_status = 0;
};

// Threads: any.
class AwsJsonService {
 public:
  explicit AwsJsonService(AwsServiceOptions options);

  // One request. Where the clock here is wrong, requests are dated by the service's. Errors:
  // kUnavailable (no answer, a damaged one), kPermissionDenied (there are no credentials),
  // kCancelled; an exception is none.
  Result<AwsAnswer> Ask(std::string_view operation, std::string_view body,
                        const std::stop_token& stop);

  const std::string& region() const noexcept { return options_.region; }
  const std::string& host() const noexcept { return options_.endpoint.host; }

 private:
  // *learned: the clock here is wrong by something that was not known.
  Result<AwsAnswer> AskOnce(std::string_view operation, std::string_view body,
                            const std::stop_token& stop, bool* learned);

  const AwsServiceOptions options_;
  HttpClient http_;
};

// Whether a service says by this exception that it is asked too often.
bool IsThrottling(std::string_view exception);

// How long to wait before something is tried again: a random time, up to twice as long each time.
// Source: aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter
class JitteredRetries {
 public:
  explicit JitteredRetries(std::chrono::seconds patience) { Progress(patience); }
  // Something has progressed: from now on there is `patience`.
  void Progress(std::chrono::seconds patience);
  // Empty: there have been enough tries.
  std::optional<std::chrono::milliseconds> Next();

 private:
  std::minstd_rand random_{std::random_device()()};
  std::chrono::milliseconds longest_{};
  std::chrono::steady_clock::time_point give_up_;
};

}  // namespace murmur
