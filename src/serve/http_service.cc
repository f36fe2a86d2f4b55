#include "serve/http_service.h"

#include "serve/error_codes.h"
#include "serve/openapi.h"
#include "serve/pipeline_metrics.h"

namespace murmur {
namespace {

// A body that asks for so few keys that reading them takes less than a change of threads.
constexpr size_t kQuickBytes = 4 << 10;

HttpReply WrongMethod(const char* allowed) {
  return {.response = {.code = 405,
                       .headers = {{"Allow", allowed}},
                       .body = ErrorJson(Status(Code::kUnimplemented,
                                                std::string("the method must be ") + allowed))}};
}

}  // namespace

bool HttpService::IsQuick(const HttpCall& request) const {
  return request.body.size() <= kQuickBytes && (connect_.IsQuick(request) || get_.IsQuick(request));
}

HttpReply HttpService::Answer(const HttpCall& request, const std::stop_token& stop) const {
  if (ConnectService::Takes(request.path)) {
    if (request.method != "POST") return WrongMethod("POST");
    return {.response = connect_.Answer(request, stop)};
  }
  if (request.method != "GET") return WrongMethod("GET");
  if (request.path == "/healthz") return {.response = {.body = "{\"status\": \"ok\"}\n"}};
  if (request.path == "/openapi.json") return {.response = {.body = OpenApiJson()}};
  if (request.path == "/metrics") return Metrics(stop);
  return get_.Answer(request, stop);
}

HttpReply HttpService::Metrics(const std::stop_token& stop) const {
  const ScanLimit limit = LimitFor(methods_.limits().call, stop);
  HttpReply answer{.response = {.content_type = "text/plain; version=0.0.4; charset=utf-8"}};
  AppendPipelineMetrics(methods_.pipelines(), limit, &answer.response.body);
  metrics_.AppendText(&answer.response.body);
  return answer;
}

}  // namespace murmur
