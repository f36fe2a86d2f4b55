// The servers of one process: HTTP and gRPC over the same methods.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "murmur/status.h"
#include "serve/pipelines.h"

namespace murmur {

// Addresses as ParseServeAddress takes them; empty: that server is not wanted.
struct ServeOptions {
  std::string http;
  std::string grpc;
  // Whether addresses that other machines reach are allowed: there is no authentication yet.
  bool insecure = false;
};

// Serves until it is destroyed.
class Server {
 public:
  // Errors: kInvalidArgument (an address, or one that other machines reach without `insecure`),
  // kUnavailable (can't listen).
  static Result<std::unique_ptr<Server>> Start(Pipelines pipelines, const ServeOptions& options);
  ~Server();

  // "http://127.0.0.1:8080", "grpc://127.0.0.1:9090", as far as they are there.
  std::vector<std::string> Addresses() const;

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);

  const std::unique_ptr<Parts> parts_;
};

}  // namespace murmur
