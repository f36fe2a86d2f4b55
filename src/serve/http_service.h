// What the server answers by HTTP, whatever brings the requests: the Connect protocol for programs,
// GET requests for people. Threads: any.
//
//   POST /murmur.v1.Query/METHOD   connect_service.h
//   GET  /v1…                      get_service.h
//   GET  /metrics, /openapi.json, /healthz
#pragma once

#include <chrono>

#include "murmur/state.h"
#include "serve/call_metrics.h"
#include "serve/connect_service.h"
#include "serve/get_service.h"
#include "serve/http_message.h"
#include "serve/query_methods.h"

namespace murmur {

class HttpService {
 public:
  // Both outlive the service.
  HttpService(const QueryMethods* methods, CallMetrics* metrics)
      : methods_(*methods),
        metrics_(*metrics),
        connect_(methods, metrics),
        get_(methods, metrics) {}

  // Whether the answer needs so little that no thread of its own is worth it.
  bool IsQuick(const HttpCall& request) const;
  // `stop`: the client has left, or the server ends.
  HttpReply Answer(const HttpCall& request, const std::stop_token& stop) const;

 private:
  HttpReply Metrics(const std::stop_token& stop) const;

  const QueryMethods& methods_;
  const CallMetrics& metrics_;
  const ConnectService connect_;
  const GetService get_;
};

}  // namespace murmur
