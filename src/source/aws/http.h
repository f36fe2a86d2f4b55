// HTTP requests by libcurl, which is loaded for the first one. Connections are kept.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "murmur/status.h"

namespace murmur {

struct HttpRequest {
  std::string url;
  std::vector<std::string> headers;      // "name: value"
  std::optional<std::string_view> post;  // the body; empty: a GET
  // With a buffer, the body of a successful answer goes there; it is an error if it does not fit.
  std::span<char> out = {};
};

struct HttpAnswer {
  int status = 0;
  size_t size = 0;   // bytes of the body
  std::string body;  // if no buffer was given, or the answer is an error
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case

  // Empty: there is no such header. REQUIRES: `name` is in lower case
  std::string_view Header(std::string_view name) const noexcept {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return {};
  }
};

// Threads: Ask may be called at once.
class HttpClient {
 public:
  // `server`: what is asked, as messages say it: "the store".
  explicit HttpClient(std::string server);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  // The answer, with any status. Errors: kUnavailable (no answer, or it breaks off), kCancelled
  // (soon after a stop), kUnimplemented (libcurl is missing; says what to install).
  Result<HttpAnswer> Ask(const HttpRequest& request, const std::stop_token& stop);

 private:
  struct Connection;  // and whatever libcurl keeps with it

  std::unique_ptr<Connection> Take();

  const std::string server_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;  // under mutex_
};

}  // namespace murmur
