// murmur.v1.Query by the Connect protocol's rules for unary calls, in JSON and in binary form.
// Compressed bodies are refused; the protocol lets a server speak `identity` alone.
// Source: connectrpc.com/docs/protocol, "Unary-Request" and "Unary-Response".
// Threads: any.
#pragma once

#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>

#include "serve/call_metrics.h"
#include "serve/http_message.h"
#include "serve/query_methods.h"

namespace murmur {

class ConnectService {
 public:
  // Both outlive the service.
  ConnectService(const QueryMethods* methods, CallMetrics* metrics);

  static bool Takes(std::string_view path) { return path.starts_with(kPrefix); }
  bool IsQuick(const HttpCall& request) const;
  HttpResponse Answer(const HttpCall& request, const std::stop_token& stop) const;

 private:
  static constexpr std::string_view kPrefix = "/murmur.v1.Query/";

  // Takes and gives a message's text or bytes.
  using Call = std::function<Result<std::string>(const std::string& body, bool is_json,
                                                 const ScanLimit& limit)>;
  struct Method {
    Call call;
    CallMetrics::Series* calls = nullptr;
    bool quick = false;
  };
  template <class Request, class Response>
  void Add(const char* name, CallMetrics* metrics, bool quick,
           Status (QueryMethods::*method)(const Request&, const ScanLimit&, Response*) const);
  Result<ScanLimit> LimitOf(const HttpCall& request, const std::stop_token& stop) const;

  const QueryMethods& methods_;
  std::map<std::string, Method, std::less<>> by_name_;  // filled by the constructor
};

}  // namespace murmur
