// What the server answers by HTTP, whatever brings the requests: the Connect protocol for programs,
// GET requests for people. Threads: any.
//
//   POST /murmur.v1.Query/METHOD   connect_service.h
//   GET  /v1…                      get_service.h
//   GET  /openapi.json, /healthz
#pragma once

#include <chrono>

#include "murmur/state.h"
#include "serve/connect_service.h"
#include "serve/get_service.h"
#include "serve/http_message.h"
#include "serve/query_methods.h"

namespace murmur {

class HttpService {
 public:
  // `methods` outlives the service.
  explicit HttpService(const QueryMethods* methods)
      : methods_(*methods), connect_(methods), get_(methods) {}

  // Whether the answer needs so little that no thread of its own is worth it.
  bool IsQuick(const HttpRequest& request) const;
  // `stop`: the client has left, or the server ends.
  HttpAnswer Answer(const HttpRequest& request, const std::stop_token& stop) const;

 private:
  const QueryMethods& methods_;
  const ConnectService connect_;
  const GetService get_;
};

}  // namespace murmur
