#include "serve/grpc_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <stop_token>
#include <string_view>
#include <utility>

#include "murmur/v1/query.grpc.pb.h"
#include "serve/address.h"
#include "serve/piece_gate.h"

namespace murmur {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kShutdownGrace{2};
constexpr size_t kBulkPieceBytes = 1 << 20;  // clients take messages of up to 4 MB

// Murmur's codes have gRPC's numbers.
grpc::Status ToGrpc(const Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

// A call ends at the client's deadline, at the server's, when the client cancels it, and when the
// server ends.
class CallLimit {
 public:
  CallLimit(const grpc::CallbackServerContext& context, std::chrono::milliseconds most,
            std::stop_token server)
      : ended_(std::move(server), [this] { stop_.request_stop(); }) {
    const auto now = std::chrono::system_clock::now();
    const auto left = context.deadline() - now;
    limit_ = {
        .stop = stop_.get_token(),
        .deadline = steady_clock::now() +
                    std::min(std::chrono::duration_cast<std::chrono::milliseconds>(left), most)};
  }
  void Cancel() { stop_.request_stop(); }
  const ScanLimit& limit() const noexcept { return limit_; }

 private:
  std::stop_source stop_;
  std::stop_callback<std::function<void()>> ended_;
  ScanLimit limit_;
};

// A call with one answer, made in gRPC's thread or in one of the pool.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  using Answer = std::function<Status(const ScanLimit&)>;
  UnaryCall(const grpc::CallbackServerContext& context, const QueryMethods& methods, CallPool* pool,
            CallMetrics::Series* calls, bool quick, Answer answer)
      : limit_(context, methods.limits().call, pool->stop()),
        calls_(*calls),
        answer_(std::move(answer)) {
    if (quick) {
      Make();
      return;
    }
    const Status started = pool->Start([this] { Make(); });
    if (!started.ok()) End(started);
  }
  void OnCancel() override { limit_.Cancel(); }
  void OnDone() override { delete this; }

 private:
  void Make() { End(answer_(limit_.limit())); }
  // Last: the call may be gone after it.
  void End(const Status& status) {
    calls_.Note(status.code(), steady_clock::now() - began_);
    Finish(ToGrpc(status));
  }

  const steady_clock::time_point began_ = steady_clock::now();
  CallLimit limit_;
  CallMetrics::Series& calls_;
  const Answer answer_;
};

class BulkCall final : public grpc::ServerWriteReactor<v1::BulkResponse> {
 public:
  BulkCall(const grpc::CallbackServerContext& context, const v1::BulkRequest& request,
           const QueryMethods& methods, CallPool* pool, CallMetrics::Series* calls)
      : methods_(methods), limit_(context, methods.limits().stream, pool->stop()), calls_(*calls) {
    const Status started = pool->Start([this, request] {
      End(methods_.Bulk(request, limit_.limit(),
                        [this](std::string_view text) { return WriteAll(text); }));
    });
    if (!started.ok()) End(started);
  }
  void OnWriteDone(bool ok) override {
    gate_.Open(ok ? Status() : Status(Code::kCancelled, "the client has left"));
  }
  void OnCancel() override { limit_.Cancel(); }
  void OnDone() override { delete this; }

 private:
  Status WriteAll(std::string_view text) {
    for (; !text.empty(); text.remove_prefix(std::min(kBulkPieceBytes, text.size()))) {
      piece_.set_data(std::string(text.substr(0, kBulkPieceBytes)));
      StartWrite(&piece_);
      MURMUR_TRY(gate_.Wait(steady_clock::now() + methods_.limits().write, limit_.limit().stop));
    }
    return {};
  }

  // Last: the call may be gone after it.
  void End(const Status& status) {
    calls_.Note(status.code(), steady_clock::now() - began_);
    Finish(ToGrpc(status));
  }

  const steady_clock::time_point began_ = steady_clock::now();
  const QueryMethods& methods_;
  CallLimit limit_;
  CallMetrics::Series& calls_;
  v1::BulkResponse piece_;
  PieceGate gate_;
};

class QueryGrpc final : public v1::Query::CallbackService {
 public:
  QueryGrpc(const QueryMethods* methods, CallMetrics* metrics, CallPool* pool)
      : methods_(*methods), metrics_(*metrics), pool_(*pool) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* Get(Context* context, const v1::GetRequest* in, v1::GetResponse* out) override {
    return Unary(get_, context, in, out, &QueryMethods::Get, true);
  }
  Reactor* GetMany(Context* context, const v1::GetManyRequest* in,
                   v1::GetManyResponse* out) override {
    return Unary(get_many_, context, in, out, &QueryMethods::GetMany,
                 in->keys_size() <= kQuickKeys);
  }
  Reactor* Batch(Context* context, const v1::BatchRequest* in, v1::BatchResponse* out) override {
    return Unary(batch_, context, in, out, &QueryMethods::Batch,
                 in->questions_size() <= kQuickKeys);
  }
  Reactor* Windows(Context* context, const v1::WindowsRequest* in,
                   v1::WindowsResponse* out) override {
    return Unary(windows_, context, in, out, &QueryMethods::Windows);
  }
  Reactor* Trailing(Context* context, const v1::TrailingRequest* in,
                    v1::WindowsResponse* out) override {
    return Unary(trailing_, context, in, out, &QueryMethods::Trailing);
  }
  Reactor* Keys(Context* context, const v1::KeysRequest* in, v1::KeysResponse* out) override {
    return Unary(keys_, context, in, out, &QueryMethods::Keys);
  }
  Reactor* Top(Context* context, const v1::TopRequest* in, v1::TopResponse* out) override {
    return Unary(top_, context, in, out, &QueryMethods::Top);
  }
  Reactor* List(Context* context, const v1::ListRequest* in, v1::ListResponse* out) override {
    return Unary(list_, context, in, out, &QueryMethods::List);
  }
  Reactor* Status(Context* context, const v1::StatusRequest* in, v1::StatusResponse* out) override {
    return Unary(status_, context, in, out, &QueryMethods::PipelineStatus);
  }
  Reactor* Describe(Context* context, const v1::DescribeRequest* in,
                    v1::DescribeResponse* out) override {
    return Unary(describe_, context, in, out, &QueryMethods::Describe);
  }
  grpc::ServerWriteReactor<v1::BulkResponse>* Bulk(Context* context,
                                                   const v1::BulkRequest* in) override {
    return new BulkCall(*context, *in, methods_, &pool_, bulk_);
  }

 private:
  // So many that reading them takes less than a change of threads.
  static constexpr int kQuickKeys = 200;

  template <class Request, class Response>
  Reactor* Unary(CallMetrics::Series* calls, Context* context, const Request* in, Response* out,
                 murmur::Status (QueryMethods::*method)(const Request&, const ScanLimit&, Response*)
                     const,
                 bool quick = false) {
    return new UnaryCall(
        *context, methods_, &pool_, calls, quick,
        [=, this](const ScanLimit& limit) { return (methods_.*method)(*in, limit, out); });
  }

  CallMetrics::Series* Calls(const char* method) { return metrics_.Add("grpc", method); }

  const QueryMethods& methods_;
  CallMetrics& metrics_;
  CallPool& pool_;
  CallMetrics::Series* const get_ = Calls("Get");
  CallMetrics::Series* const get_many_ = Calls("GetMany");
  CallMetrics::Series* const batch_ = Calls("Batch");
  CallMetrics::Series* const windows_ = Calls("Windows");
  CallMetrics::Series* const trailing_ = Calls("Trailing");
  CallMetrics::Series* const keys_ = Calls("Keys");
  CallMetrics::Series* const top_ = Calls("Top");
  CallMetrics::Series* const list_ = Calls("List");
  CallMetrics::Series* const status_ = Calls("Status");
  CallMetrics::Series* const describe_ = Calls("Describe");
  CallMetrics::Series* const bulk_ = Calls("Bulk");
};

class CallbackServer final : public GrpcServer {
 public:
  CallbackServer(const QueryMethods* methods, CallMetrics* metrics, CallPool* pool)
      : service_(methods, metrics, pool), pool_(*pool) {}
  ~CallbackServer() override {
    pool_.Stop();  // whose calls then finish
    if (server_) server_->Shutdown(std::chrono::system_clock::now() + kShutdownGrace);
  }

  murmur::Status Start(const ServeAddress& address, const ServeLimits& limits) {
    address_ = address;
    int port = 0;
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address.ToString(), grpc::InsecureServerCredentials(), &port);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.SetMaxReceiveMessageSize(static_cast<int>(limits.request_bytes));
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port == 0) {
      return murmur::Status(Code::kUnavailable, "can't listen at " + address.ToString() +
                                                    ": it is in use, or not of this machine");
    }
    address_.port = static_cast<uint16_t>(port);
    return {};
  }
  std::string Address() const override { return address_.ToString(); }

 private:
  QueryGrpc service_;
  CallPool& pool_;
  ServeAddress address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

Result<std::unique_ptr<GrpcServer>> GrpcServer::Listen(const std::string& text,
                                                       const QueryMethods* methods,
                                                       CallMetrics* metrics, CallPool* pool) {
  MURMUR_ASSIGN(const ServeAddress address, ParseServeAddress(text));
  auto server = std::make_unique<CallbackServer>(methods, metrics, pool);
  MURMUR_TRY(server->Start(address, methods->limits()));
  return std::unique_ptr<GrpcServer>(std::move(server));
}

}  // namespace murmur
