#include "source/aws/http.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "base/trim.h"

namespace murmur {
namespace {

constexpr long kConnectSecondsMax = 5;
constexpr long kSilentSecondsMax = 20;
constexpr int kLookForStopEveryMs = 100;
constexpr size_t kErrorBytesMax = 64 << 10;
constexpr size_t kBodyBytesMax = 64 << 20;  // a page of a listing has about one

// The part of libcurl 7 and 8 in use; its interface has been the same for twenty years.
struct Curl {
  decltype(&curl_global_init) global_init = nullptr;
  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_reset) easy_reset = nullptr;
  decltype(&curl_easy_setopt) easy_setopt = nullptr;
  decltype(&curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&curl_easy_strerror) easy_strerror = nullptr;
  decltype(&curl_multi_init) multi_init = nullptr;
  decltype(&curl_multi_add_handle) multi_add_handle = nullptr;
  decltype(&curl_multi_perform) multi_perform = nullptr;
  decltype(&curl_multi_poll) multi_poll = nullptr;
  decltype(&curl_multi_info_read) multi_info_read = nullptr;
  decltype(&curl_multi_remove_handle) multi_remove_handle = nullptr;
  decltype(&curl_multi_cleanup) multi_cleanup = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;
  bool loaded = false;

  Curl() {
    void* const library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return;
    const auto find = [library](auto* function, const char* name) {
      *function = reinterpret_cast<std::remove_pointer_t<decltype(function)>>(dlsym(library, name));
      return *function != nullptr;
    };
    loaded = find(&global_init, "curl_global_init") && find(&easy_init, "curl_easy_init") &&
             find(&easy_reset, "curl_easy_reset") && find(&easy_setopt, "curl_easy_setopt") &&
             find(&easy_getinfo, "curl_easy_getinfo") && find(&easy_cleanup, "curl_easy_cleanup") &&
             find(&easy_strerror, "curl_easy_strerror") && find(&multi_init, "curl_multi_init") &&
             find(&multi_add_handle, "curl_multi_add_handle") &&
             find(&multi_perform, "curl_multi_perform") && find(&multi_poll, "curl_multi_poll") &&
             find(&multi_info_read, "curl_multi_info_read") &&
             find(&multi_remove_handle, "curl_multi_remove_handle") &&
             find(&multi_cleanup, "curl_multi_cleanup") &&
             find(&slist_append, "curl_slist_append") &&
             find(&slist_free_all, "curl_slist_free_all") &&
             global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  }
};

const Curl& TheCurl() {
  static const Curl* const curl = new Curl();
  return *curl;
}

struct Transfer {
  CURL* handle = nullptr;
  std::span<char> out;
  HttpAnswer answer;
  bool too_long = false;
};

size_t TakeBody(char* bytes, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  long status = 0;
  TheCurl().easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
  HttpAnswer& answer = transfer.answer;
  if (status < 300 && transfer.out.data() != nullptr) {
    transfer.too_long = size > transfer.out.size() - answer.size;
    if (transfer.too_long) return 0;
    std::memcpy(transfer.out.data() + answer.size, bytes, size);
  } else {
    const size_t most = status < 300 ? kBodyBytesMax : kErrorBytesMax;
    transfer.too_long = size > most - answer.size;
    if (transfer.too_long) return 0;
    answer.body.append(bytes, size);
  }
  answer.size += size;
  return size;
}

size_t TakeHeader(char* bytes, size_t, size_t size, void* user) {
  const std::string_view line(bytes, size);
  const size_t colon = line.find(':');
  if (colon == line.npos) return size;
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  static_cast<Transfer*>(user)->answer.headers.emplace_back(
      std::move(name), Trim(line.substr(colon + 1), " \t\r\n"));
  return size;
}

void SetUp(const Curl& curl, const HttpRequest& request, curl_slist* headers, Transfer* transfer) {
  const auto set = [&](CURLoption option, auto value) {
    curl.easy_setopt(transfer->handle, option, value);
  };
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PATH_AS_IS, 1L);  // ".." in a key has no special meaning
  set(CURLOPT_HTTPHEADER, headers);
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_CONNECTTIMEOUT, kConnectSecondsMax);
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, kSilentSecondsMax);
  set(CURLOPT_WRITEFUNCTION, &TakeBody);
  set(CURLOPT_WRITEDATA, transfer);
  set(CURLOPT_HEADERFUNCTION, &TakeHeader);
  set(CURLOPT_HEADERDATA, transfer);
  if (request.post) {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDS, request.post->data());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.post->size()));
  }
  for (const char* name : {"AWS_CA_BUNDLE", "SSL_CERT_FILE"}) {
    const char* const bundle = std::getenv(name);
    if (bundle == nullptr || *bundle == '\0') continue;
    set(CURLOPT_CAINFO, bundle);
    break;
  }
}

// Of `handle` in `multi`; empty: stopped.
std::optional<CURLcode> Perform(const Curl& curl, CURLM* multi, CURL* handle,
                                const std::stop_token& stop) {
  std::optional<CURLcode> code;
  curl.multi_add_handle(multi, handle);
  while (!code && !stop.stop_requested()) {
    int running = 0;
    if (curl.multi_perform(multi, &running) != CURLM_OK) code = CURLE_FAILED_INIT;
    int left = 0;
    while (const CURLMsg* message = curl.multi_info_read(multi, &left)) {
      if (message->msg == CURLMSG_DONE) code = message->data.result;
    }
    if (!code) curl.multi_poll(multi, nullptr, 0, kLookForStopEveryMs, nullptr);
  }
  curl.multi_remove_handle(multi, handle);
  return code;
}

}  // namespace

struct HttpClient::Connection {
  CURLM* multi = TheCurl().multi_init();
  CURL* easy = TheCurl().easy_init();

  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    TheCurl().easy_cleanup(easy);
    TheCurl().multi_cleanup(multi);
  }
};

HttpClient::HttpClient(std::string server) : server_(std::move(server)) {}
HttpClient::~HttpClient() = default;

std::unique_ptr<HttpClient::Connection> HttpClient::Take() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<Connection>();
  auto connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

Result<HttpAnswer> HttpClient::Ask(const HttpRequest& request, const std::stop_token& stop) {
  const Curl& curl = TheCurl();
  if (!curl.loaded) {
    return Status(Code::kUnimplemented,
                  "asking " + server_ + " needs libcurl.so.4: apt-get install libcurl4");
  }
  auto connection = Take();
  if (connection->easy == nullptr || connection->multi == nullptr) {
    return Status(Code::kResourceExhausted, "libcurl: no memory");
  }
  Transfer transfer{.handle = connection->easy, .out = request.out, .answer = {}};
  curl.easy_reset(transfer.handle);  // of options; connections stay
  curl_slist* list = nullptr;
  for (const std::string& header : request.headers) list = curl.slist_append(list, header.c_str());
  SetUp(curl, request, list, &transfer);
  const auto code = Perform(curl, connection->multi, transfer.handle, stop);
  long status = 0;
  curl.easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
  curl.slist_free_all(list);
  {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(connection));
  }
  if (!code) return Status(Code::kCancelled, "stopped");
  if (transfer.too_long) {
    return Status(Code::kUnavailable, "the answer is longer than was asked for");
  }
  if (*code != CURLE_OK) {
    return Status(Code::kUnavailable, fmt::format("{} can't be reached, or broke off: {}. "
                                                  "Check `endpoint:` and the network",
                                                  server_, curl.easy_strerror(*code)));
  }
  transfer.answer.status = static_cast<int>(status);
  return std::move(transfer.answer);
}

}  // namespace murmur
