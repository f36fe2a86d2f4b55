#include "serve/server.h"

#include <utility>

#include "serve/address.h"
#include "serve/call_metrics.h"
#include "serve/call_pool.h"
#include "serve/grpc_server.h"
#include "serve/http_server.h"
#include "serve/http_service.h"
#include "serve/limits.h"
#include "serve/query_methods.h"

namespace murmur {
namespace {

constexpr size_t kPoolThreads = 4;

Status CheckReach(const std::string& text, bool insecure) {
  if (text.empty()) return {};
  MURMUR_ASSIGN(const ServeAddress address, ParseServeAddress(text));
  if (address.IsLoopback() || insecure) return {};
  return Status(Code::kInvalidArgument,
                "other machines reach " + address.ToString() +
                    ", and nobody has to say who they are: to allow that, add --insecure");
}

}  // namespace

struct Server::Parts {
  explicit Parts(Pipelines given) : pipelines(std::move(given)) {}

  const Pipelines pipelines;
  const ServeLimits limits;
  const QueryMethods methods{&pipelines, &limits};
  CallMetrics metrics;
  const HttpService http_service{&methods, &metrics};
  CallPool pool{kPoolThreads, limits.waiting_calls};
  std::unique_ptr<GrpcServer> grpc;
  std::unique_ptr<HttpServer> http;
};

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::Start(Pipelines pipelines, const ServeOptions& options) {
  for (const std::string* address : {&options.http, &options.grpc}) {
    MURMUR_TRY(CheckReach(*address, options.insecure));
  }
  auto parts = std::make_unique<Parts>(std::move(pipelines));
  if (!options.http.empty()) {
    MURMUR_ASSIGN(parts->http, HttpServer::Listen(options.http, &parts->http_service,
                                                  &parts->limits, &parts->pool));
  }
  if (!options.grpc.empty()) {
    MURMUR_ASSIGN(parts->grpc,
                  GrpcServer::Listen(options.grpc, &parts->methods, &parts->metrics, &parts->pool));
  }
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

std::vector<std::string> Server::Addresses() const {
  std::vector<std::string> addresses;
  if (parts_->http) addresses.push_back("http://" + parts_->http->Address());
  if (parts_->grpc) addresses.push_back("grpc://" + parts_->grpc->Address());
  return addresses;
}

}  // namespace murmur
