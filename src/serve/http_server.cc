#include "serve/http_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cctype>
#include <optional>
#include <thread>
#include <utility>

#include "serve/address.h"
#include "serve/error_codes.h"
#include "serve/piece_gate.h"

namespace murmur {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

constexpr unsigned kHttp11 = 11;

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

HttpCall FromBeast(http::request<http::string_body>&& message) {
  HttpCall request;
  request.method = View(message.method_string());
  const std::string_view target = View(message.target());
  const size_t question = std::min(target.find('?'), target.size());
  request.path = target.substr(0, question);
  request.query = target.substr(std::min(question + 1, target.size()));
  for (const auto& field : message) {
    std::string& value = request.headers[Lower(View(field.name_string()))];
    if (!value.empty()) value += ", ";
    value += View(field.value());
  }
  request.body = std::move(message.body());
  return request;
}

std::string HeadOf(const HttpResponse& response, bool keep_alive) {
  std::string head = fmt::format(
      "HTTP/1.1 {} {}\r\n", response.code,
      View(http::obsolete_reason(http::int_to_status(static_cast<unsigned>(response.code)))));
  if (response.code != 304) head += "Content-Type: " + response.content_type + "\r\n";
  for (const auto& [name, value] : response.headers) head += name + ": " + value + "\r\n";
  if (!keep_alive) head += "Connection: close\r\n";
  return head;
}

std::string WholeOf(const HttpResponse& response, bool keep_alive) {
  std::string text = HeadOf(response, keep_alive);
  if (response.code != 304) text += fmt::format("Content-Length: {}\r\n", response.body.size());
  return text + "\r\n" + response.body;
}

// What a request that can't be read is answered with; none: the connection just ends.
std::optional<HttpResponse> WhyUnread(const ErrorCode& error, const ServeLimits& limits) {
  const auto told = [](int code, Code kind, std::string text) {
    return HttpResponse{.code = code, .body = ErrorJson(Status(kind, std::move(text)))};
  };
  if (error == http::error::body_limit) {
    return told(413, Code::kResourceExhausted,
                fmt::format("the body has more than {} bytes", limits.request_bytes));
  }
  if (error == http::error::header_limit) {
    return told(431, Code::kResourceExhausted,
                fmt::format("the headers have more than {} bytes", limits.header_bytes));
  }
  const bool is_http =
      error.category() == http::make_error_code(http::error::bad_method).category();
  if (!is_http || error == http::error::end_of_stream || error == http::error::partial_message) {
    return std::nullopt;
  }
  return told(400, Code::kInvalidArgument, "no HTTP request: " + error.message());
}

// What the sessions of a server share. Outlives them.
struct Shared {
  const HttpService& service;
  const ServeLimits& limits;
  CallPool& pool;
  std::atomic<size_t> connections{0};
};

// One connection: a request, its answer, the next request. Its handlers run in the server's thread,
// answers that take long are made in the pool's.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, Shared* shared) : stream_(std::move(socket)), shared_(*shared) {}
  ~Session() { shared_.connections.fetch_sub(1); }

  void Start() {
    if (shared_.connections.fetch_add(1) >= shared_.limits.connections) {
      keep_alive_ = false;
      return Send({.code = 503,
                   .headers = {{"Retry-After", "1"}},
                   .body = ErrorJson(Status(Code::kResourceExhausted,
                                            "the server has as many connections as it may"))});
    }
    Read();
  }

 private:
  void Read() {
    parser_.emplace();
    parser_->body_limit(shared_.limits.request_bytes);
    parser_->header_limit(static_cast<uint32_t>(shared_.limits.header_bytes));
    stream_.expires_after(buffer_.size() > 0 ? shared_.limits.request : shared_.limits.idle);
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](const ErrorCode& error, size_t) { self->OnHeader(error); });
  }
  void OnHeader(const ErrorCode& error) {
    if (error) return OnRead(error);
    const auto& headers = parser_->get();
    const bool waits = beast::iequals(headers[http::field::expect], "100-continue");
    stream_.expires_after(shared_.limits.request);
    if (waits) return SendContinue();
    ReadBody();
  }
  void SendContinue() {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(stream_, asio::buffer(kContinue),
                      [self = shared_from_this()](const ErrorCode& error, size_t) {
                        if (!error) self->ReadBody();
                      });
  }
  void ReadBody() {
    if (parser_->is_done()) return OnRead({});
    http::async_read(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](const ErrorCode& error, size_t) { self->OnRead(error); });
  }
  void OnRead(const ErrorCode& error) {
    if (error) {
      keep_alive_ = false;
      if (auto why = WhyUnread(error, shared_.limits)) Send(*std::move(why));
      return;
    }
    keep_alive_ = parser_->keep_alive();
    is_http11_ = parser_->get().version() >= kHttp11;
    HttpCall request = FromBeast(parser_->release());
    stream_.expires_never();
    if (shared_.service.IsQuick(request)) {
      return Send(shared_.service.Answer(request, shared_.pool.stop()).response);
    }
    const Status started = shared_.pool.Start(
        [self = shared_from_this(), request = std::move(request)] { self->AnswerInPool(request); });
    if (!started.ok()) {
      Send({.code = HttpCode(started.code()),
            .headers = {{"Retry-After", "1"}},
            .body = ErrorJson(started)});
    }
  }

  // In a thread of the pool, as what follows.
  void AnswerInPool(const HttpCall& request) {
    HttpReply answer = shared_.service.Answer(request, shared_.pool.stop());
    if (!answer.stream) {
      asio::post(stream_.get_executor(),
                 [self = shared_from_this(), response = std::move(answer.response)]() mutable {
                   self->Send(std::move(response));
                 });
      return;
    }
    keep_alive_ = keep_alive_ && is_http11_;  // without chunks, the connection's end is the body's
    Status status = Pass(HeadOf(answer.response, keep_alive_) +
                         (is_http11_ ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n"));
    if (status.ok()) {
      status = answer.stream([this](std::string_view piece) { return PassPiece(piece); });
    }
    if (status.ok() && is_http11_) status = Pass("0\r\n\r\n");
    asio::post(stream_.get_executor(), [self = shared_from_this(), ok = status.ok()] {
      if (!ok) return self->BreakOff();
      self->AfterAnswer();
    });
  }
  Status PassPiece(std::string_view piece) {
    if (piece.empty()) return {};
    return Pass(is_http11_ ? fmt::format("{:x}\r\n{}\r\n", piece.size(), piece)
                           : std::string(piece));
  }
  // Waits until the client has taken it.
  Status Pass(std::string text) {
    asio::post(
        stream_.get_executor(), [self = shared_from_this(), text = std::move(text)]() mutable {
          self->out_ = std::move(text);
          self->stream_.expires_after(self->shared_.limits.write);
          asio::async_write(
              self->stream_, asio::buffer(self->out_), [self](const ErrorCode& error, size_t) {
                self->gate_.Open(error ? Status(Code::kUnavailable, error.message()) : Status());
              });
        });
    return gate_.Wait(std::chrono::steady_clock::now() + 2 * shared_.limits.write,
                      shared_.pool.stop());
  }

  // In the server's thread.
  void Send(HttpResponse response) {
    out_ = WholeOf(response, keep_alive_);
    stream_.expires_after(shared_.limits.write);
    asio::async_write(stream_, asio::buffer(out_),
                      [self = shared_from_this()](const ErrorCode& error, size_t) {
                        if (!error) self->AfterAnswer();
                      });
  }
  void AfterAnswer() {
    if (keep_alive_) return Read();
    ErrorCode ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    Drain();
  }
  // Until the client has read the answer: a socket that is closed with bytes unread resets it.
  void Drain() {
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(kDrainBytes),
                            [self = shared_from_this()](const ErrorCode& error, size_t size) {
                              self->drained_ += size;
                              if (!error && self->drained_ < kDrainBytesMax) self->Drain();
                            });
  }
  // So that nobody takes a part of the answer for the whole.
  void BreakOff() {
    ErrorCode ignored;
    stream_.socket().set_option(asio::socket_base::linger(true, 0), ignored);
    stream_.close();
  }

  static constexpr size_t kDrainBytes = 16 << 10;
  static constexpr size_t kDrainBytesMax = 64 << 20;

  beast::tcp_stream stream_;
  Shared& shared_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  bool keep_alive_ = true;
  bool is_http11_ = true;
  std::string out_;  // what is being written
  PieceGate gate_;
  size_t drained_ = 0;
};

class BeastServer final : public HttpServer {
 public:
  BeastServer(const HttpService* service, const ServeLimits* limits, CallPool* pool)
      : shared_{.service = *service, .limits = *limits, .pool = *pool}, acceptor_(io_) {}
  ~BeastServer() override {
    StopListening();
    shared_.pool.Stop();  // whose calls need the thread
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  Status Start(const ServeAddress& address) {
    ErrorCode error;
    tcp::resolver resolver(io_);
    const auto found = resolver.resolve(address.host, std::to_string(address.port), error);
    if (error || found.empty()) return Failed(address, error);
    const tcp::endpoint endpoint = found.begin()->endpoint();
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return Failed(address, error);
    endpoint_ = acceptor_.local_endpoint();
    Accept();
    thread_ = std::thread([this] { io_.run(); });
    return {};
  }
  std::string Address() const override {
    const std::string host = endpoint_.address().to_string();
    return fmt::format(fmt::runtime(endpoint_.address().is_v6() ? "[{}]:{}" : "{}:{}"), host,
                       endpoint_.port());
  }
  void StopListening() override {
    asio::post(io_, [this] {
      ErrorCode ignored;
      acceptor_.close(ignored);
    });
  }

 private:
  static Status Failed(const ServeAddress& address, const ErrorCode& error) {
    return Status(Code::kUnavailable,
                  fmt::format("can't listen at {}: {}", address.ToString(), error.message()));
  }
  void Accept() {
    acceptor_.async_accept([this](const ErrorCode& error, tcp::socket socket) {
      if (error == asio::error::operation_aborted || !acceptor_.is_open()) return;
      if (error) return AcceptLater();
      ErrorCode ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      std::make_shared<Session>(std::move(socket), &shared_)->Start();
      Accept();
    });
  }
  // Descriptors have run out.
  void AcceptLater() {
    retry_.expires_after(kRetryAccept);
    retry_.async_wait([this](const ErrorCode& error) {
      if (!error) Accept();
    });
  }

  static constexpr std::chrono::milliseconds kRetryAccept{100};

  Shared shared_;
  asio::io_context io_{1};
  tcp::acceptor acceptor_;
  asio::steady_timer retry_{io_};
  tcp::endpoint endpoint_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Listen(const std::string& text,
                                                       const HttpService* service,
                                                       const ServeLimits* limits, CallPool* pool) {
  MURMUR_ASSIGN(const ServeAddress address, ParseServeAddress(text));
  auto server = std::make_unique<BeastServer>(service, limits, pool);
  MURMUR_TRY(server->Start(address));
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace murmur
