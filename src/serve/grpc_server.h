// murmur.v1.Query by gRPC, with its health and reflection services.
#pragma once

#include <memory>
#include <string>

#include "murmur/status.h"
#include "serve/call_metrics.h"
#include "serve/call_pool.h"
#include "serve/query_methods.h"

namespace murmur {

class GrpcServer {
 public:
  // As HttpServer::Listen.
  static Result<std::unique_ptr<GrpcServer>> Listen(const std::string& address,
                                                    const QueryMethods* methods,
                                                    CallMetrics* metrics, CallPool* pool);
  // Ends the calls under way.
  virtual ~GrpcServer() = default;
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;

  virtual std::string Address() const = 0;

 protected:
  GrpcServer() = default;
};

}  // namespace murmur
