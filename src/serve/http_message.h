// A request and its answer by HTTP, as the handlers see them: no socket, no library.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "murmur/state.h"
#include "murmur/status.h"

namespace murmur {

struct HttpCall {
  std::string method;  // "GET"
  std::string path;    // "/v1/page_views", still with its %XX
  std::string query;   // after the "?", still with its %XX
  std::string body;
  // By name in lower case. A name that occurs twice has the values joined by ", ".
  std::map<std::string, std::string, std::less<>> headers;

  std::string_view header(std::string_view name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string_view() : std::string_view(found->second);
  }
};

struct HttpResponse {
  int code = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
};

// Sends pieces of a body whose length isn't known: waits until each has been taken.
// Errors: kUnavailable (the client has left), kDeadlineExceeded.
using WriteBody = std::function<Status(std::string_view)>;

// What a request is answered with: a response, or a head and then a body in pieces.
struct HttpReply {
  HttpResponse response;
  // Set: its status ends the body; an error breaks the connection off, so that nobody takes a part
  // for the whole.
  std::function<Status(const WriteBody&)> stream = {};
};

}  // namespace murmur
