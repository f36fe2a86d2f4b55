#include "serve/connect_service.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <charconv>

#include "base/shown.h"
#include "serve/error_codes.h"

namespace murmur {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kProto = "application/proto";
constexpr size_t kTimeoutDigitsMax = 10;  // of Connect-Timeout-Ms

// "application/json; charset=utf-8" → "application/json"
std::string_view MediaType(std::string_view header) {
  std::string_view type = header.substr(0, header.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return type;
}

HttpResponse ErrorResponse(const Status& status) {
  return {.code = HttpCode(status.code()), .body = ErrorJson(status)};
}

Status FromText(const std::string& body, bool is_json, google::protobuf::Message* message) {
  if (!is_json) {
    if (message->ParseFromString(body)) return {};
    return Status(Code::kInvalidArgument,
                  "the body is no " + std::string(message->GetTypeName()) + " in binary form");
  }
  const auto parsed = google::protobuf::util::JsonStringToMessage(body, message);
  if (parsed.ok()) return {};
  return Status(Code::kInvalidArgument, "the body is no " + std::string(message->GetTypeName()) +
                                            " in JSON: " + std::string(parsed.message()));
}

Result<std::string> ToText(const google::protobuf::Message& message, bool is_json) {
  std::string text;
  if (!is_json) {
    if (message.SerializeToString(&text)) return text;
    return Status(Code::kInternal, "the answer can't be written");
  }
  const auto written = google::protobuf::util::MessageToJsonString(message, &text);
  if (written.ok()) return text;
  return Status(Code::kInternal,
                "the answer can't be written as JSON: " + std::string(written.message()));
}

}  // namespace

template <class Request, class Response>
void ConnectService::Add(const char* name, CallMetrics* metrics, bool quick,
                         Status (QueryMethods::*method)(const Request&, const ScanLimit&, Response*)
                             const) {
  const auto call = [this, method](const std::string& body, bool is_json,
                                   const ScanLimit& limit) -> Result<std::string> {
    Request request;
    MURMUR_TRY(FromText(body, is_json, &request));
    Response response;
    MURMUR_TRY((methods_.*method)(request, limit, &response));
    return ToText(response, is_json);
  };
  by_name_[name] = {.call = call, .calls = metrics->Add("connect", name), .quick = quick};
}

ConnectService::ConnectService(const QueryMethods* methods, CallMetrics* metrics)
    : methods_(*methods) {
  Add("Get", metrics, true, &QueryMethods::Get);
  Add("GetMany", metrics, true, &QueryMethods::GetMany);
  Add("Batch", metrics, true, &QueryMethods::Batch);
  Add("Windows", metrics, false, &QueryMethods::Windows);
  Add("Trailing", metrics, false, &QueryMethods::Trailing);
  Add("Keys", metrics, false, &QueryMethods::Keys);
  Add("Top", metrics, false, &QueryMethods::Top);
  Add("List", metrics, false, &QueryMethods::List);
  Add("Status", metrics, false, &QueryMethods::PipelineStatus);
  Add("Describe", metrics, false, &QueryMethods::Describe);
}

bool ConnectService::IsQuick(const HttpCall& request) const {
  if (!Takes(request.path)) return false;
  const auto method = by_name_.find(std::string_view(request.path).substr(kPrefix.size()));
  return method == by_name_.end() || method->second.quick;
}

Result<ScanLimit> ConnectService::LimitOf(const HttpCall& request,
                                          const std::stop_token& stop) const {
  auto time = methods_.limits().call;
  if (const std::string_view text = request.header("connect-timeout-ms"); !text.empty()) {
    int64_t millis = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), millis);
    if (error != std::errc() || end != text.data() + text.size() || millis < 0 ||
        text.size() > kTimeoutDigitsMax) {
      return Status(Code::kInvalidArgument,
                    "Connect-Timeout-Ms " + Shown(text) + ": expected up to 10 digits");
    }
    time = std::min(time, std::chrono::milliseconds(millis));
  }
  return LimitFor(time, stop);
}

HttpResponse ConnectService::Answer(const HttpCall& request, const std::stop_token& stop) const {
  const std::string_view name = std::string_view(request.path).substr(kPrefix.size());
  const auto method = by_name_.find(name);
  if (method == by_name_.end()) {
    HttpResponse response =
        ErrorResponse(Status(Code::kUnimplemented, "no method " + Shown(name) + " by HTTP"));
    response.code = 404;
    return response;
  }
  const std::string_view type = MediaType(request.header("content-type"));
  if (type != kJson && type != kProto) {
    return {.code = 415,
            .headers = {{"Accept-Post", "application/json, application/proto"}},
            .body = ErrorJson(Status(Code::kUnimplemented,
                                     "Content-Type must be application/json or "
                                     "application/proto"))};
  }
  const std::string_view encoding = request.header("content-encoding");
  if (!encoding.empty() && encoding != "identity") {
    return ErrorResponse(Status(Code::kUnimplemented, "Content-Encoding " + Shown(encoding) +
                                                          ": this server takes identity"));
  }
  const auto limit = LimitOf(request, stop);
  if (!limit.ok()) return ErrorResponse(limit.status());
  const auto began = std::chrono::steady_clock::now();
  auto answered = method->second.call(request.body, type == kJson, *limit);
  method->second.calls->Note(answered.status().code(), std::chrono::steady_clock::now() - began);
  if (!answered.ok()) return ErrorResponse(answered.status());
  return {.content_type = std::string(type), .body = std::move(answered).value()};
}

}  // namespace murmur
