// GET requests by libcurl, which is loaded when the first one is made. Connections are kept.
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
  std::string body;    // where no buffer was given, or the answer is an error
  std::string region;  // what x-amz-bucket-region says
};

// Threads: Get may be called at once.
class HttpClient {
 public:
  HttpClient() = default;
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  // The answer, whatever its status. With `out`, the body of an answer that is no error goes there;
  // more than has room there is an error. Errors: kUnavailable (nobody answers, or the answer
  // breaks off), kCancelled, kUnimplemented (no libcurl here; says what to install).
  Result<HttpAnswer> Get(const std::string& url, const std::vector<std::string>& headers,
                         std::span<char> out, const std::stop_token& stop);

 private:
  std::mutex mutex_;
  std::vector<void*> idle_;  // handles, each with its connections
};

}  // namespace murmur
