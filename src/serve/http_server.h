// HTTP/1.1 for a service of requests: Boost.Beast behind one small file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "murmur/status.h"
#include "serve/call_pool.h"
#include "serve/http_service.h"
#include "serve/limits.h"

namespace murmur {

class HttpServer {
 public:
  // Listens at HOST:PORT; port 0 takes a free one. All outlive the server; `pool` has the calls
  // that take long. Errors: kInvalidArgument (no address), kUnavailable (can't listen; says why).
  static Result<std::unique_ptr<HttpServer>> Listen(const std::string& address,
                                                    const HttpService* service,
                                                    const ServeLimits* limits, CallPool* pool);
  virtual ~HttpServer() = default;
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  virtual std::string Address() const = 0;  // "127.0.0.1:8080"
  // Takes no more connections and requests. Answers under way go on until the server is destroyed.
  virtual void StopListening() = 0;

 protected:
  HttpServer() = default;
};

}  // namespace murmur
