// GET requests by libcurl, which is loaded for the first one. Connections are kept.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/status.h"

namespace murmur {

struct HttpAnswer {
  int status = 0;
  size_t size = 0;     // bytes of the body
  std::string body;    // if no buffer was given, or the answer is an error
  std::string region;  // the value of x-amz-bucket-region
};

// Threads: Get may be called at once.
class HttpClient {
 public:
  HttpClient() = default;
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  // The answer, with any status. With `out`, the body of a successful answer goes there; it is an
  // error if it does not fit. Errors: kUnavailable (no answer, or it breaks off), kCancelled,
  // kUnimplemented (libcurl is missing; says what to install).
  Result<HttpAnswer> Get(const std::string& url, const std::vector<std::string>& headers,
                         std::span<char> out, const std::stop_token& stop);

 private:
  std::mutex mutex_;
  std::vector<void*> idle_;  // handles, each with its connections
};

}  // namespace murmur
